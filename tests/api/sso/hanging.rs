//! A provider that takes calls and says nothing, while others sign in.

use std::cell::Cell;

use futures_util::future::join_all;

use rollcall::config::Config;

use super::*;

/// Nobody is waited for longer than a second.
pub fn impatient(config: &mut Config) {
    config.outbound_timeout = Duration::from_secs(1);
}

/// So many calls of one organization are under way at once; others of it wait.
const AT_ONCE: usize = 8;

/// Signs somebody in by a provider that hangs, again and again, and counts how often that came to its end.
async fn keeps_coming(
    connection: &Value,
    (app, provider): (&App, &IdentityProvider),
    ended: &Cell<usize>,
) {
    loop {
        let as_whom = (provider, json!({ "sub": "stuck" }));
        let end = go_round(&app.anonymous(), connection, as_whom, json!({})).await;
        assert!(
            end.as_str()
                .contains("problem=identity_provider_unreachable"),
            "{end}"
        );
        ended.set(ended.get() + 1);
    }
}

/// Waits until calls hang and no connection to the database is at work. Calls that held one would never let it come to
/// that, however many of them end.
async fn hang_without_a_connection(app: &App, provider: &IdentityProvider, ended: &Cell<usize>) {
    const ENOUGH: usize = 100;
    while provider.hanging() == 0 || app.state.services.pool.in_use() > 0 {
        assert!(ended.get() < ENOUGH, "calls that hang hold connections");
        tokio::task::yield_now().await;
    }
}

both_databases!(a_provider_that_hangs_holds_up_nobody_else, |app| {
    let school = app.school().await;
    let other = app.organization("Other School", "school").await;
    let (hangs, answers) = (IdentityProvider::start(), IdentityProvider::start());
    let mut stuck = Vec::new();
    for _ in 0..4 {
        stuck.push(active(&school, &hangs).await);
    }
    let connection = active(&other, &answers).await;
    hangs.hang_at("/token");
    let ended = Cell::new(0);
    let twenty = stuck.iter().cycle().take(20);
    let coming = join_all(twenty.map(|connection| keeps_coming(connection, (app, &hangs), &ended)));
    let others = async {
        hangs.wait_until_hanging(AT_ONCE).await;
        for number in 0..10 {
            let claims = json!({ "sub": format!("person-{number}") });
            let came = come(&other, &connection, &answers, claims).await;
            came.expect_status(200);
        }
        hang_without_a_connection(app, &hangs, &ended).await;
    };
    tokio::select! {
        _ = coming => unreachable!("they come again and again"),
        () = others => {}
    }
});

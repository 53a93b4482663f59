//! A provider that takes calls and says nothing, while others sign in.

use std::cell::Cell;

use futures_util::future::join_all;

use rollcall::config::Config;

use super::*;
use crate::limits::on_both;

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

/// As [`keeps_coming`], once.
async fn comes_once(connection: &Value, (app, provider): (&App, &IdentityProvider)) {
    let as_whom = (provider, json!({ "sub": "stuck" }));
    go_round(&app.anonymous(), connection, as_whom, json!({})).await;
}

#[test]
fn whoever_has_too_many_calls_under_way_says_nothing_of_the_provider() {
    let configure = |config: &mut Config| {
        config.outbound_timeout = Duration::from_secs(6);
        config.outbound_wait = Duration::from_millis(200);
    };
    on_both(configure, async |app| {
        let school = app.school().await;
        let other = app.organization("Other School", "school").await;
        let provider = IdentityProvider::start();
        let crowded = active(&school, &provider).await;
        let quiet = active(&other, &provider).await;
        provider.hang_at("/token");
        let by = (app, &provider);
        let crowd = join_all((0..2).map(|_| comes_once(&crowded, by)));
        let others = async {
            provider.wait_until_hanging(2).await;
            app.advance(Duration::from_secs(25 * 60 * 60));
            let admin = app.sign_in(&school.admin.email, PASSWORD).await;
            let anonymous = app.anonymous();
            let refused = start(&anonymous, &crowded, json!({})).await;
            refused.expect_problem(503, "identity_provider_unreachable");
            let diagnoses = school.path("/diagnoses");
            let diagnoses = admin.get(&diagnoses).await.expect_status(200);
            let last = last_step(&diagnoses["items"][0]);
            assert_eq!(last["name"], "discovery");
            assert!(
                text(&last["received"]).contains("none was made"),
                "{last:#}"
            );
            assert!(
                text(&last["advice"]).contains("Many people came"),
                "{last:#}"
            );
            // Nor is it told to admins as one that cannot be read.
            let path = path_of(&school, &crowded);
            let refreshed = admin.post(&format!("{path}/refresh"), Value::Null).await;
            refreshed.expect_problem(503, "unavailable");
            let connection = admin.get(&path).await.expect_status(200);
            assert_eq!(connection["warnings"], json!([]));
            assert_eq!(provider.hanging(), 2, "it took too long");
            start(&anonymous, &quiet, json!({}))
                .await
                .expect_status(200);
        };
        tokio::select! {
            _ = crowd => panic!("it took too long"),
            () = others => {}
        }
    });
}

#[test]
fn a_connection_that_is_deleted_meanwhile_is_no_fault_of_ours() {
    let configure = |config: &mut Config| config.outbound_timeout = Duration::from_secs(2);
    on_both(configure, async |app| {
        let school = app.school().await;
        let provider = IdentityProvider::start();
        let connection = active(&school, &provider).await;
        provider.hang_at("/token");
        let anonymous = app.anonymous();
        let comes = go_round(
            &anonymous,
            &connection,
            (&provider, json!({ "sub": "m" })),
            json!({}),
        );
        let deletes = async {
            provider.wait_until_hanging(1).await;
            let path = format!("{}?force=true", path_of(&school, &connection));
            school.admin.delete(&path).await.expect_status(204);
        };
        let (end, ()) = tokio::join!(comes, deletes);
        let end = end.as_str();
        assert!(
            end.contains("problem=identity_provider_unreachable"),
            "{end}"
        );
        assert!(!end.contains("reference="), "{end}");
    });
}

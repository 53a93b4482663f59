//! What strangers use up does not lock the owner of an account out.

use std::time::Duration;

use rollcall::config::Config;
use rollcall::domain::limits::{Limit, Quota, QuotaSetting};
use serde_json::{Value, json};

use super::proxies::trust_this_machine;
use super::{on_both, sign_in_from};
use crate::support::App;
use crate::support::people::{PASSWORD, send};

const HOME: &str = "198.51.100.1";

async fn registers_at_home(app: &App, email: &str) {
    let body = json!({ "email": email, "password": PASSWORD, "username": "Ann" });
    let request = app
        .anonymous()
        .request(reqwest::Method::POST, "/v1/auth/register");
    let registered = send(request.header("x-forwarded-for", HOME).json(&body)).await;
    registered.expect_status(201);
}

/// Ten clients that have ten wrong passwords each.
async fn strangers_guess(app: &App, email: &str) {
    for client in 0..10 {
        let client = format!("203.0.113.{client}");
        for _ in 0..10 {
            sign_in_from(app, &client, email, "wrong guess 1").await;
        }
    }
    let stranger = sign_in_from(app, "192.0.2.1", email, PASSWORD).await;
    stranger.expect_problem(429, "rate_limited");
}

#[test]
fn an_owner_gets_in_from_a_network_that_they_signed_in_from() {
    on_both(trust_this_machine, async |app| {
        registers_at_home(app, "ann@x.example").await;
        let office = "2001:db8:1:2::3";
        let known = sign_in_from(app, office, "ann@x.example", PASSWORD).await;
        known.expect_status(200);
        strangers_guess(app, "ann@x.example").await;
        for at in [HOME, "2001:db8:1:2::4"] {
            let owner = sign_in_from(app, at, "ann@x.example", PASSWORD).await;
            owner.expect_status(200);
            // What others have used up says nothing of the owner.
            assert_eq!(
                owner.header("ratelimit-policy"),
                r#""sign_in_account";q=10;w=600"#
            );
        }
        // There too somebody who guesses gets no more tries than anywhere.
        for number in 0..11 {
            let guess = sign_in_from(app, HOME, "ann@x.example", "wrong guess 1").await;
            guess.expect_status(if number < 10 { 401 } else { 429 });
        }
        // It is known for this account only, and whether there is another makes no difference.
        for email in ["ben@x.example", "nobody@x.example"] {
            strangers_guess(app, email).await;
            let refused = sign_in_from(app, HOME, email, PASSWORD).await;
            refused.expect_problem(429, "rate_limited");
        }
    });
}

#[test]
fn a_new_password_by_mail_lets_the_owner_in_from_wherever_they_are() {
    on_both(trust_this_machine, async |app| {
        registers_at_home(app, "ann@x.example").await;
        strangers_guess(app, "ann@x.example").await;
        let on_the_way = "198.51.100.77";
        let owner = sign_in_from(app, on_the_way, "ann@x.example", PASSWORD).await;
        owner.expect_problem(429, "rate_limited");
        let forgot = json!({ "email": "ann@x.example" });
        let asked = app
            .anonymous()
            .post("/v1/auth/password/forgot", forgot)
            .await;
        asked.expect_status(202);
        let token = app.last_mail_to("ann@x.example").await.token();
        let new = "eight brown geese 8";
        let reset = app
            .anonymous()
            .request(reqwest::Method::POST, "/v1/auth/password/reset")
            .header("x-forwarded-for", on_the_way)
            .json(&json!({ "token": token, "password": new }));
        send(reset).await.expect_status(204);
        let owner = sign_in_from(app, on_the_way, "ann@x.example", new).await;
        owner.expect_status(200);
    });
}

#[test]
fn one_pupil_does_not_keep_the_school_from_signing_in() {
    let few = |config: &mut Config| {
        trust_this_machine(config);
        let quota = Quota {
            uses: 20,
            seconds: 3600,
        };
        config
            .limits
            .set(Limit::SignInClient, QuotaSetting(Some(quota)));
    };
    on_both(few, async |app| {
        registers_at_home(app, "ann@x.example").await;
        for number in 0..21 {
            let email = format!("made-up{number}@x.example");
            let guess = sign_in_from(app, HOME, &email, "wrong guess 1").await;
            guess.expect_status(if number < 20 { 401 } else { 429 });
        }
        let ann = sign_in_from(app, HOME, "ann@x.example", PASSWORD).await;
        ann.expect_status(200);
    });
}

#[test]
fn whoever_has_a_code_registers_though_others_have_used_registrations_up() {
    let few = |config: &mut Config| {
        let quota = Quota {
            uses: 5,
            seconds: 3600,
        };
        config
            .limits
            .set(Limit::Registration, QuotaSetting(Some(quota)));
    };
    on_both(few, async |app| {
        let school = app.school().await;
        let seen = school.admin.get(&school.path("/invite-code")).await;
        let code = seen.expect_status(200)["code"].clone();
        let register = async |number: usize, code: &Value| {
            let email = format!("pupil{number}@x.example");
            let body = json!({
                "email": email, "password": PASSWORD, "username": "P", "invite_code": code,
            });
            app.anonymous().post("/v1/auth/register", body).await.status
        };
        while register(0, &Value::Null).await != 429 {}
        for number in 1..=5 {
            assert_eq!(register(number, &code).await, 201);
        }
        assert_eq!(register(6, &code).await, 429);
    });
}

#[test]
fn networks_are_forgotten_after_a_while_and_when_there_are_many() {
    on_both(trust_this_machine, async |app| {
        registers_at_home(app, "ann@x.example").await;
        app.advance(Duration::from_secs(1));
        for number in 1..=10 {
            let client = format!("198.51.100.{}", 100 + number);
            let known = sign_in_from(app, &client, "ann@x.example", PASSWORD).await;
            known.expect_status(200);
        }
        strangers_guess(app, "ann@x.example").await;
        let oldest = sign_in_from(app, HOME, "ann@x.example", PASSWORD).await;
        oldest.expect_problem(429, "rate_limited");
        let latest = sign_in_from(app, "198.51.100.110", "ann@x.example", PASSWORD).await;
        latest.expect_status(200);
        app.advance(Duration::from_secs(91 * 24 * 60 * 60));
        strangers_guess(app, "ann@x.example").await;
        let unused = sign_in_from(app, "198.51.100.109", "ann@x.example", PASSWORD).await;
        unused.expect_problem(429, "rate_limited");
        app.drain().await;
        let left: i64 = stored(app);
        assert_eq!(left, 0);
    });
}

fn stored(app: &App) -> i64 {
    use diesel::prelude::*;
    use rollcall::store::schema::known_networks;
    let mut connection = crate::support::invariants::connect(&app.state.services.pool);
    let count = known_networks::table.count();
    count.get_result(&mut **connection).unwrap()
}

//! Limits let a school in and stop a guesser, on all replicas together (`docs/limits.md`).

use std::time::Duration;

use diesel::prelude::*;
use futures_util::future::join_all;
use reqwest::Method;
use rollcall::config::Config;
use rollcall::domain::limits::{Limit, Quota, QuotaSetting};
use rollcall::store::schema::accounts;
use serde_json::{Value, json};

use crate::support::app::block_on;
use crate::support::invariants;
use crate::support::people::{PASSWORD, send};
use crate::support::{App, TestResponse, both_databases};

mod counts;
mod devices;
mod mailboxes;
mod mails;
mod owners;
mod proxies;
mod turns;

/// Runs a scenario on both databases, configured in its own way.
pub fn on_both(configure: fn(&mut Config), scenario: impl AsyncFn(&App)) {
    block_on(scenario(&App::on_sqlite_with(configure)));
    if let Some(app) = App::on_postgres_with(configure) {
        block_on(scenario(&app));
    }
}

async fn sign_in(app: &App, email: &str, password: &str) -> TestResponse {
    let body = json!({ "email": email, "password": password });
    app.anonymous().post("/v1/auth/login", body).await
}

/// A sign-in that somebody sends through a proxy.
async fn sign_in_from(app: &App, client: &str, email: &str, password: &str) -> TestResponse {
    let body = json!({ "email": email, "password": password });
    let request = app.anonymous().request(Method::POST, "/v1/auth/login");
    send(request.header("x-forwarded-for", client).json(&body)).await
}

fn registration(number: usize) -> Value {
    let email = format!("pupil{number}@school.example");
    json!({ "email": email, "password": PASSWORD, "username": "Pupil" })
}

fn statuses(answers: &[TestResponse], status: u16) -> usize {
    let has = |answer: &&TestResponse| answer.status.as_u16() == status;
    answers.iter().filter(has).count()
}

both_databases!(a_class_of_forty_registers_at_once_from_one_address, |app| {
    let pupils = (0..40).map(|number| async move {
        app.anonymous()
            .post("/v1/auth/register", registration(number))
            .await
    });
    let answers = join_all(pupils).await;
    assert_eq!(statuses(&answers, 201), 40, "{answers:?}");
});

both_databases!(
    a_school_signs_in_from_one_address_typing_errors_and_all,
    |app| {
        let names: Vec<String> = (0..20)
            .map(|n| format!("pupil{n}@school.example"))
            .collect();
        for (number, _) in names.iter().enumerate() {
            let pupil = registration(number);
            app.anonymous()
                .post("/v1/auth/register", pupil)
                .await
                .expect_status(201);
        }
        let people = names.iter().map(|email| async move {
            for _ in 0..3 {
                sign_in(app, email, "seven green duck 7")
                    .await
                    .expect_problem(401, "wrong_credentials");
            }
            sign_in(app, email, PASSWORD).await.expect_status(200)
        });
        join_all(people).await;
    }
);

both_databases!(a_guesser_is_stopped_and_let_go_on_when_it_was_said, |app| {
    app.register("ann@x.example").await;
    let mut known = Vec::new();
    for email in ["ann@x.example", "nobody@x.example"] {
        let mut answers = Vec::new();
        for number in 0..12 {
            let answer = sign_in(app, email, &format!("wrong guess {number}")).await;
            let mut problem = answer.json();
            problem["request_id"] = Value::Null;
            let standing = answer.header("ratelimit").replace("r=", "");
            answers.push((answer.status, problem, standing.len()));
            if number == 10 {
                answer.expect_problem(429, "rate_limited");
                assert_eq!(answer.header("retry-after"), "60");
                assert_eq!(
                    answer.header("ratelimit-policy"),
                    r#""sign_in_account";q=10;w=600"#
                );
                assert_eq!(answer.header("ratelimit"), r#""sign_in_account";r=0;t=60"#);
            }
        }
        let wrong = answers.iter().filter(|(status, ..)| *status == 401).count();
        assert_eq!(wrong, 10);
        known.push(answers);
    }
    // Whether there is such an account makes no difference.
    assert_eq!(known[0], known[1]);
    let limited = sign_in(app, "Ann@X.example", PASSWORD).await;
    limited.expect_problem(429, "rate_limited");
    app.advance(Duration::from_secs(59));
    let still = sign_in(app, "ann@x.example", PASSWORD).await;
    still.expect_problem(429, "rate_limited");
    assert_eq!(still.header("retry-after"), "1");
    app.advance(Duration::from_secs(1));
    sign_in(app, "ann@x.example", PASSWORD)
        .await
        .expect_status(200);
});

both_databases!(a_right_password_costs_nothing, |app| {
    app.register("ann@x.example").await;
    for _ in 0..3 {
        sign_in(app, "ann@x.example", "wrong guess 1")
            .await
            .expect_status(401);
    }
    for _ in 0..20 {
        let answer = sign_in(app, "ann@x.example", PASSWORD).await;
        answer.expect_status(200);
        let policies = r#""sign_in_account";q=10;w=600, "sign_in_address";q=100;w=86400, "#;
        let policies = format!(r#"{policies}"sign_in_client";q=1000;w=3600"#);
        assert_eq!(answer.header("ratelimit-policy"), policies);
        let standing = answer.header("ratelimit");
        assert!(
            standing.starts_with(r#""sign_in_account";r=7;t=60"#),
            "{standing}"
        );
    }
});

both_databases!(guesses_at_once_are_counted_each, |app| {
    app.register("ann@x.example").await;
    let guesses = (0..30).map(|number| async move {
        sign_in(app, "ann@x.example", &format!("wrong guess {number}")).await
    });
    let answers = join_all(guesses).await;
    assert_eq!((statuses(&answers, 401), statuses(&answers, 429)), (10, 20));
});

both_databases!(whoever_has_a_session_cannot_guess_its_password, |app| {
    let (ann, ben) = (
        app.register("ann@x.example").await,
        app.register("ben@x.example").await,
    );
    let change = |current: &str| json!({ "current_password": current, "new_password": "eight brown geese 8" });
    for number in 0..12 {
        let answer = ann
            .post("/v1/auth/password/change", change("wrong guess 1"))
            .await;
        answer.expect_status(if number < 10 { 401 } else { 429 });
    }
    let limited = ann.post("/v1/auth/password/change", change(PASSWORD)).await;
    limited.expect_problem(429, "rate_limited");
    assert_eq!(limited.header("retry-after"), "60");
    let other = ben.post("/v1/auth/password/change", change(PASSWORD)).await;
    other.expect_status(204);
    app.advance(Duration::from_secs(60));
    let ann = app.sign_in("ann@x.example", PASSWORD).await;
    let changed = ann.post("/v1/auth/password/change", change(PASSWORD)).await;
    changed.expect_status(204);
});

#[test]
fn a_limit_can_be_changed_and_switched_off() {
    let few = |config: &mut Config| {
        let quota = Quota {
            uses: 3,
            seconds: 3600,
        };
        config
            .limits
            .set(Limit::Registration, QuotaSetting(Some(quota)));
        config.limits.set(Limit::SignInAccount, QuotaSetting(None));
        config.limits.set(Limit::SignInAddress, QuotaSetting(None));
        config.limits.set(Limit::SignInClient, QuotaSetting(None));
    };
    on_both(few, async |app| {
        for number in 0..3 {
            let answer = app
                .anonymous()
                .post("/v1/auth/register", registration(number))
                .await;
            answer.expect_status(201);
            let left = format!(r#""registration";r={};t=1200"#, 2 - number);
            let standing = answer.header("ratelimit").to_owned();
            assert!(standing.contains(&left), "{standing}");
        }
        let answer = app
            .anonymous()
            .post("/v1/auth/register", registration(3))
            .await;
        answer.expect_problem(429, "rate_limited");
        assert_eq!(answer.header("retry-after"), "1200");
        for _ in 0..20 {
            let answer = sign_in(app, "pupil0@school.example", "wrong guess 1").await;
            answer.expect_status(401);
            assert_eq!(answer.header("ratelimit"), "");
        }
    });
}

both_databases!(browsers_may_name_requests_and_read_how_they_stand, |app| {
    let preflight = app
        .anonymous()
        .request(Method::OPTIONS, "/v1/auth/register")
        .header("origin", "http://localhost:3000")
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "content-type,idempotency-key",
        );
    assert_eq!(send(preflight).await.status, 200);
    let request = app
        .anonymous()
        .request(Method::POST, "/v1/auth/register")
        .header("origin", "http://localhost:3000")
        .json(&registration(1));
    let answer = send(request).await;
    let exposed = answer
        .header("access-control-expose-headers")
        .to_lowercase();
    for name in [
        "retry-after",
        "ratelimit",
        "ratelimit-policy",
        "idempotent-replayed",
    ] {
        assert!(
            exposed.split(',').any(|it| it.trim() == name),
            "{name}: {exposed}"
        );
    }
});

both_databases!(
    a_deactivated_account_with_the_right_password_is_no_guess,
    |app| {
        let school = app.school().await;
        school
            .import_students("email,password,username\nben@x.example,seven green ducks 7,Ben\n")
            .await;
        let mut connection = invariants::connect(&app.state.services.pool);
        let ben = accounts::table.filter(accounts::email.eq("ben@x.example"));
        diesel::update(ben)
            .set(accounts::deactivated_at.eq(Some(app.now())))
            .execute(&mut **connection)
            .unwrap();
        drop(connection);
        for _ in 0..15 {
            let answer = sign_in(app, "ben@x.example", PASSWORD).await;
            answer.expect_problem(403, "account_deactivated");
        }
    }
);

//! Mails that people without a session ask for: one beside them uses nothing up (`docs/limits.md`).

use diesel::prelude::*;
use reqwest::Method;
use rollcall::config::Config;
use rollcall::domain::limits::{Limit, Quota, QuotaSetting};
use rollcall::store::schema::rate_limits;
use serde_json::json;

use crate::support::app::block_on;
use crate::support::people::{PASSWORD, send, text};
use crate::support::{App, TestResponse, invariants};

/// What one client asks for in time.
const QUOTA: u32 = 5;

const SCHOOL: &str = "203.0.113.7";

const ELSEWHERE: &str = "198.51.100.9";

fn few(config: &mut Config) {
    config.trusted_proxies = "127.0.0.1".parse().unwrap();
    let quota = Quota {
        uses: QUOTA,
        seconds: 3600,
    };
    config
        .limits
        .set(Limit::MailFromClient, QuotaSetting(Some(quota)));
}

/// Runs a scenario on both databases, with a mail server.
fn where_mail_leaves(scenario: impl AsyncFn(&App)) {
    block_on(scenario(&App::on_sqlite_with_mail_server_and(few)));
    if let Some(app) = App::on_postgres_with_mail_server_and(few) {
        block_on(scenario(&app));
    }
}

async fn forgot(app: &App, client: &str, email: &str) -> TestResponse {
    let request = app
        .anonymous()
        .request(Method::POST, "/v1/auth/password/forgot");
    let request = request.header("x-forwarded-for", client);
    send(request.json(&json!({ "email": email }))).await
}

/// Uses up what the school's client has, with addresses that nobody has.
async fn use_up(app: &App) {
    for number in 0..QUOTA + 3 {
        let email = format!("made-up{number}@x.example");
        forgot(app, SCHOOL, &email).await.expect_status(202);
    }
}

/// The recipients of all mails with a link to choose a password, in the order they were sent in.
async fn recipients(app: &App) -> Vec<String> {
    let mails = app.mails().await;
    let resets = mails
        .into_iter()
        .filter(|mail| mail.text.contains("/set-password?"));
    resets.map(|mail| mail.to).collect()
}

fn counted(app: &App) -> i64 {
    let mut connection = invariants::connect(&app.state.services.pool);
    let count = rate_limits::table.count();
    count.get_result(&mut **connection).unwrap()
}

#[test]
fn a_pupil_gets_a_new_password_though_one_beside_her_has_used_up_what_the_school_has() {
    where_mail_leaves(async |app| {
        app.register("ann@x.example").await;
        app.register("mallory@x.example").await;
        use_up(app).await;
        for _ in 0..10 {
            let flood = forgot(app, SCHOOL, "mallory@x.example").await;
            flood.expect_status(202);
        }
        forgot(app, SCHOOL, "ann@x.example")
            .await
            .expect_status(202);
        let sent = recipients(app).await;
        let to = |email: &str| sent.iter().filter(|to| *to == email).count();
        // Whoever floods a mailbox gets no further than before.
        assert_eq!((to("ann@x.example"), to("mallory@x.example")), (1, 3));
        let token = app
            .last_mail_to("ann@x.example")
            .await
            .token_of("set-password");
        let body = json!({ "token": token, "password": "eight brown geese 8" });
        let reset = app.anonymous().post("/v1/auth/password/reset", body).await;
        reset.expect_status(204);
        app.sign_in("ann@x.example", "eight brown geese 8").await;
    });
}

#[test]
fn what_is_over_the_limit_of_a_client_goes_behind_what_others_wait_for() {
    where_mail_leaves(async |app| {
        for email in ["ann@x.example", "ben@x.example", "cleo@x.example"] {
            app.register(email).await;
        }
        app.mails().await;
        use_up(app).await;
        for (client, email) in [
            (SCHOOL, "ann@x.example"),
            (SCHOOL, "ben@x.example"),
            (ELSEWHERE, "cleo@x.example"),
        ] {
            forgot(app, client, email).await.expect_status(202);
        }
        let sent = recipients(app).await;
        assert_eq!(sent, ["cleo@x.example", "ann@x.example", "ben@x.example"]);
    });
}

#[test]
fn nothing_tells_of_an_account_where_the_limit_of_a_client_is_used_up() {
    where_mail_leaves(async |app| {
        app.register("ann@x.example").await;
        use_up(app).await;
        let before = counted(app);
        for _ in 0..5 {
            let known = forgot(app, SCHOOL, "ann@x.example").await;
            let unknown = forgot(app, SCHOOL, "nobody@x.example").await;
            assert_eq!((known.status, &known.text), (unknown.status, &unknown.text));
            for header in ["ratelimit", "ratelimit-policy", "retry-after"] {
                assert_eq!(known.header(header), unknown.header(header), "{header}");
            }
            known.expect_status(202);
        }
        // A flood of made-up addresses leaves nothing behind.
        assert_eq!(counted(app), before + 1);
        assert_eq!(recipients(app).await.len(), 3);
    });
}

#[test]
fn an_expired_invitation_is_renewed_though_others_have_used_up_what_the_client_has() {
    where_mail_leaves(async |app| {
        let school = app.school().await;
        let body =
            json!({ "emails": ["new@x.example"], "account_type": "student", "valid_days": 1 });
        let invited = school
            .admin
            .post(&school.path("/invitations"), body)
            .await
            .expect_status(200);
        assert_eq!(text(&invited["results"][0]["outcome"]), "account_created");
        let token = app.last_mail_to("new@x.example").await.token();
        app.advance(std::time::Duration::from_secs(2 * 24 * 60 * 60));
        use_up(app).await;
        let request = app
            .anonymous()
            .request(Method::POST, "/v1/invitations/renew")
            .header("x-forwarded-for", SCHOOL);
        let renewed = send(request.json(&json!({ "token": token }))).await;
        renewed.expect_status(202);
        let again = app.last_mail_to("new@x.example").await.token();
        assert_ne!(token, again);
        let body = json!({ "token": again, "password": PASSWORD });
        let set = app.anonymous().post("/v1/auth/password/reset", body).await;
        set.expect_status(204);
    });
}

//! Verifying an address, and getting back into an account (`docs/accounts.md`).

mod disowning;
mod links;
mod passwords;
mod verifying;

use std::time::{Duration, Instant};

use rollcall::crypto::token::{Token, TokenKind};
use rollcall::domain::ids::AccountId;
use rollcall::store::accounts;
use rollcall::store::mailed_tokens::{self, MailedToken};
use serde_json::{Value, json};

use crate::support::people::{PASSWORD, Person, text};
use crate::support::{App, TestResponse, both_databases};

const NEW: &str = "eight brown geese 8";

const HOUR: Duration = Duration::from_secs(60 * 60);

async fn forgot(app: &App, email: &str) -> TestResponse {
    let body = json!({ "email": email });
    app.anonymous().post("/v1/auth/password/forgot", body).await
}

async fn reset(app: &App, token: &str, password: &str) -> TestResponse {
    let body = json!({ "token": token, "password": password });
    app.anonymous().post("/v1/auth/password/reset", body).await
}

/// Verifies as somebody who knows the password.
async fn verify(app: &App, token: &str) -> TestResponse {
    let body = json!({ "token": token, "password": PASSWORD });
    app.anonymous().post("/v1/auth/email/verify", body).await
}

async fn login(app: &App, email: &str, password: &str) -> TestResponse {
    let body = json!({ "email": email, "password": password });
    app.anonymous().post("/v1/auth/login", body).await
}

async fn me(person: &Person<'_>) -> Value {
    person.get("/v1/me").await.expect_status(200)
}

/// The tokens in the mails to somebody, with a link to this page.
async fn tokens(app: &App, email: &str, page: &str) -> Vec<String> {
    let mails = app.mails().await;
    let theirs = mails.iter().filter(|mail| mail.to == email);
    let with_link = theirs.filter(|mail| mail.text.contains(page));
    with_link.map(|mail| mail.token()).collect()
}

fn set_deactivated(app: &App, person: &Person<'_>) {
    use diesel::prelude::*;
    use rollcall::store::schema::accounts;
    let now = app.now();
    let mut connection = app.state.services.pool.get().unwrap();
    diesel::update(accounts::table.filter(accounts::email.eq(&person.email)))
        .set(accounts::deactivated_at.eq(now))
        .execute(&mut **connection)
        .unwrap();
}

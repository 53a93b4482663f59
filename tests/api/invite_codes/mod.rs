//! Invite codes (`docs/invite-codes.md`): looked after and used, by everybody who may and by some
//! who may not.

mod access;
mod domains;
mod guessing;
mod manage;
mod qr_codes;
mod races;
mod redeeming;
mod registering;

use serde_json::{Value, json};

use crate::support::people::{Organization, PASSWORD, Person, seats_in_total, text};
use crate::support::{App, TestResponse};

/// The code that an organization, or a group of it, has now.
async fn code_of(school: &Organization<'_>, group: Option<&str>) -> String {
    let path = code_path(school, group);
    text(&school.admin.get(&path).await.expect_status(200)["code"])
}

fn code_path(school: &Organization<'_>, group: Option<&str>) -> String {
    match group {
        Some(group) => school.path(&format!("/groups/{group}/invite-code")),
        None => school.path("/invite-code"),
    }
}

/// Changes a code as the admin.
async fn change(school: &Organization<'_>, group: Option<&str>, changes: Value) -> Value {
    let path = code_path(school, group);
    school.admin.patch(&path, changes).await.expect_status(200)
}

/// A new group's id.
async fn group(school: &Organization<'_>, name: &str) -> String {
    let body = json!({ "name": name });
    let made = school.admin.post(&school.path("/groups"), body).await;
    text(&made.expect_status(201)["id"])
}

impl Person<'_> {
    async fn redeem(&self, code: &str) -> TestResponse {
        self.post("/v1/invite-codes/redeem", json!({ "code": code }))
            .await
    }

    async fn preview(&self, code: &str) -> TestResponse {
        self.post("/v1/invite-codes/preview", json!({ "code": code }))
            .await
    }

    /// Redeems a code and asserts what came of it.
    #[track_caller]
    fn redeems(&self, code: &str, outcome: &'static str) -> impl Future<Output = ()> {
        let place = std::panic::Location::caller();
        async move {
            let answer = self.redeem(code).await;
            assert_eq!(answer.status, 200, "{place}: {}", answer.text);
            assert_eq!(answer.json()["outcome"], outcome, "{place}");
        }
    }
}

/// Registers somebody with a code.
async fn register_with(app: &App, email: &str, code: &str) -> TestResponse {
    let body = json!({
        "email": email,
        "password": PASSWORD,
        "username": "Somebody",
        "invite_code": code,
    });
    app.anonymous().post("/v1/auth/register", body).await
}

/// A member, as the admin sees them.
async fn member(school: &Organization<'_>, id: &str) -> Value {
    let path = school.path(&format!("/members/{id}"));
    school.admin.get(&path).await.expect_status(200)
}

/// How many seats are used.
async fn seats_used(school: &Organization<'_>) -> Value {
    let seats = school.admin.get(&school.path("/seats")).await;
    seats.expect_status(200)["total"]["used"].clone()
}

/// Limits the licence to so many seats.
async fn limit_seats(app: &App, school: &Organization<'_>, total: u32) {
    let limits = seats_in_total(Some(total));
    let operator = app.operator().await;
    operator
        .put(&school.path("/seats"), limits)
        .await
        .expect_status(200);
}

/// Ends a membership as an admin's removal does, and notes it.
fn remove(app: &App, school: &Organization<'_>, person: &Person<'_>) {
    use rollcall::store::{memberships, removed_members, transaction};
    let mut connection = app.state.services.pool.get().unwrap();
    let (organization, account) = (school.id.parse().unwrap(), person.id.parse().unwrap());
    transaction(&mut connection, |connection| {
        let known = memberships::find(connection, organization, account)?.unwrap();
        assert!(memberships::delete(connection, &known)?);
        rollcall::store::seats::release(connection, organization, known.account_type, 1)?;
        removed_members::insert(connection, organization, account, app.now())
    })
    .unwrap();
}

/// Verifies an address by the link in the last mail to it, and gives what came of that.
async fn verify(app: &App, email: &str) -> Value {
    let token = app.last_mail_to(email).await.token();
    let body = json!({ "token": token, "password": PASSWORD });
    let verified = app.anonymous().post("/v1/auth/email/verify", body).await;
    verified.expect_status(200)
}

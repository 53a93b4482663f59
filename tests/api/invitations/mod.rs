//! Email invitations.

mod access;
mod at_once;
mod bulk;
mod idempotency;
mod joining;
mod new_accounts;
mod other_ways;
mod outcomes;
mod resend;
mod senders;
mod time;
mod unclaimed;

use std::collections::BTreeMap;

use diesel::prelude::*;
use rollcall::domain::ids::OrganizationId;
use rollcall::domain::invitations::{InvitationKind, InvitationStatus};
use rollcall::domain::organization::{AccountType, MembershipStatus};
use rollcall::domain::timestamp::Timestamp;
use rollcall::store::schema::{accounts, invitations, memberships};
use serde_json::{Value, json};

use crate::support::people::{Organization, Person, outcomes, text};
use crate::support::{App, ReceivedMail, TestResponse};

const DAY: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);

impl Organization<'_> {
    /// Invites students, as the admin, and gives the whole answer.
    async fn invite(&self, emails: &[&str]) -> Value {
        let body = json!({ "emails": emails, "account_type": "student" });
        self.invite_with(body).await.expect_status(200)
    }

    /// Invites as the admin.
    pub async fn invite_with(&self, body: Value) -> TestResponse {
        self.admin.post(&self.path("/invitations"), body).await
    }

    /// Invites one student, as the admin, and gives the path of the invitation.
    async fn invite_one(&self, email: &str) -> String {
        let answer = self.invite(&[email]).await;
        let id = text(&answer["results"][0]["invitation_id"]);
        self.path(&format!("/invitations/{id}"))
    }

    /// A new group.
    pub async fn class(&self, name: &str) -> String {
        let path = self.path("/groups");
        let group = self.admin.post(&path, json!({ "name": name })).await;
        text(&group.expect_status(201)["id"])
    }

    /// The one member with this address.
    async fn member_by_address(&self, email: &str) -> Option<Value> {
        let path = self.path(&format!("/members?search={email}"));
        let page = self.admin.get(&path).await.expect_status(200);
        page["items"].as_array().unwrap().first().cloned()
    }

    /// `used` and `reserved` of students, after the whole ledger was compared with the members and the
    /// pending invitations.
    async fn students(&self) -> (i64, i64) {
        let path = self.path("/seats");
        let ledger = self.admin.get(&path).await.expect_status(200);
        let (members, waiting) = invariants(self.admin.app, &self.id);
        let mut all = (0, 0);
        for (account_type, line) in ledger["by_account_type"].as_object().unwrap() {
            let account_type: AccountType = account_type.parse().unwrap();
            let used = members.get(&account_type).copied().unwrap_or(0);
            let reserved = waiting.get(&account_type).copied().unwrap_or(0);
            assert_eq!(line["used"], used, "{account_type} in {ledger:#}");
            assert_eq!(line["reserved"], reserved, "{account_type} in {ledger:#}");
            all = (all.0 + used, all.1 + reserved);
        }
        assert_eq!(ledger["total"]["used"], all.0, "{ledger:#}");
        assert_eq!(ledger["total"]["reserved"], all.1, "{ledger:#}");
        let line = &ledger["by_account_type"]["student"];
        (
            line["used"].as_i64().unwrap(),
            line["reserved"].as_i64().unwrap(),
        )
    }
}

/// The active members of each type, and the invitations that hold a seat of it.
fn invariants(
    app: &App,
    organization: &str,
) -> (BTreeMap<AccountType, i64>, BTreeMap<AccountType, i64>) {
    let id: OrganizationId = organization.parse().unwrap();
    let mut connection = app.state.services.pool.get().unwrap();
    let members: Vec<AccountType> = memberships::table
        .filter(memberships::organization_id.eq(id))
        .filter(memberships::status.eq(MembershipStatus::Active))
        .select(memberships::account_type)
        .load(&mut **connection)
        .unwrap();
    let waiting: Vec<AccountType> = invitations::table
        .filter(invitations::organization_id.eq(id))
        .filter(invitations::status.eq(InvitationStatus::Pending))
        .filter(invitations::kind.eq(InvitationKind::Join))
        .select(invitations::account_type)
        .load(&mut **connection)
        .unwrap();
    (count(members), count(waiting))
}

fn count(types: Vec<AccountType>) -> BTreeMap<AccountType, i64> {
    let mut counts = BTreeMap::new();
    for account_type in types {
        *counts.entry(account_type).or_insert(0) += 1;
    }
    counts
}

/// The body that every operation of a mailed link takes.
fn token(token: &str) -> Value {
    json!({ "token": token })
}

/// Marks an address as verified, as its mailed link would.
fn verify(app: &App, person: &Person<'_>) {
    let mut connection = app.state.services.pool.get().unwrap();
    let at: Timestamp = app.now();
    diesel::update(accounts::table.filter(accounts::email.eq(&person.email)))
        .set(accounts::email_verified_at.eq(at))
        .execute(&mut **connection)
        .unwrap();
}

/// Chooses the password of a new account by the link of its mail.
async fn choose_password(app: &App, token: &str, password: &str) -> TestResponse {
    let body = json!({ "token": token, "password": password });
    app.anonymous().post("/v1/auth/password/reset", body).await
}

/// The mails of invitations, after all mail that is due was sent.
async fn sent(app: &App) -> Vec<ReceivedMail> {
    let mut mails = app.mails().await;
    mails.retain(|mail| mail.text.contains("token=rci_") || mail.text.contains("token=rcp_"));
    mails
}

/// Signs a person in again, because the clock was moved.
async fn again<'a>(person: &Person<'a>) -> Person<'a> {
    let password = crate::support::people::PASSWORD;
    person.app.sign_in(&person.email, password).await
}

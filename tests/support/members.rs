//! Members and groups as tests set them up and look behind them.

use rollcall::domain::events::JoinedBy;
use rollcall::domain::ids::{AccountId, GroupId, OrganizationId};
use rollcall::domain::organization::{JoinedVia, Role};
use rollcall::domain::password::PasswordOrigin;
use rollcall::services::admission::{self, Admission, SeatSource};
use rollcall::store::accounts::{self, Account};
use rollcall::store::removed_members;
use serde_json::{Value, json};

use super::App;
use super::people::{Organization, Person, text};

/// Three students, each with a password of their own.
const STUDENTS: &str = "email,password,username\n\
    ann@hill.example,quiet rivers 11,Ann\n\
    bob@hill.example,quiet rivers 12,Bob\n\
    cid@hill.example,quiet rivers 13,Cid\n";

/// The students of [`STUDENTS`], imported and signed in.
pub async fn students<'a>(app: &'a App, school: &Organization<'_>) -> [Person<'a>; 3] {
    school.import_students(STUDENTS).await;
    [
        app.sign_in("ann@hill.example", "quiet rivers 11").await,
        app.sign_in("bob@hill.example", "quiet rivers 12").await,
        app.sign_in("cid@hill.example", "quiet rivers 13").await,
    ]
}

/// Asks for a new password by mail, sets it, and signs in with it.
pub async fn choose_password<'a>(app: &'a App, email: &str) -> Person<'a> {
    const CHOSEN: &str = "ten silver foxes 10";
    let forgot = json!({ "email": email });
    let forgot = app
        .anonymous()
        .post("/v1/auth/password/forgot", forgot)
        .await;
    forgot.expect_status(202);
    let mails = app.mails().await;
    let link = mails
        .iter()
        .rfind(|mail| mail.to == email && mail.text.contains("/set-password?"));
    let token = link.expect("no link").token_of("set-password");
    let body = json!({ "token": token, "password": CHOSEN });
    let reset = app.anonymous().post("/v1/auth/password/reset", body).await;
    reset.expect_status(204);
    app.sign_in(email, CHOSEN).await
}

impl App {
    /// Lets somebody who is there already into an organization, without asking anybody.
    pub async fn join(
        &self,
        organization: &Organization<'_>,
        who: &Person<'_>,
        account_type: &str,
    ) {
        let admission = Admission {
            organization: organization.id.parse().expect("an id"),
            account_type: account_type.parse().expect("an account type"),
            role: Role::Member,
            via: JoinedVia::OrganizationCode,
            groups: Vec::new(),
            seats: SeatSource::Free,
        };
        let account = self.account(&who.id);
        let newcomers = [(&account, JoinedBy::Founding)];
        self.as_cli(|tx| tx.transaction(|tx| admission::admit(tx, &newcomers, &admission)))
            .expect("not admitted");
    }

    /// Verifies the address of every account, as [`App::verify_email_by_reset`] does.
    pub fn verify_emails_by_reset(&self) {
        use diesel::prelude::*;
        use rollcall::store::schema::accounts;
        let mut connection = self.state.services.pool.get().expect("no connection");
        diesel::update(accounts::table)
            .set((
                accounts::email_verified_at.eq(self.now()),
                accounts::password_origin.eq(PasswordOrigin::Owner),
            ))
            .execute(&mut **connection)
            .expect("no database");
    }

    /// Verifies the address of an account as if its owner had set the password by a mailed link. The password stays
    /// the one that it is.
    pub fn verify_email_by_reset(&self, id: &str) {
        use diesel::prelude::*;
        use rollcall::store::schema::accounts;
        let id: AccountId = id.parse().expect("an id");
        let mut connection = self.state.services.pool.get().expect("no connection");
        diesel::update(accounts::table.find(id))
            .set((
                accounts::email_verified_at.eq(self.now()),
                accounts::password_origin.eq(PasswordOrigin::Owner),
            ))
            .execute(&mut **connection)
            .expect("no database");
    }

    /// Marks the address of an account as verified, as if its owner had followed a link.
    pub fn verify_email(&self, id: &str) {
        let (id, now): (AccountId, _) = (id.parse().expect("an id"), self.now());
        self.as_cli(|tx| accounts::verify_email(tx.connection, id, now))
            .expect("no database");
    }

    /// Takes the verification of an account's address back.
    pub fn unverify(&self, id: &str) {
        use diesel::prelude::*;
        use rollcall::domain::timestamp::Timestamp;
        use rollcall::store::schema::accounts;
        let id: AccountId = id.parse().expect("an id");
        let mut connection = self.state.services.pool.get().expect("no connection");
        diesel::update(accounts::table.find(id))
            .set(accounts::email_verified_at.eq(None::<Timestamp>))
            .execute(&mut **connection)
            .expect("no database");
    }

    /// An account as it is kept.
    pub fn account(&self, id: &str) -> Account {
        let id: AccountId = id.parse().expect("an id");
        let mut connection = self.state.services.pool.get().expect("no connection");
        let found = accounts::find(&mut connection, id).expect("no database");
        found.expect("no account")
    }

    /// Whether codes that are there already do not let an account back into an organization.
    pub fn was_removed(&self, organization: &Organization<'_>, account: &str) -> bool {
        let id: OrganizationId = organization.id.parse().expect("an id");
        let account: AccountId = account.parse().expect("an id");
        let mut connection = self.state.services.pool.get().expect("no connection");
        let found = removed_members::find(&mut connection, id, account);
        found.expect("no database").is_some()
    }

    /// The same of a group.
    pub fn was_removed_from_group(&self, group: &str, account: &str) -> bool {
        let id: GroupId = group.parse().expect("an id");
        let account: AccountId = account.parse().expect("an id");
        let mut connection = self.state.services.pool.get().expect("no connection");
        let found = removed_members::find_of_group(&mut connection, id, account);
        found.expect("no database").is_some()
    }
}

impl Organization<'_> {
    /// Deactivates the member with this path, as the admin, and gives them as they are then.
    pub async fn deactivate(&self, member: &str) -> Value {
        let path = format!("{member}/deactivate");
        let answer = self.admin.post(&path, json!({})).await;
        answer.expect_status(200)
    }

    /// Reactivates the member with this path, as the admin, and gives them as they are then.
    pub async fn reactivate(&self, member: &str) -> Value {
        let path = format!("{member}/reactivate");
        let answer = self.admin.post(&path, json!({})).await;
        answer.expect_status(200)
    }

    /// The path of a member.
    pub fn path_of(&self, id: &str) -> String {
        self.path(&format!("/members/{id}"))
    }

    /// Makes a group as the admin, who manages it, and gives its path.
    pub async fn new_group(&self, name: &str) -> String {
        let body = json!({ "name": name });
        let made = self.admin.post(&self.path("/groups"), body).await;
        let id = text(&made.expect_status(201)["id"]);
        self.path(&format!("/groups/{id}"))
    }

    /// The id of the group at this path.
    pub fn id_of(&self, group: &str) -> String {
        let id = group.rsplit('/').next();
        id.expect("a path").to_owned()
    }

    /// Adds people to the group at this path, as the admin.
    pub async fn add_to_group(&self, group: &str, ids: &[&String], role: &str) {
        let body = json!({ "account_ids": ids, "role": role });
        let added = self.admin.post(&format!("{group}/members"), body).await;
        let added = added.expect_status(200);
        assert_eq!(added["summary"], json!({ "added": ids.len() }));
    }

    /// As what somebody is in the group at this path.
    pub async fn role_in_group(&self, group: &str, id: &str) -> String {
        let page = self.admin.get(&format!("{group}/members?limit=200")).await;
        let page = page.expect_status(200);
        let people = page["items"].as_array().expect("no items");
        let found = people.iter().find(|member| member["account_id"] == id);
        text(&found.expect("not in the group")["group_role"])
    }
}

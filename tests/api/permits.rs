//! The permission is asked for in the transaction that does the work, of the first request and of every
//! repetition (`docs/permissions.md`).

use reqwest::Method;
use reqwest::header::HeaderName;
use rollcall::domain::ids::{AccountId, OrganizationId};
use rollcall::domain::organization::{AccountType, Role};
use rollcall::error::Result;
use rollcall::services::authorization;
use rollcall::services::unit_of_work::UnitOfWork;
use rollcall::store::{memberships, organizations};
use serde_json::{Value, json};

use crate::support::operations::{Operation, one_of_everything, operations};
use crate::support::people::{Organization, Person, send};
use crate::support::{App, TestResponse, both_databases};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A membership that becomes something else.
#[derive(Clone, Copy)]
struct Change {
    organization: OrganizationId,
    account: AccountId,
    role: Role,
    account_type: AccountType,
}

impl Change {
    fn of(school: &Organization<'_>, person: &Person<'_>) -> Self {
        Self {
            organization: school.id.parse().unwrap(),
            account: person.id.parse().unwrap(),
            role: Role::Member,
            account_type: AccountType::Student,
        }
    }

    const fn to(self, role: Role, account_type: AccountType) -> Self {
        Self {
            role,
            account_type,
            ..self
        }
    }

    /// Makes it in a transaction of its own.
    fn apply(self, app: &App) {
        app.as_cli(|tx| tx.transaction(|tx| self.make(tx))).unwrap();
    }

    fn make(self, tx: &mut UnitOfWork<'_>) -> Result<()> {
        let known = memberships::find(tx.connection, self.organization, self.account)?;
        let known = known.expect("no member");
        let mut new = known.clone();
        (new.role, new.account_type) = (self.role, self.account_type);
        match (known.is_active_admin(), new.is_active_admin()) {
            (true, false) => {
                organizations::remove_admin(tx.connection, self.organization)?;
            }
            (false, true) => organizations::add_admin(tx.connection, self.organization)?,
            (true, true) | (false, false) => {}
        }
        assert!(memberships::replace(tx.connection, &known, &new)?);
        Ok(())
    }
}

/// Somebody who joined, as a student.
async fn pupil<'a>(app: &'a App, school: &Organization<'_>) -> Person<'a> {
    let person = app.register("second@x.org").await;
    app.join(school, &person, "student").await;
    person
}

/// An admin who manages a group, and the membership.
async fn manager<'a>(app: &'a App, school: &Organization<'_>) -> (Person<'a>, Change) {
    let person = pupil(app, school).await;
    let member = Change::of(school, &person);
    member.to(Role::Admin, AccountType::Teacher).apply(app);
    let own_group = school.new_group("7B").await;
    let add = json!({ "account_ids": [person.id], "role": "manager" });
    let members = format!("{own_group}/members");
    school.admin.post(&members, add).await.expect_status(200);
    (person, member)
}

/// What an organization has, as the ids of the operations name it.
const RESOURCES: [&str; 9] = [
    "api_key",
    "grant",
    "group_member",
    "group",
    "import",
    "invitation",
    "invite_code",
    "member",
    "organization",
];

/// Operations that change something in an organization, or tell its secrets, and that admins may do.
fn changing_operations() -> Vec<Operation> {
    let mut changing = operations();
    changing.retain(|operation| {
        let of_organization = operation.path.contains("{organization_id}");
        let changes = operation.method != Method::GET || operation.path.ends_with(".csv");
        let only_looks = operation.id == "check_access_to_resources";
        let of_admins = operation.id != "set_seat_limits" && !operation.path.starts_with("/v1/me/");
        of_organization && changes && !only_looks && of_admins
    });
    changing
}

both_databases!(
    who_loses_the_right_while_waiting_for_a_lock_is_refused,
    |app| {
        let school = app.school().await;
        let ids = one_of_everything(&school).await;
        let second = pupil(app, &school).await;
        let pupil = Change::of(&school, &second);
        let operations = changing_operations();
        for resource in RESOURCES {
            let is_of_it = |operation: &Operation| operation.id.contains(resource);
            assert!(
                operations.iter().any(is_of_it),
                "nothing changes {resource}"
            );
        }
        for operation in operations {
            app.as_cli(|tx| {
                tx.transaction(|tx| pupil.to(Role::Admin, AccountType::Student).make(tx))
            })
            .unwrap();
            let request = operation.request(&second, &ids);
            let organization = pupil.organization;
            let answer = app
                .during(
                    move |tx| authorization::lock(tx, organization),
                    send(request),
                    move |tx| pupil.make(tx),
                )
                .await;
            assert_eq!(answer.status, 403, "{}: {}", operation.id, answer.text);
        }
    }
);

both_databases!(who_loses_the_session_while_waiting_is_refused, |app| {
    use rollcall::store::sessions;
    let school = app.school().await;
    let (organization, admin) = (
        school.id.parse::<OrganizationId>().unwrap(),
        school.admin.id.parse::<AccountId>().unwrap(),
    );
    let answer = app
        .during(
            move |tx| authorization::lock(tx, organization),
            school
                .admin
                .patch(&school.path(""), json!({ "name": "Hill" })),
            move |tx| sessions::delete_all(tx.connection, admin, None).map(|_| ()),
        )
        .await;
    answer.expect_problem(401, "not_signed_in");
});

async fn repeat(person: &Person<'_>, path: &str, body: &Value) -> TestResponse {
    let request = person
        .request(Method::POST, path)
        .header(KEY, "one")
        .json(body);
    send(request).await
}

both_databases!(a_repetition_asks_for_the_permit_of_now, |app| {
    let school = app.school().await;
    let ids = one_of_everything(&school).await;
    let (second, member) = manager(app, &school).await;
    let set = |role, account_type| member.to(role, account_type).apply(app);
    let people = school.path(&format!("/members/{}/password-reset", ids["account_id"]));
    let invitation = school.path(&format!("/invitations/{}/resend", ids["invitation_id"]));
    let requests = [
        (
            school.path("/imports/usernames"),
            json!({ "usernames": ["Li Ming"], "account_type": "student" }),
        ),
        (
            school.path("/invitations"),
            json!({ "emails": ["new@x.example"], "account_type": "student" }),
        ),
        (people, json!({})),
        (invitation, json!(null)),
    ];
    for (number, (path, body)) in requests.iter().enumerate() {
        let key = format!("key-{number}");
        let request = || {
            let request = second.request(Method::POST, path).header(KEY, &key);
            match body {
                Value::Null => send(request),
                body => send(request.json(body)),
            }
        };
        set(Role::Admin, AccountType::Teacher);
        let first = request().await;
        assert!(first.status.is_success(), "{path}: {}", first.text);
        let again = request().await;
        assert_eq!(again.header("idempotent-replayed"), "true", "{path}");
        // A teacher imports, invites and helps in the own groups only.
        set(Role::Member, AccountType::Teacher);
        let refused = request().await;
        assert!(
            [403, 404].contains(&refused.status.as_u16()),
            "{path}: {}",
            refused.text
        );
        set(Role::Member, AccountType::Student);
        request().await.expect_problem(403, "forbidden");
    }
});

both_databases!(a_repeated_upload_asks_for_the_permit_of_now, |app| {
    use reqwest::multipart::{Form, Part};
    let school = app.school().await;
    let (second, member) = manager(app, &school).await;
    let set = |role, account_type| member.to(role, account_type).apply(app);
    let upload = || {
        let csv = "email,password,username\nbob@x.org,quiet rivers 11,Bob\n";
        let form = Form::new()
            .text("account_type", "student")
            .part("file", Part::text(csv));
        let request = second.request(Method::POST, &school.path("/imports"));
        send(request.header(KEY, "one").multipart(form))
    };
    upload().await.expect_status(202);
    assert_eq!(upload().await.header("idempotent-replayed"), "true");
    set(Role::Member, AccountType::Teacher);
    upload().await.expect_problem(403, "forbidden");
});

both_databases!(a_repetition_of_what_is_gone_is_still_known, |app| {
    let school = app.school().await;
    let group = school.new_group("7A").await;
    let body = json!({
        "usernames": ["Li Ming"], "account_type": "student", "group_ids": [school.id_of(&group)]
    });
    let first = repeat(&school.admin, &school.path("/imports/usernames"), &body).await;
    first.expect_status(202);
    school.admin.delete(&group).await.expect_status(204);
    let again = repeat(&school.admin, &school.path("/imports/usernames"), &body).await;
    assert_eq!(again.status, 202, "{}", again.text);
    assert_eq!(again.header("idempotent-replayed"), "true");
});

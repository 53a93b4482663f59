//! An operation that reads takes as many statements for a large organization as for a small one.

use std::collections::BTreeMap;

use reqwest::Method;
use rollcall::domain::email_address::EmailAddress;
use rollcall::domain::ids::{AccountId, OrganizationId};
use rollcall::domain::organization::{AccountType, GroupRole, JoinedVia, Role};
use rollcall::domain::username::Username;
use rollcall::store::accounts::{self, Account};
use rollcall::store::memberships::{self, Membership, Terms};
use rollcall::store::{group_members, transaction};
use serde_json::json;

use crate::support::operations::{Ids, Operation, one_of_everything, operations};
use crate::support::people::{Organization, send};
use crate::support::{App, both_databases, invariants};

/// More than a page of each list.
const FEW: usize = 60;
const MANY: usize = 3_000;

/// How often each is asked: now and then the pool asks whether a connection is alive.
const TIMES: usize = 5;

both_databases!(
    an_operation_takes_as_many_statements_whatever_the_size,
    |app| {
        let school = app.school().await;
        let ids = one_of_everything(&school).await;
        grow(app, &school, (&ids, 0..FEW)).await;
        let few = statements(app, &school, &ids).await;
        assert!(few.len() > 20, "{few:?}");
        assert!(few.values().all(|count| (1..=8).contains(count)), "{few:?}");
        grow(app, &school, (&ids, FEW..MANY)).await;
        assert_eq!(statements(app, &school, &ids).await, few);
    }
);

/// How many statements each operation takes that shows a part of the organization.
async fn statements(app: &App, school: &Organization<'_>, ids: &Ids) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    let reading = operations()
        .into_iter()
        .filter(|one| one.method == Method::GET && one.path.contains("{organization_id}"));
    for operation in reading {
        if let Some(count) = fewest(app, school, (&operation, ids)).await {
            counts.insert(operation.id, count);
        }
    }
    counts
}

/// The fewest of some times; none for a file, which grows with the organization.
async fn fewest(
    app: &App,
    school: &Organization<'_>,
    (operation, ids): (&Operation, &Ids),
) -> Option<u64> {
    let pool = &app.state.services.pool;
    let mut counts = Vec::new();
    for _ in 0..TIMES {
        let before = pool.statements();
        let answer = send(operation.bare_request(&school.admin, ids)).await;
        if !answer.header("content-type").contains("json") {
            return None;
        }
        counts.push(pool.statements() - before);
    }
    counts.into_iter().min()
}

/// Adds members, who are in the group too, and invitations, each with the events of its creation.
async fn grow(
    app: &App,
    school: &Organization<'_>,
    (ids, numbers): (&Ids, std::ops::Range<usize>),
) {
    let organization: OrganizationId = school.id.parse().unwrap();
    let group = ids["group_id"].parse().unwrap();
    let people: Vec<Account> = numbers.clone().map(|number| person(app, number)).collect();
    let members: Vec<Membership> = people
        .iter()
        .map(|account| membership(organization, account))
        .collect();
    let accounts: Vec<AccountId> = people.iter().map(|account| account.id).collect();
    let connection = &mut **invariants::connect(&app.state.services.pool);
    for ((people, members), accounts) in people
        .chunks(500)
        .zip(members.chunks(500))
        .zip(accounts.chunks(500))
    {
        transaction(connection, |connection| {
            accounts::insert_new(connection, people)?;
            memberships::insert_all(connection, members)?;
            group_members::insert(
                connection,
                (organization, group),
                accounts,
                GroupRole::Member,
            )
        })
        .unwrap();
    }
    let emails: Vec<String> = numbers
        .take(500)
        .map(|number| format!("invited{number}@x.example"))
        .collect();
    let invite = json!({ "emails": emails, "account_type": "student" });
    let invited = school
        .admin
        .post(&school.path("/invitations"), invite)
        .await;
    invited.expect_status(200);
}

fn person(app: &App, number: usize) -> Account {
    let email = EmailAddress::parse(&format!("pupil{number}@x.example")).unwrap();
    let username = Username::parse(&format!("Pupil {number}")).unwrap();
    Account::new(email, username, app.now())
}

fn membership(organization: OrganizationId, account: &Account) -> Membership {
    let terms = Terms {
        organization,
        account_type: AccountType::Student,
        role: Role::Member,
        joined_via: JoinedVia::CsvImport,
        joined_at: account.created_at,
    };
    Membership::new(account, &terms)
}

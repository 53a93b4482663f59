//! An operation takes as many statements for a large organization as for a small one.

mod changes;
mod queue;

use std::collections::BTreeMap;

use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder};
use rollcall::domain::ids::{AccountId, OrganizationId};
use rollcall::store::accounts::Account;
use rollcall::store::memberships::Membership;
use serde_json::{Value, json};

use crate::support::operations::{Ids, Operation, one_of_everything, operations};
use crate::support::people::{Organization, Person, seats_in_total, send, text};
use crate::support::{App, both_databases, crowd, invariants};

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
        grow(app, &school, (&ids["group_id"], 0..FEW)).await;
        let few = statements(app, &school, &ids).await;
        assert!(few.len() > 20, "{few:?}");
        assert!(few.values().all(|count| (1..=8).contains(count)), "{few:?}");
        grow(app, &school, (&ids["group_id"], FEW..MANY)).await;
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
    (group, numbers): (&str, std::ops::Range<usize>),
) {
    let organization: OrganizationId = school.id.parse().unwrap();
    let person = |number| person((app, school), number);
    let people: Vec<Account> = numbers.clone().map(person).collect();
    let members: Vec<Membership> = people
        .iter()
        .map(|account| crowd::student(organization, account))
        .collect();
    let accounts: Vec<AccountId> = people.iter().map(|account| account.id).collect();
    let connection = &mut **invariants::connect(&app.state.services.pool);
    crowd::insert_people(connection, &people, &members);
    crowd::add_to_group(
        connection,
        (organization, group.parse().unwrap()),
        &accounts,
    );
    let emails: Vec<String> = numbers
        .take(500)
        .map(|number| format!("invited{number}@{}", domain(school)))
        .collect();
    let invite = json!({ "emails": emails, "account_type": "student" });
    let invited = school
        .admin
        .post(&school.path("/invitations"), invite)
        .await;
    invited.expect_status(200);
}

/// A domain of its own for each school.
fn domain(school: &Organization<'_>) -> String {
    format!("{}.example", school.slug)
}

fn person((app, school): (&App, &Organization<'_>), number: usize) -> Account {
    let email = format!("pupil{number}@{}", domain(school));
    let mut account = crowd::person(&email, &format!("Pupil {number}"), app.now());
    account.managed_by_organization_id = school.id.parse().ok();
    account
}

//! A page of members at the beginning and far behind, with the query plans:
//! `cargo bench --bench members`.

#![allow(
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a benchmark that meets the unexpected has to fail"
)]

mod support;

use std::time::Instant;

use diesel::connection::{Connection as _, InstrumentationEvent};
use diesel::prelude::*;
use diesel::sql_types::Text;
use rollcall::domain::email_address::EmailAddress;
use rollcall::domain::ids::AccountId;
use rollcall::domain::members::{Direction, MemberKey, MemberOrder, MemberPosition, MemberSort};
use rollcall::domain::organization::{AccountType, JoinedVia, Role};
use rollcall::domain::username::Username;
use rollcall::services::authorization::ListMembers;
use rollcall::services::members;
use rollcall::store::accounts::{self, Account};
use rollcall::store::member_list::{self, MemberFilter, MemberPage};
use rollcall::store::memberships::{self, Membership, Terms};
use rollcall::store::{Connection, transaction};

use support::{Bench, median};

const MEMBERS: usize = 200_000;
const PAGE: i64 = 20;
/// The page whose cost is compared with the first one's.
const FAR: usize = 10_000;
const REQUESTS: usize = 300;

fn main() {
    for bench in support::on_each_database() {
        println!("\n{}: {MEMBERS} members, pages of {PAGE}", bench.name);
        let ids = populate(&bench);
        let far = (FAR - 1) * usize::try_from(PAGE).unwrap() - 1;
        for order in MemberOrder::ALL {
            let last = MemberPosition {
                key: key(*order, far, &bench),
                account: ids[far],
            };
            let first = page_time(&bench, *order, None);
            let behind = page_time(&bench, *order, Some(last));
            println!(
                "by {order}: first page {:.0} µs, page {FAR} {:.0} µs, ratio {:.2}",
                first * 1e6,
                behind * 1e6,
                behind / first
            );
        }
        explain(&bench, &ids[far], far);
    }
}

/// Everybody registered, and was last active, a second after the one before: each order is theirs.
fn populate(bench: &Bench) -> Vec<AccountId> {
    let mut connection = bench.state.services.pool.get().unwrap();
    let admission = Terms {
        organization: bench.organization.id,
        account_type: AccountType::Student,
        role: Role::Member,
        joined_via: JoinedVia::CsvImport,
        joined_at: moment(0, bench),
    };
    let mut ids = Vec::with_capacity(MEMBERS);
    for batch in (0..MEMBERS).collect::<Vec<_>>().chunks(1000) {
        let people: Vec<Account> = batch.iter().map(|number| person(*number, bench)).collect();
        let memberships: Vec<_> = people
            .iter()
            .map(|account| Membership::new(account, &admission))
            .collect();
        transaction(&mut connection, |connection| {
            accounts::insert_new(connection, &people)?;
            memberships::insert_all(connection, &memberships)
        })
        .unwrap();
        ids.extend(people.iter().map(|account| account.id));
    }
    let analyze = "ANALYZE";
    match &mut **connection {
        Connection::Sqlite(c) => diesel::sql_query(analyze).execute(c).unwrap(),
        Connection::Postgres(c) => diesel::sql_query("VACUUM ANALYZE").execute(c).unwrap(),
    };
    ids
}

fn person(number: usize, bench: &Bench) -> Account {
    let email = EmailAddress::parse(&format!("p{number}@school.example")).unwrap();
    let username = Username::parse(&name(number)).unwrap();
    let mut account = Account::new(email, username, moment(number, bench));
    account.last_active_at = moment(number, bench);
    account
}

fn name(number: usize) -> String {
    format!("person {number:06}")
}

fn moment(number: usize, bench: &Bench) -> rollcall::domain::timestamp::Timestamp {
    let seconds = u64::try_from(number).unwrap();
    bench
        .organization
        .created_at
        .plus(std::time::Duration::from_secs(seconds))
}

fn key(order: MemberOrder, number: usize, bench: &Bench) -> MemberKey {
    match order {
        MemberOrder::Name => MemberKey::Name(name(number)),
        MemberOrder::Registered => MemberKey::Registered(moment(number, bench)),
        MemberOrder::LastActive => MemberKey::LastActive(moment(number, bench)),
    }
}

/// The median, in seconds.
fn page_time(bench: &Bench, order: MemberOrder, after: Option<MemberPosition>) -> f64 {
    let permit = bench.permit::<ListMembers>();
    let page = MemberPage {
        order: MemberSort {
            by: order,
            direction: Direction::Ascending,
        },
        after,
        limit: PAGE,
    };
    let services = &bench.state.services;
    let times = services.run_as_system(|tx| {
        let time = |_| {
            let started = Instant::now();
            let found = members::list(tx, &permit, MemberFilter::default(), &page)?;
            assert_eq!(found.len(), usize::try_from(PAGE).unwrap());
            Ok(started.elapsed().as_secs_f64())
        };
        (0..REQUESTS).map(time).collect()
    });
    median(times.unwrap())
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    detail: String,
}

#[derive(QueryableByName)]
struct PlanLine {
    #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
    detail: String,
}

/// How each database finds the far page: one stretch of the index, from the cursor on.
fn explain(bench: &Bench, last: &AccountId, far: usize) {
    let mut connection = bench.state.services.pool.get().unwrap();
    let statement = statement_of_a_page(&mut connection, bench, last, far);
    println!("the plan of page {FAR} by name:");
    match &mut **connection {
        Connection::Sqlite(c) => {
            let sql = format!("EXPLAIN QUERY PLAN {statement}");
            let lines: Vec<Line> = diesel::sql_query(sql).load(c).unwrap();
            lines
                .iter()
                .for_each(|line| println!("    {}", line.detail));
        }
        Connection::Postgres(c) => {
            diesel::sql_query(format!("PREPARE page AS {statement}"))
                .execute(c)
                .unwrap();
            let organization = bench.organization.id;
            let sql = format!(
                "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) EXECUTE page \
                 ('{organization}', '{}', '{last}', {PAGE})",
                name(far)
            );
            let lines: Vec<PlanLine> = diesel::sql_query(sql).load(c).unwrap();
            lines
                .iter()
                .for_each(|line| println!("    {}", line.detail));
        }
    }
}

/// The statement that the list really sends, overheard.
fn statement_of_a_page(
    connection: &mut Connection,
    bench: &Bench,
    last: &AccountId,
    far: usize,
) -> String {
    let (sender, heard) = std::sync::mpsc::channel();
    connection.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            // Later queries on this connection have nobody to tell.
            let _ = sender.send(query.to_string());
        }
    });
    let page = MemberPage {
        order: MemberSort {
            by: MemberOrder::Name,
            direction: Direction::Ascending,
        },
        after: Some(MemberPosition {
            key: key(MemberOrder::Name, far, bench),
            account: *last,
        }),
        limit: PAGE,
    };
    let organization = bench.organization.id;
    member_list::list(connection, organization, &MemberFilter::default(), &page).unwrap();
    let statement = heard.recv().unwrap();
    statement.split(" -- binds").next().unwrap().to_owned()
}

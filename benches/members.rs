//! Pages of members by every filter, search and order, at the beginning and far behind, beside the same
//! condition as one plain statement, with the query plans: `cargo bench --bench members`.
//!
//! `ROLLCALL_BENCH_MEMBERS` changes the size of the organization; `ROLLCALL_BENCH_CASES` leaves the cases whose name
//! holds it.

#![allow(
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a benchmark that meets the unexpected has to fail"
)]

mod support;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use diesel::connection::{Connection as _, InstrumentationEvent, SimpleConnection as _};
use diesel::prelude::*;
use diesel::sql_types::Text;
use rollcall::domain::email_domain::EmailDomain;
use rollcall::domain::ids::{AccountId, GroupId, OrganizationId};
use rollcall::domain::members::{Direction, MemberKey, MemberOrder, MemberPosition, MemberSort};
use rollcall::domain::organization::{AccountType, GroupRole, MembershipStatus, Role};
use rollcall::domain::search_key::SearchWords;
use rollcall::domain::timestamp::Timestamp;
use rollcall::services::authorization::ListMembers;
use rollcall::services::members;
use rollcall::store::accounts::{self, Account};
use rollcall::store::member_list::{self, MemberFilter, MemberPage};
use rollcall::store::memberships::{self, Membership};
use rollcall::store::{Connection, group_members, transaction};

use support::{Bench, crowd, processor_time};

const PAGE: i64 = 50;
const REQUESTS: usize = 7;
/// In each group.
const MANAGERS: usize = 3;
const FIRST_NAMES: [&str; 24] = [
    "Ana", "Bilal", "Chiara", "Deniz", "Emma", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Karim",
    "Lena", "Mira", "Noah", "Olga", "Pedro", "Quinn", "Rosa", "Sami", "Tara", "Ugo", "Vera", "Wei",
    "Zoë",
];
const SYLLABLES: [&str; 20] = [
    "al", "ber", "cas", "dor", "el", "fin", "gar", "hal", "ir", "jan", "kov", "lin", "mar", "nor",
    "ost", "pel", "ris", "sil", "ter", "va",
];
const CHINESE: [&str; 8] = [
    "李明",
    "王芳",
    "张伟",
    "刘洋",
    "陈静",
    "李小龙",
    "赵敏",
    "周杰",
];

/// A large organization: some filters leave few, some many, some only those at the end of an order.
struct School<'a> {
    bench: &'a Bench,
    size: usize,
    positions: Vec<(MemberOrder, MemberPosition)>,
    groups: [GroupId; 3],
    /// Who manages each of the groups.
    manager: AccountId,
}

fn main() {
    let size = std::env::var("ROLLCALL_BENCH_MEMBERS").ok();
    let size = size.map_or(200_000, |size| size.parse().unwrap());
    for bench in support::on_each_database() {
        println!("\n{}: {size} members, pages of {PAGE}", bench.name);
        let school = School::populate(&bench, size);
        let mut worst = (0.0, String::new());
        println!(
            "| filter | one plain statement | page 1 by name | the worst of three orders, both directions, page 1 and the middle |"
        );
        println!("|---|---|---|---|");
        let wanted = std::env::var("ROLLCALL_BENCH_CASES").unwrap_or_default();
        let cases = school.cases().into_iter();
        for case in cases.filter(|case| case.name.contains(&wanted)) {
            let (most, place) = school.measure(&case);
            if most > worst.0 {
                worst = (most, format!("{}, {place}", case.name));
            }
        }
        println!("the worst: {:.1} ms, {}", worst.0, worst.1);
        school.explain();
    }
}

struct Case {
    name: &'static str,
    filter: MemberFilter,
    /// The same as a condition on `memberships m` and `accounts a`.
    plain: String,
}

impl<'a> School<'a> {
    fn populate(bench: &'a Bench, size: usize) -> Self {
        let mut connection = bench.state.services.pool.get().unwrap();
        let mut random = fastrand::Rng::with_seed(7);
        let mut people: Vec<Account> = Vec::with_capacity(size);
        let started = processor_time();
        let sizes = [size / 10_000, size / 40, size / 2];
        let groups = sizes.map(|members| group(&mut connection, bench.organization.id, members));
        for numbers in (0..size).collect::<Vec<_>>().chunks(1000) {
            let accounts: Vec<Account> = numbers
                .iter()
                .map(|number| person(*number, size, (bench, &mut random)))
                .collect();
            let memberships: Vec<_> = numbers
                .iter()
                .zip(&accounts)
                .map(|(number, account)| {
                    let theirs = groups.iter().zip(sizes).filter(|(_, size)| number < size);
                    let theirs: Vec<GroupId> = theirs.map(|(group, _)| *group).collect();
                    membership(*number, account, bench).with_marks_of(&theirs)
                })
                .collect();
            transaction(&mut connection, |connection| {
                accounts::insert_new(connection, &accounts)?;
                memberships::insert_all(connection, &memberships)
            })
            .unwrap();
            people.extend(accounts);
        }
        let time = processor_time().saturating_sub(started).as_secs_f64();
        println!(
            "populated: {:.0} µs of this process for a member",
            time * 1e6 / size as f64
        );
        for (group, size) in groups.iter().zip(sizes) {
            let members: Vec<_> = people.iter().take(size).map(|one| one.id).collect();
            let place = (bench.organization.id, *group);
            let managers = &members[..MANAGERS];
            group_members::insert(
                &mut connection,
                place,
                managers,
                group_members::Place::by_hand(GroupRole::Manager),
            )
            .unwrap();
            for some in members.chunks(1000) {
                group_members::insert(
                    &mut connection,
                    place,
                    some,
                    group_members::Place::by_hand(GroupRole::Member),
                )
                .unwrap();
            }
        }
        let middle = |order: MemberOrder| {
            let mut positions: Vec<_> =
                people.iter().map(|one| (key(order, one), one.id)).collect();
            positions.sort_by_key(compare);
            let (key, account) = positions.swap_remove(size / 2);
            (order, MemberPosition { key, account })
        };
        let positions = MemberOrder::ALL
            .iter()
            .map(|order| middle(*order))
            .collect();
        match &mut **connection {
            Connection::Sqlite(c) => c.batch_execute("ANALYZE").unwrap(),
            Connection::Postgres(c) => c.batch_execute("VACUUM ANALYZE").unwrap(),
        }
        Self {
            bench,
            size,
            positions,
            groups,
            manager: people[0].id,
        }
    }

    fn cases(&self) -> Vec<Case> {
        let none = MemberFilter::default;
        let search = |text: &str| MemberFilter {
            search: SearchWords::parse(text),
            ..none()
        };
        let domain = |text: &str| MemberFilter {
            email_domain: Some(EmailDomain::parse(text).unwrap()),
            ..none()
        };
        let [few, some, half] = self.groups.map(|group| MemberFilter {
            group: Some(group),
            ..none()
        });
        let like = |text: &str| format!("a.search_key LIKE '%{text}%'");
        let staff = MemberFilter {
            account_type: Some(AccountType::Teacher),
            ..none()
        };
        let managed = |managed| MemberFilter {
            managed: Some(managed),
            ..none()
        };
        let is_managed = "COALESCE(a.managed_by_organization_id = m.organization_id, false)";
        let late = Some(moment(self.size - self.size / 1000, self.bench));
        let half_time = Some(moment(self.size / 2, self.bench));
        let intake = Some(moment(self.size - self.size * 3 / 10, self.bench));
        let case = |name, filter, plain: &str| Case {
            name,
            filter,
            plain: plain.to_owned(),
        };
        vec![
            case("none", none(), "true"),
            case("search=zzzz (nobody)", search("zzzz"), &like("zzzz")),
            case("search=p12345@ (one)", search("p12345@"), &like("p12345@")),
            case(
                "search=mira kovsil",
                search("mira kovsil"),
                &format!("{} AND {}", like("mira"), like("kovsil")),
            ),
            case(
                "search=example mar (many)",
                search("example mar"),
                &like("mar"),
            ),
            case("search=mira", search("mira"), &like("mira")),
            case("search=a", search("a"), &like("a")),
            case("search=李明", search("李明"), &like("李明")),
            case("search=龙", search("龙"), &like("龙")),
            case("search=xq (nobody)", search("xq"), &like("xq")),
            case(
                "search=intake (30 %, the last to register)",
                search("intake"),
                &like("intake"),
            ),
            case(
                "search=mira intake",
                search("mira intake"),
                &format!("{} AND {}", like("mira"), like("intake")),
            ),
            case(
                "search=school.example intake (nobody of two many)",
                search("school.example intake"),
                &format!("{} AND {}", like("school.example"), like("intake")),
            ),
            case("search=p1999", search("p1999"), &like("p1999")),
            case(
                "email_domain=rare.example",
                domain("rare.example"),
                &like("@rare.example"),
            ),
            case(
                "email_domain=intake.example",
                domain("intake.example"),
                &like("@intake.example"),
            ),
            case(
                "email_domain=nobody.example",
                domain("nobody.example"),
                &like("@nobody.example"),
            ),
            case(
                "managed=false (30)",
                managed(false),
                &format!("NOT {is_managed}"),
            ),
            case("managed=true", managed(true), is_managed),
            case(
                "role=admin (40)",
                MemberFilter {
                    role: Some(Role::Admin),
                    ..none()
                },
                "m.role = 'admin'",
            ),
            case(
                "status=deactivated (500)",
                MemberFilter {
                    status: Some(MembershipStatus::Deactivated),
                    ..none()
                },
                "m.status = 'deactivated'",
            ),
            case(
                "account_type=teacher (5 %)",
                staff.clone(),
                "m.account_type = 'teacher'",
            ),
            case(
                "email_verified=true (1 %)",
                MemberFilter {
                    email_verified: Some(true),
                    ..none()
                },
                "a.email_verified_at IS NOT NULL",
            ),
            case(
                "group of few",
                few.clone(),
                &in_group(self.groups[0], self.bench),
            ),
            case(
                "group of 2.5 %",
                some.clone(),
                &in_group(self.groups[1], self.bench),
            ),
            case(
                "group of half",
                half.clone(),
                &in_group(self.groups[2], self.bench),
            ),
            case(
                "registered_from (0.1 %)",
                MemberFilter {
                    registered_from: late,
                    ..none()
                },
                &format!("m.registered_at >= {}", literal_time(late, self.bench)),
            ),
            case(
                "registered_from (half)",
                MemberFilter {
                    registered_from: half_time,
                    ..none()
                },
                &format!("m.registered_at >= {}", literal_time(half_time, self.bench)),
            ),
            case(
                "last_active_from (5 %)",
                MemberFilter {
                    active_from: half_time,
                    ..none()
                },
                &format!(
                    "m.last_active_at >= {}",
                    literal_time(half_time, self.bench)
                ),
            ),
            case(
                "teacher, deactivated (25)",
                MemberFilter {
                    status: Some(MembershipStatus::Deactivated),
                    ..staff.clone()
                },
                "m.account_type = 'teacher' AND m.status = 'deactivated'",
            ),
            case(
                "teacher, search=mira",
                MemberFilter {
                    search: SearchWords::parse("mira"),
                    ..staff.clone()
                },
                &format!("m.account_type = 'teacher' AND {}", like("mira")),
            ),
            case(
                "student, admin (nobody)",
                MemberFilter {
                    account_type: Some(AccountType::Student),
                    role: Some(Role::Admin),
                    ..none()
                },
                "m.account_type = 'student' AND m.role = 'admin'",
            ),
            case(
                "teacher, intake, verified",
                MemberFilter {
                    email_verified: Some(true),
                    email_domain: domain("intake.example").email_domain,
                    ..staff.clone()
                },
                &format!(
                    "m.account_type = 'teacher' AND a.email_verified_at IS NOT NULL AND {}",
                    like("@intake.example")
                ),
            ),
            case(
                "group of half, search=intake (nobody)",
                MemberFilter {
                    search: SearchWords::parse("intake"),
                    ..half.clone()
                },
                &format!(
                    "{} AND {}",
                    in_group(self.groups[2], self.bench),
                    like("intake")
                ),
            ),
            case(
                "group of half, search=ke (nobody, two letters)",
                MemberFilter {
                    search: SearchWords::parse("ke"),
                    ..half.clone()
                },
                &format!(
                    "{} AND {}",
                    in_group(self.groups[2], self.bench),
                    like("ke")
                ),
            ),
            case(
                "group of half, search=ke in (nobody, two of two letters)",
                MemberFilter {
                    search: SearchWords::parse("ke in"),
                    ..half.clone()
                },
                &format!(
                    "{} AND {} AND {}",
                    in_group(self.groups[2], self.bench),
                    like("ke"),
                    like("in")
                ),
            ),
            case(
                "group of half, teacher, search=ke (nobody)",
                MemberFilter {
                    search: SearchWords::parse("ke"),
                    group: half.group,
                    ..staff.clone()
                },
                &format!(
                    "{} AND m.account_type = 'teacher' AND {}",
                    in_group(self.groups[2], self.bench),
                    like("ke")
                ),
            ),
            case(
                "group of half, student, active, search=ke (nobody)",
                MemberFilter {
                    search: SearchWords::parse("ke"),
                    account_type: Some(AccountType::Student),
                    status: Some(MembershipStatus::Active),
                    ..half.clone()
                },
                &format!(
                    "{} AND m.account_type = 'student' AND m.status = 'active' AND {}",
                    in_group(self.groups[2], self.bench),
                    like("ke")
                ),
            ),
            case(
                "groups of a manager, half of all, search=ke (nobody)",
                MemberFilter {
                    managed_by: Some(self.manager),
                    ..search("ke")
                },
                &format!(
                    "{} AND {}",
                    in_group(self.groups[2], self.bench),
                    like("ke")
                ),
            ),
            case(
                "group of half, search=p12345@ (one)",
                MemberFilter {
                    search: SearchWords::parse("p12345@"),
                    ..half.clone()
                },
                &format!(
                    "{} AND {}",
                    in_group(self.groups[2], self.bench),
                    like("p12345@")
                ),
            ),
            case(
                "teacher, search=ke (1.5 %)",
                MemberFilter {
                    search: SearchWords::parse("ke"),
                    ..staff.clone()
                },
                &format!("m.account_type = 'teacher' AND {}", like("ke")),
            ),
            case(
                "registered before the intake, search=ke (nobody)",
                MemberFilter {
                    registered_to: intake,
                    ..search("ke")
                },
                &format!(
                    "m.registered_at < {} AND {}",
                    literal_time(intake, self.bench),
                    like("ke")
                ),
            ),
            case(
                "learner (nobody)",
                MemberFilter {
                    account_type: Some(AccountType::Learner),
                    ..none()
                },
                "m.account_type = 'learner'",
            ),
            case(
                "creator, search=a (nobody, one letter)",
                MemberFilter {
                    account_type: Some(AccountType::Creator),
                    ..search("a")
                },
                &format!("m.account_type = 'creator' AND {}", like("a")),
            ),
            case(
                "student, search=xq (nobody)",
                MemberFilter {
                    account_type: Some(AccountType::Student),
                    ..search("xq")
                },
                &format!("m.account_type = 'student' AND {}", like("xq")),
            ),
            case(
                "student, active, not an admin, search=ke",
                MemberFilter {
                    account_type: Some(AccountType::Student),
                    status: Some(MembershipStatus::Active),
                    role: Some(Role::Member),
                    ..search("ke")
                },
                &format!(
                    "m.account_type = 'student' AND m.role = 'member' AND m.status = 'active' AND {}",
                    like("ke")
                ),
            ),
            case(
                "student, registered before the intake, search=ke (nobody)",
                MemberFilter {
                    account_type: Some(AccountType::Student),
                    registered_to: intake,
                    ..search("ke")
                },
                &format!(
                    "m.account_type = 'student' AND m.registered_at < {} AND {}",
                    literal_time(intake, self.bench),
                    like("ke")
                ),
            ),
            case(
                "registered in the intake, search=sc (few)",
                MemberFilter {
                    registered_from: intake,
                    ..search("sc")
                },
                &format!(
                    "m.registered_at >= {} AND {}",
                    literal_time(intake, self.bench),
                    like("sc")
                ),
            ),
            case(
                "registered before the intake, email_domain=intake.example (nobody)",
                MemberFilter {
                    registered_to: intake,
                    ..domain("intake.example")
                },
                &format!(
                    "m.registered_at < {} AND {}",
                    literal_time(intake, self.bench),
                    like("@intake.example")
                ),
            ),
            case(
                "never active, registered before the intake, search=ke (nobody)",
                MemberFilter {
                    active_to: Some(moment(0, self.bench)),
                    registered_to: intake,
                    ..search("ke")
                },
                &format!(
                    "m.last_active_at < {} AND m.registered_at < {} AND {}",
                    literal_time(Some(moment(0, self.bench)), self.bench),
                    literal_time(intake, self.bench),
                    like("ke")
                ),
            ),
            case(
                "registered in the intake, search=ke (all of it)",
                MemberFilter {
                    registered_from: intake,
                    ..search("ke")
                },
                &format!(
                    "m.registered_at >= {} AND {}",
                    literal_time(intake, self.bench),
                    like("ke")
                ),
            ),
            case(
                "managers of the group of half",
                MemberFilter {
                    group_role: Some(GroupRole::Manager),
                    ..half.clone()
                },
                &format!(
                    "{} AND EXISTS (SELECT 1 FROM group_memberships g WHERE g.account_id = m.account_id AND g.role = 'manager')",
                    in_group(self.groups[2], self.bench)
                ),
            ),
            case(
                "group of half, search=mira",
                MemberFilter {
                    search: SearchWords::parse("mira"),
                    ..half.clone()
                },
                &format!(
                    "{} AND {}",
                    in_group(self.groups[2], self.bench),
                    like("mira")
                ),
            ),
            case(
                "group of half, search=example (all of it)",
                MemberFilter {
                    search: SearchWords::parse("example"),
                    ..half.clone()
                },
                &format!(
                    "{} AND {}",
                    in_group(self.groups[2], self.bench),
                    like("example")
                ),
            ),
            case(
                "group of half, teacher",
                MemberFilter {
                    group: half.group,
                    ..staff.clone()
                },
                &format!(
                    "{} AND m.account_type = 'teacher'",
                    in_group(self.groups[2], self.bench)
                ),
            ),
            case(
                "group of 2.5 %, search=intake (nobody)",
                MemberFilter {
                    search: SearchWords::parse("intake"),
                    ..some.clone()
                },
                &format!(
                    "{} AND {}",
                    in_group(self.groups[1], self.bench),
                    like("intake")
                ),
            ),
            case(
                "teacher, search=intake (1.5 %)",
                MemberFilter {
                    search: SearchWords::parse("intake"),
                    ..staff.clone()
                },
                &format!("m.account_type = 'teacher' AND {}", like("intake")),
            ),
            case(
                "registered and active in the last half, search=mira",
                MemberFilter {
                    registered_from: half_time,
                    active_from: half_time,
                    ..search("mira")
                },
                &format!(
                    "m.registered_at >= {0} AND m.last_active_at >= {0} AND {1}",
                    literal_time(half_time, self.bench),
                    like("mira")
                ),
            ),
        ]
    }

    /// Prints a case; gives the worst of its orders.
    fn measure(&self, case: &Case) -> (f64, String) {
        let plain = self.time_plain(case);
        let mut first = 0.0;
        let mut worst = (0.0, String::new());
        for order in MemberOrder::ALL {
            for direction in Direction::ALL {
                for is_far in [false, true] {
                    let time = self.time(&case.filter, &self.page(*order, *direction, is_far));
                    let place = if is_far {
                        "from the middle on"
                    } else {
                        "page 1"
                    };
                    if time > worst.0 {
                        worst = (time, format!("{order} {direction}, {place}"));
                    }
                    if (*order, *direction, is_far)
                        == (MemberOrder::Name, Direction::Ascending, false)
                    {
                        first = time;
                    }
                }
            }
        }
        let (most, place) = &worst;
        println!(
            "| {} | {plain:.1} ms | {first:.1} ms | {most:.1} ms ({place}) |",
            case.name
        );
        worst
    }

    fn page(&self, by: MemberOrder, direction: Direction, is_far: bool) -> MemberPage {
        let position = self.positions.iter().find(|(order, _)| *order == by);
        MemberPage {
            order: MemberSort { by, direction },
            after: position
                .filter(|_| is_far)
                .map(|(_, position)| position.clone()),
            limit: PAGE + 1,
        }
    }

    /// The least, in milliseconds: whatever else the machine does only adds to it.
    fn time(&self, filter: &MemberFilter, page: &MemberPage) -> f64 {
        let permit = self.bench.permit::<ListMembers>();
        let times = self.bench.state.services.run_as_system(|tx| {
            let time = |_| {
                let started = Instant::now();
                members::list(tx, &permit, filter.clone(), page)?;
                Ok(started.elapsed().as_secs_f64() * 1e3)
            };
            (0..REQUESTS).map(time).collect::<Result<Vec<f64>, _>>()
        });
        times.unwrap().into_iter().fold(f64::INFINITY, f64::min)
    }

    /// The first page by name, as one statement over memberships and accounts finds it.
    fn time_plain(&self, case: &Case) -> f64 {
        let organization = literal_id(self.bench.organization.id.to_string(), self.bench);
        let sql = format!(
            "SELECT a.username AS detail FROM memberships m JOIN accounts a ON a.id = m.account_id \
             WHERE m.organization_id = {organization} AND {} \
             ORDER BY m.search_key, m.account_id LIMIT {PAGE}",
            case.plain
        );
        let mut connection = self.bench.state.services.pool.get().unwrap();
        let times = (0..2).map(|_| {
            let started = Instant::now();
            lines(&mut connection, &sql);
            started.elapsed().as_secs_f64() * 1e3
        });
        times.fold(f64::INFINITY, f64::min)
    }

    /// The plan of each statement that lists send.
    fn explain(&self) {
        let mut seen = BTreeSet::new();
        for case in self.cases() {
            let page = self.page(MemberOrder::Name, Direction::Ascending, true);
            for statement in self.overhear(&case.filter, &page) {
                if statement.starts_with("SELECT") && seen.insert(shape(&statement)) {
                    println!("{}: {statement}", case.name);
                    self.print_plan(&statement);
                }
            }
        }
    }

    fn overhear(&self, filter: &MemberFilter, page: &MemberPage) -> Vec<String> {
        let mut connection = self.bench.state.services.pool.get().unwrap();
        let (sender, heard) = std::sync::mpsc::channel();
        connection.set_instrumentation(move |event: InstrumentationEvent<'_>| {
            if let InstrumentationEvent::StartQuery { query, .. } = event {
                // Later queries on this connection have nobody to tell.
                let _ = sender.send(query.to_string());
            }
        });
        member_list::list(&mut connection, self.bench.organization.id, filter, page).unwrap();
        let statements = heard.try_iter();
        let without_binds =
            |statement: String| statement.split(" -- binds").next().unwrap().to_owned();
        statements.map(without_binds).collect()
    }

    fn print_plan(&self, statement: &str) {
        let mut connection = self.bench.state.services.pool.get().unwrap();
        let plan = match &mut **connection {
            Connection::Sqlite(_) => {
                lines(&mut connection, &format!("EXPLAIN QUERY PLAN {statement}"))
            }
            Connection::Postgres(c) => plan_of_postgres(c, statement),
        };
        plan.iter().for_each(|line| println!("    {line}"));
    }
}

/// The plan for whatever the values are, under the settings with which candidates are asked for.
fn plan_of_postgres(connection: &mut PgConnection, statement: &str) -> Vec<String> {
    let values = (1..).take_while(|number| statement.contains(&format!("${number}")));
    let nulls = values.map(|_| "NULL").collect::<Vec<_>>().join(", ");
    let arguments = if nulls.is_empty() {
        nulls
    } else {
        format!("({nulls})")
    };
    // As `store/planner.rs` has them.
    let mut settings = String::new();
    if statement.contains("number") || statement.contains("IS TRUE") {
        settings.push_str(
            "SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; \
             SET LOCAL enable_mergejoin = off; SET LOCAL max_parallel_workers_per_gather = 0; \
             SET LOCAL jit = off; ",
        );
    }
    if statement.contains("IS TRUE") && !statement.contains("number") {
        settings.push_str("SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off; ");
    }
    connection
        .batch_execute(&format!(
            "BEGIN; SET LOCAL plan_cache_mode = force_generic_plan; {settings} PREPARE page AS {statement}"
        ))
        .unwrap();
    let sql = format!("EXPLAIN (COSTS OFF) EXECUTE page {arguments}");
    let plan: Vec<PlanLine> = diesel::sql_query(sql).load(connection).unwrap();
    connection
        .batch_execute("ROLLBACK; DEALLOCATE page")
        .unwrap();
    plan.into_iter().map(|line| line.detail).collect()
}

/// A statement with as many values in a list as in any other.
fn shape(statement: &str) -> String {
    let mut shape = statement.replace(|c: char| c.is_ascii_digit(), "");
    while shape.contains("$, $") {
        shape = shape.replace("$, $", "$");
    }
    while shape.contains("?, ?") {
        shape = shape.replace("?, ?", "?");
    }
    shape
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

fn lines(connection: &mut Connection, sql: &str) -> Vec<String> {
    let lines: Vec<Line> = match connection {
        Connection::Sqlite(c) => diesel::sql_query(sql).load(c).unwrap(),
        Connection::Postgres(c) => diesel::sql_query(sql).load(c).unwrap(),
    };
    lines.into_iter().map(|line| line.detail).collect()
}

fn person(number: usize, size: usize, (bench, random): (&Bench, &mut fastrand::Rng)) -> Account {
    let domain = match number {
        _ if number % 2_000 == 7 => "rare.example",
        _ if number >= size - size * 3 / 10 => "intake.example",
        _ => "school.example",
    };
    let first = random.choice(FIRST_NAMES).unwrap();
    let last: String = (0..2).map(|_| random.choice(SYLLABLES).unwrap()).collect();
    let name = if number % 100 == 3 {
        random.choice(CHINESE).unwrap().to_owned()
    } else {
        format!("{first} {last}")
    };
    let email = format!("p{number}@{domain}");
    let mut account = crowd::person(&email, &name, moment(number, bench));
    if random.usize(0..10) == 0 {
        account.last_active_at = moment(random.usize(0..size), bench);
    }
    if number.checked_rem(size / 30) != Some(5) {
        account.managed_by_organization_id = Some(bench.organization.id);
    }
    account.email_verified_at = (number % 100 == 11).then(|| moment(number, bench));
    account
}

fn membership(number: usize, account: &Account, bench: &Bench) -> Membership {
    let mut membership = crowd::student(bench.organization.id, account);
    if number.is_multiple_of(20) {
        membership.account_type = AccountType::Teacher;
    }
    if number.is_multiple_of(5_000) {
        membership.role = Role::Admin;
    }
    if number % 400 == 40 {
        membership.status = MembershipStatus::Deactivated;
    }
    membership
}

fn group(connection: &mut Connection, organization: OrganizationId, members: usize) -> GroupId {
    let now = rollcall::clock::Clock::system().now();
    crowd::insert_group(
        connection,
        (organization, now),
        &format!("{members} people"),
    )
}

fn moment(number: usize, bench: &Bench) -> Timestamp {
    let seconds = u64::try_from(number).unwrap();
    bench
        .organization
        .created_at
        .plus(Duration::from_secs(seconds))
}

fn key(order: MemberOrder, account: &Account) -> MemberKey {
    match order {
        MemberOrder::Name => MemberKey::Name(account.search_key().to_owned()),
        MemberOrder::Registered => MemberKey::Registered(account.created_at),
        MemberOrder::LastActive => MemberKey::LastActive(account.last_active_at),
    }
}

fn compare((key, account): &(MemberKey, AccountId)) -> (String, Option<Timestamp>, AccountId) {
    match key {
        MemberKey::Name(name) => (name.clone(), None, *account),
        MemberKey::Registered(at) | MemberKey::LastActive(at) => {
            (String::new(), Some(*at), *account)
        }
    }
}

fn in_group(group: GroupId, bench: &Bench) -> String {
    let group = literal_id(group.to_string(), bench);
    format!("m.account_id IN (SELECT account_id FROM group_memberships WHERE group_id = {group})")
}

fn literal_id(id: String, bench: &Bench) -> String {
    match bench.name {
        "SQLite" => format!("x'{}'", id.replace('-', "")),
        _ => format!("'{id}'"),
    }
}

fn literal_time(at: Option<Timestamp>, bench: &Bench) -> String {
    let at = at.unwrap();
    match bench.name {
        "SQLite" => at.as_microseconds().to_string(),
        _ => format!("'{at}'"),
    }
}

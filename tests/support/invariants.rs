//! The invariants of an installation, whatever its processes went through: that every row of an import
//! has exactly one end, every account is there once and opens with its password, and that seats,
//! groups and the audit log agree with them.

use std::collections::{BTreeMap, HashMap, HashSet};

use diesel::prelude::*;
use rollcall::crypto::password_hash::{HashCost, HashMemory, Verdict, verify};
use rollcall::domain::audit::AuditAction;
use rollcall::domain::ids::{AccountId, GroupId, ImportId, OrganizationId};
use rollcall::domain::imports::{ImportStatus, RowOutcome};
use rollcall::domain::member_marks::{Traits, marks_of_key};
use rollcall::domain::organization::{AccountType, MembershipStatus, Role};
use rollcall::domain::password::Password;
use rollcall::store::pool::Pooled;
use rollcall::store::schema::{
    accounts, audit_events, group_memberships, import_outcomes, import_rows, imports, memberships,
};
use rollcall::store::{Connection, Pool};
use serde_json::Value;

use super::import_file::ImportFile;
use super::people::text;
use super::process::{Front, School};

/// An account that an import made, with the password that its list gives.
#[derive(Clone, Debug)]
pub struct Created {
    pub row: usize,
    pub email: String,
    pub password: String,
    hash: String,
}

/// A school as the API shows it and as it is stored.
pub struct Subject<'a> {
    pub front: &'a Front,
    pub pool: &'a Pool,
    pub school: &'a School,
}

impl School {
    /// What is to be checked of it: the API of this process, and the database behind it.
    pub fn subject<'a>(&'a self, front: &'a Front, pool: &'a Pool) -> Subject<'a> {
        Subject {
            front,
            pool,
            school: self,
        }
    }
}

/// Asserts everything that must hold of one import that has ended, in one of these `statuses`, and
/// gives the accounts that it made.
pub async fn check_import(
    Subject {
        front,
        pool,
        school,
    }: Subject<'_>,
    (id, file): (&str, &ImportFile),
    statuses: &[&str],
) -> Vec<Created> {
    let import = school.import_now(front, id).await;
    let status = text(&import["status"]);
    assert!(statuses.contains(&status.as_str()), "{import:#}");
    let listed = check_rows(front, school, id, file).await;
    check_counts(&import, &listed);
    let created = check_userlist(front, school, (id, file), &listed).await;
    check_stored(pool, school, id, &listed);
    check_events(pool, id);
    with_hashes(pool, created, &listed)
}

/// A row as the API lists it.
struct Listed {
    email: String,
    outcome: String,
    account: Option<AccountId>,
}

async fn check_rows(front: &Front, school: &School, id: &str, file: &ImportFile) -> Vec<Listed> {
    let mut listed = Vec::new();
    let mut query = "?limit=200".to_owned();
    loop {
        let page = school
            .get(front, &format!("/imports/{id}/rows{query}"))
            .await;
        let page = page.expect_status(200);
        listed.extend(page["items"].as_array().expect("no items").iter().cloned());
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        query = format!("?limit=200&cursor={cursor}");
    }
    assert_eq!(listed.len(), file.lines.len(), "rows of {id}");
    let rows = listed.iter().zip(&file.lines).enumerate();
    rows.map(|(place, (row, line))| {
        assert_eq!(row["row"], place + 1);
        let outcome = row["outcome"].as_str().unwrap_or("pending").to_owned();
        assert!(
            line.ends.contains(&outcome.as_str()),
            "{row:#} is not {:?}",
            line.ends
        );
        let account = row["account_id"]
            .as_str()
            .map(|id| id.parse().expect("an id"));
        assert_eq!(account.is_some(), outcome == "created", "{row:#}");
        assert_eq!(row["error"].is_null(), outcome == "created", "{row:#}");
        Listed {
            email: row["email"].as_str().unwrap_or_default().to_owned(),
            outcome,
            account,
        }
    })
    .collect()
}

fn check_counts(import: &Value, listed: &[Listed]) {
    let mut by_outcome = BTreeMap::new();
    for row in listed {
        *by_outcome.entry(row.outcome.clone()).or_insert(0) += 1;
    }
    let counts = &import["counts"];
    assert_eq!(
        counts["by_outcome"],
        serde_json::json!(by_outcome),
        "{import:#}"
    );
    let created = by_outcome.get("created").copied().unwrap_or(0);
    for (name, expected) in [
        ("rows", listed.len()),
        ("processed", listed.len()),
        ("created", created),
        ("failed", listed.len() - created),
    ] {
        assert_eq!(counts[name], expected, "{name} in {import:#}");
    }
}

async fn check_userlist(
    front: &Front,
    school: &School,
    (id, file): (&str, &ImportFile),
    listed: &[Listed],
) -> Vec<Created> {
    let response = school
        .get(front, &format!("/imports/{id}/userlist.csv"))
        .await;
    response.expect_status(200);
    let records = records_of(&response.text);
    assert_eq!(records.len(), listed.len(), "rows of {id}'s userlist.csv");
    let mut created = Vec::new();
    for (place, ((record, row), line)) in records.iter().zip(listed).zip(&file.lines).enumerate() {
        let is_created = row.outcome == "created";
        assert_eq!(record["row"], (place + 1).to_string());
        assert_eq!(record["email"], row.email);
        assert_eq!(
            record["status"],
            if is_created { "created" } else { "failed" }
        );
        assert_eq!(
            record["error_code"],
            if is_created { "" } else { &row.outcome }
        );
        let password = record["password"].clone();
        if !is_created {
            assert_eq!(password, "");
            continue;
        }
        assert!(
            line.password.is_empty() || line.password == password,
            "{record:?}"
        );
        created.push(Created {
            row: place + 1,
            email: row.email.clone(),
            password,
            hash: String::new(),
        });
    }
    created
}

/// The records of a downloaded list, each by the names of its columns.
pub fn records_of(csv: &str) -> Vec<HashMap<String, String>> {
    let csv = csv.strip_prefix('\u{feff}').unwrap_or(csv);
    csv::Reader::from_reader(csv.as_bytes())
        .deserialize()
        .map(|record| record.expect("a record"))
        .collect()
}

/// The database tells the same: each account is there, has the row's address and belongs to the
/// school; no hash and no half-done row is left behind.
fn check_stored(pool: &Pool, school: &School, id: &str, listed: &[Listed]) {
    let mut connection = connect(pool);
    let organization: OrganizationId = school.id.parse().expect("an id");
    let id: ImportId = id.parse().expect("an id");
    let made: Vec<AccountId> = listed.iter().filter_map(|row| row.account).collect();
    assert_eq!(
        made.iter().collect::<HashSet<_>>().len(),
        made.len(),
        "an account twice"
    );
    let found: HashMap<AccountId, String> = made
        .chunks(500)
        .flat_map(|made| {
            accounts::table
                .inner_join(memberships::table)
                .filter(memberships::organization_id.eq(organization))
                .filter(accounts::managed_by_organization_id.eq(organization))
                .filter(accounts::id.eq_any(made))
                .select((accounts::id, accounts::email))
                .load::<(AccountId, String)>(&mut **connection)
                .expect("no accounts")
        })
        .collect();
    for row in listed {
        if let Some(account) = row.account {
            assert_eq!(
                found.get(&account),
                Some(&row.email),
                "the account of a row"
            );
        }
    }
    let left_hashes: i64 = import_rows::table
        .filter(import_rows::import_id.eq(id))
        .filter(import_rows::password_hash.is_not_null())
        .count()
        .get_result(&mut **connection)
        .expect("no count");
    assert_eq!(left_hashes, 0, "hashes are left in the rows");
    let counted: Vec<(RowOutcome, i64)> = import_outcomes::table
        .filter(import_outcomes::import_id.eq(id))
        .filter(import_outcomes::row_count.gt(0))
        .select((import_outcomes::outcome, import_outcomes::row_count))
        .load(&mut **connection)
        .expect("no counts");
    let sum: i64 = counted.iter().map(|(_, count)| count).sum();
    assert_eq!(usize::try_from(sum).ok(), Some(listed.len()), "{counted:?}");
}

fn check_events(pool: &Pool, id: &str) {
    let mut events: Vec<AuditAction> = audit_events::table
        .filter(audit_events::subject.eq(id))
        .filter(audit_events::action.ne(AuditAction::ImportResultsDownloaded))
        .select(audit_events::action)
        .load(&mut **connect(pool))
        .expect("no events");
    events.sort_unstable();
    assert_eq!(
        events,
        [AuditAction::ImportAccepted, AuditAction::ImportFinished],
        "events of {id}"
    );
}

fn with_hashes(pool: &Pool, created: Vec<Created>, listed: &[Listed]) -> Vec<Created> {
    let made: Vec<AccountId> = listed.iter().filter_map(|row| row.account).collect();
    let hashes: HashMap<String, Option<String>> = accounts::table
        .filter(accounts::id.eq_any(made))
        .select((accounts::email, accounts::password_hash))
        .load::<(String, Option<String>)>(&mut **connect(pool))
        .expect("no hashes")
        .into_iter()
        .collect();
    let hash_of = |email: &str| hashes.get(email).cloned().flatten().expect("no hash");
    created
        .into_iter()
        .map(|created| Created {
            hash: hash_of(&created.email),
            ..created
        })
        .collect()
}

/// Asserts that an organization has the accounts of its imports and its first admin, a seat for
/// each of them, none reserved, and these group memberships.
pub async fn check_school(
    Subject {
        front,
        pool,
        school,
    }: Subject<'_>,
    created: usize,
    in_groups: usize,
) {
    let members = i64::try_from(created + 1).expect("a count");
    let organization: OrganizationId = school.id.parse().expect("an id");
    let mut connection = connect(pool);
    let managed: i64 = accounts::table
        .filter(accounts::managed_by_organization_id.eq(organization))
        .count()
        .get_result(&mut **connection)
        .expect("no count");
    assert_eq!(managed, members - 1, "managed accounts of {}", school.slug);
    let active: i64 = memberships::table
        .filter(memberships::organization_id.eq(organization))
        .filter(memberships::status.eq("active"))
        .count()
        .get_result(&mut **connection)
        .expect("no count");
    assert_eq!(active, members, "members of {}", school.slug);
    let grouped: i64 = group_memberships::table
        .filter(group_memberships::organization_id.eq(organization))
        .filter(group_memberships::role.eq("member"))
        .count()
        .get_result(&mut **connection)
        .expect("no count");
    assert_eq!(
        usize::try_from(grouped).ok(),
        Some(in_groups),
        "group memberships"
    );
    let seats = school.get(front, "/seats").await.expect_status(200);
    assert_eq!(seats["total"]["used"], members, "{seats:#}");
    assert_eq!(
        seats["by_account_type"]["student"]["used"], created,
        "{seats:#}"
    );
    for line in [&seats["total"], &seats["by_account_type"]["student"]] {
        assert_eq!(line["reserved"], 0, "{seats:#}");
    }
}

/// Asserts that each password opens its account, by the hash that is kept, on all cores.
pub fn check_passwords(created: &[Created]) {
    let share = created.len().div_ceil(2).max(1);
    std::thread::scope(|scope| {
        for share in created.chunks(share) {
            scope.spawn(move || {
                let mut memory = HashMemory::default();
                for account in share {
                    let password = Password::parse(account.password.clone()).expect("a password");
                    let input = password.to_hash_input();
                    let cost = HashCost::FOR_TESTS;
                    let verdict = verify(&account.hash, input.as_bytes(), cost, &mut memory);
                    let opens = matches!(verdict, Ok(Verdict::Right | Verdict::RightButOutdated));
                    assert!(opens, "{account:?}");
                }
            });
        }
    });
}

/// Asserts that every membership repeats its account, and that the search index has exactly the
/// memberships.
pub fn check_members(pool: &Pool) {
    let mut connection = connect(pool);
    let count = |connection: &mut Connection, sql: &str| -> i64 {
        let count: Count = match connection {
            Connection::Sqlite(c) => diesel::sql_query(sql).get_result(c),
            Connection::Postgres(c) => diesel::sql_query(sql).get_result(c),
        }
        .expect("no count");
        count.count
    };
    let differing = "SELECT count(*) AS count FROM memberships m JOIN accounts a ON a.id = m.account_id \
        WHERE m.search_key <> a.search_key OR m.registered_at <> a.created_at \
        OR m.last_active_at <> a.last_active_at \
        OR m.email_verified <> (a.email_verified_at IS NOT NULL) \
        OR m.managed <> (a.managed_by_organization_id IS NOT NULL \
            AND a.managed_by_organization_id = m.organization_id)";
    assert_eq!(count(&mut connection, differing), 0, "memberships differ");
    let number = match &**connection {
        Connection::Sqlite(_) => "rowid",
        Connection::Postgres(_) => "number",
    };
    for (one, other) in [
        (
            format!("{number} FROM member_grams"),
            "number FROM memberships",
        ),
        (
            "number FROM memberships".to_owned(),
            &*format!("{number} FROM member_grams"),
        ),
    ] {
        let missing =
            format!("SELECT count(*) AS count FROM (SELECT {one} EXCEPT SELECT {other}) d");
        assert_eq!(count(&mut connection, &missing), 0, "{one} without {other}");
    }
    check_traits(&mut connection);
    let misplaced = "SELECT count(*) AS count FROM group_memberships g JOIN memberships m \
        ON m.organization_id = g.organization_id AND m.account_id = g.account_id \
        WHERE g.number <> m.number OR g.search_key <> m.search_key";
    assert_eq!(count(&mut connection, misplaced), 0, "places differ");
    check_group_marks(&mut connection);
}

/// A member's bits tell what the columns tell.
fn check_traits(connection: &mut Connection) {
    type Row = (
        AccountType,
        Role,
        MembershipStatus,
        bool,
        bool,
        String,
        i64,
        i64,
    );
    let rows: Vec<Row> = memberships::table
        .select((
            memberships::account_type,
            memberships::role,
            memberships::status,
            memberships::managed,
            memberships::email_verified,
            memberships::search_key,
            memberships::word_marks,
            memberships::traits,
        ))
        .load(connection)
        .expect("no memberships");
    for (account_type, role, status, managed, email_verified, key, word_marks, traits) in rows {
        assert_eq!(word_marks, marks_of_key(&key), "{key}");
        let are = |asked: Traits| traits & asked.asked == asked.set;
        for one in AccountType::ALL {
            let asked = Traits::default().with_account_type(*one);
            assert_eq!(are(asked), *one == account_type, "{key}: {one}");
        }
        let others = Traits::default()
            .with_role(role)
            .with_status(status)
            .with_managed(managed)
            .with_email_verified(email_verified);
        assert!(are(others), "{key}: {traits:x}");
    }
}

/// Whoever is in a group has its marks.
fn check_group_marks(connection: &mut Connection) {
    let here = memberships::table.on(memberships::organization_id
        .eq(group_memberships::organization_id)
        .and(memberships::account_id.eq(group_memberships::account_id)));
    let rows: Vec<(GroupId, i64)> = group_memberships::table
        .inner_join(here)
        .select((group_memberships::group_id, memberships::traits))
        .load(connection)
        .expect("no members of groups");
    for (group, traits) in rows {
        let asked = Traits::default().with_group(group);
        assert_eq!(traits & asked.asked, asked.set, "{group}: {traits:x}");
    }
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    count: i64,
}

/// How many imports stand like this.
pub fn imports_that_are(pool: &Pool, statuses: &[ImportStatus]) -> i64 {
    imports::table
        .filter(imports::status.eq_any(statuses))
        .count()
        .get_result(&mut **connect(pool))
        .expect("no count")
}

/// A connection past the server's own.
pub fn connect(pool: &Pool) -> Pooled {
    pool.get().expect("no connection")
}

//! The database, its schema, what is in front of it, and whether its clock agrees with ours.

use std::path::Path;
use std::time::Duration;

use super::federation;
use super::finding::{Check, Finding};
use crate::clock::Clock;
use crate::config::Config;
use crate::crypto::sealing::SealingKeys;
use crate::domain::database_url::DatabaseUrl;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::services::resealing;
use crate::state;
use crate::store::job_turns::CLOCKS_APART;
use crate::store::migrations::{self, SchemaVersion};
use crate::store::pooler::{MIXED_UP, Pooling};
use crate::store::{self, Connection, Pool, copied_tables, inspection};

pub fn check(config: &Config) -> Vec<Finding> {
    match &config.database_url {
        DatabaseUrl::Sqlite(path) => embedded(path, config),
        DatabaseUrl::Postgres(_) => on_server(config),
    }
}

fn embedded(path: &str, config: &Config) -> Vec<Finding> {
    let file = Path::new(path);
    if !file.exists() {
        return vec![absent(path, config), clock(None)];
    }
    let opened = state::require_usable(file).map_err(Error::unavailable);
    match opened.and_then(|()| inspection::open_file(path)) {
        Ok(mut connection) => vec![
            Check::Database.ok(format!("{path} can be read and written")),
            told(Check::Schema, schema(&mut connection)),
            told(Check::SealedValues, sealed(&mut connection, config)),
            told(
                Check::FederationKey,
                federation::check(&mut connection, config),
            ),
            clock(None),
        ],
        Err(error) => vec![away(path, &error), clock(None)],
    }
}

/// A database that is not there is yet to be made, or was taken away from what belongs to it.
fn absent(path: &str, config: &Config) -> Finding {
    let folder = Path::new(path)
        .parent()
        .filter(|it| !it.as_os_str().is_empty());
    let is_made = folder.is_some_and(|folder| folder == config.data_dir);
    let missing = folder.filter(|folder| !is_made && !folder.is_dir());
    if Path::new(&format!("{path}-wal")).exists() {
        return Check::Database.failure(
            format!("{path} is gone, and its log {path}-wal is there: it was deleted or moved"),
            "Put the file back beside it. A server that runs answers 503 until then, and a start would begin an empty \
             database",
        );
    }
    if let Some(folder) = missing {
        return Check::Database.failure(
            format!(
                "{path} cannot be made: there is no folder {}",
                folder.display()
            ),
            "Make the folder, or name another file in ROLLCALL_DATABASE_URL",
        );
    }
    if state::keys_in_data_folder(config) {
        return Check::Database.warning(
            format!("{path} is not there, and the keys of an installation are: the next start makes an empty database"),
            "Put the file back if there was one, from where it was moved or from a back-up",
        );
    }
    Check::Database.skipped(format!("{path}: the first start makes it"))
}

fn away(what: &str, error: &Error) -> Finding {
    Check::Database.failure(
        format!("{what}: {error}"),
        "See that it is there, that it is the one of ROLLCALL_DATABASE_URL, and that whoever runs the server may \
         read and write it",
    )
}

/// The pooler is asked first: with one that mixes up statements, every other answer may be another's.
fn on_server(config: &Config) -> Vec<Finding> {
    const CONNECTIONS: u32 = 1;
    let opened = Pool::open(
        &config.database_url,
        CONNECTIONS,
        config.prepared_statements,
    )
    .and_then(|pool| Ok((pool.pooling()?, pool.get()?)));
    match opened {
        Ok((Pooling::MixedUp, _)) => vec![mixed_up(), clock(None)],
        Ok((pooling, mut connection)) => on_connection(&mut connection, pooling, config),
        Err(error) => vec![away("PostgreSQL", &error), clock(None)],
    }
}

fn on_connection(connection: &mut Connection, pooling: Pooling, config: &Config) -> Vec<Finding> {
    vec![
        told(Check::Database, writable(connection)),
        told(Check::Schema, schema(connection)),
        told(Check::SealedValues, sealed(connection, config)),
        told(Check::FederationKey, federation::check(connection, config)),
        told(Check::Pooler, pooler(connection, pooling)),
        told(Check::Clock, inspection::time(connection).map(clock)),
    ]
}

/// A check that the database broke off.
fn told(check: Check, found: Result<Finding>) -> Finding {
    found.unwrap_or_else(|error| {
        check.failure(
            error.to_string(),
            "See what the log of the database says, and run the doctor again",
        )
    })
}

fn writable(connection: &mut Connection) -> Result<Finding> {
    if store::is_read_only(connection)? {
        return Ok(Check::Database.failure(
            "it takes no changes: it is a standby, or set to be read only",
            "Name the one that takes changes in ROLLCALL_DATABASE_URL",
        ));
    }
    let closed = inspection::tables_not_to_change(connection)?;
    if closed.is_empty() {
        return Ok(Check::Database.ok("it answers and takes changes"));
    }
    Ok(Check::Database.failure(
        format!(
            "the user of ROLLCALL_DATABASE_URL may not read and change these tables: {}",
            closed.join(", ")
        ),
        "Grant it SELECT, INSERT, UPDATE and DELETE on them, or name the user to whom they belong",
    ))
}

fn schema(connection: &mut Connection) -> Result<Finding> {
    Ok(match migrations::version(connection)? {
        SchemaVersion::Current => current(connection)?,
        SchemaVersion::Older => older(connection)?,
        SchemaVersion::Newer(migration) => Check::Schema.failure(
            format!("it is newer than this version, which does not know the migration {migration}"),
            "Start the version that applied it, or restore the back-up that was made before the upgrade",
        ),
    })
}

fn current(connection: &mut Connection) -> Result<Finding> {
    let missing = inspection::missing_from_schema(connection)?;
    if !missing.is_empty() {
        return Ok(Check::Schema.failure(
            format!(
                "what this version needs is missing, though it was made: {}",
                missing.join(", ")
            ),
            "Restore the back-up from before somebody took it (docs/operations.md)",
        ));
    }
    Ok(match copied_tables::require_served(connection) {
        Ok(()) => Check::Schema.ok("it is this version's"),
        Err(error) => Check::Schema.failure(
            error.to_string(),
            "Do that; until then no server starts with this database (docs/operations.md)",
        ),
    })
}

fn older(connection: &mut Connection) -> Result<Finding> {
    if inspection::is_of_others(connection)? {
        return Ok(Check::Schema.warning(
            "it holds tables, and none of Rollcall: the next start makes ours beside them",
            "See that it is the database that you mean (ROLLCALL_DATABASE_URL)",
        ));
    }
    if !inspection::may_make_tables(connection)? {
        return Ok(Check::Schema.failure(
            "it is older than this version, or empty, and the user of ROLLCALL_DATABASE_URL may not make tables",
            "Run `rollcall migrate` as the user to whom the database belongs, or grant CREATE on its schema",
        ));
    }
    Ok(Check::Schema.warning(
        "it is older than this version, or empty: the next start brings it up to date",
        "Make a back-up; then start, or run `rollcall migrate`",
    ))
}

fn pooler(connection: &mut Connection, pooling: Pooling) -> Result<Finding> {
    Ok(match pooling {
        Pooling::MixedUp => mixed_up(),
        Pooling::None => Check::Pooler.ok("none that gives each transaction another connection"),
        Pooling::ByTransaction if inspection::role_bounds_statements(connection)? => Check::Pooler.ok(
            "one gives each transaction another connection, keeps statements apart, and the role bounds them",
        ),
        Pooling::ByTransaction => Check::Pooler.warning(
            "one gives each transaction another connection and keeps statements apart; a statement outside of \
             transactions has the bounds of whichever connection it gets",
            "Have the role bound statements: ALTER ROLE <role> SET statement_timeout = '45s'",
        ),
    })
}

/// Whether the keys are there with which something is sealed.
fn sealed(connection: &mut Connection, config: &Config) -> Result<Finding> {
    let check = Check::SealedValues;
    if migrations::version(connection)? != SchemaVersion::Current {
        return Ok(check.skipped("the schema is not this version's"));
    }
    let files = state::key_files(config).ok();
    let Some(keys) = files.and_then(|files| SealingKeys::load(&files.sealing, false).ok()) else {
        return Ok(check.skipped("the sealing key cannot be read"));
    };
    let known = keys.ids();
    let mut lost = resealing::count(connection)?;
    lost.retain(|by| !known.contains(&by.key));
    if lost.is_empty() {
        return Ok(check.ok("everything that is sealed opens with a key that is there"));
    }
    let values = lost
        .iter()
        .map(|by| format!("{} by {}", by.counted(), by.key));
    let values: Vec<String> = values.collect();
    Ok(check.failure(
        format!("the keys are gone that have sealed {}", values.join(", ")),
        "Put the key back into the file of sealing keys, behind the first; it may be in a back-up",
    ))
}

fn mixed_up() -> Finding {
    Check::Pooler.failure(
        MIXED_UP,
        "Do either, and run the doctor again: nothing else was asked through it",
    )
}

/// A clock further off than this is worth mending; leases of work are ten seconds.
const WORTH_MENDING: Duration = Duration::from_secs(2);

fn clock(database: Option<Timestamp>) -> Finding {
    judge(Clock::system().now(), database)
}

fn judge(ours: Timestamp, database: Option<Timestamp>) -> Finding {
    let advice = "Have the machines set their clocks by NTP (chrony, systemd-timesyncd)";
    if !is_plausible(ours) {
        return Check::Clock.failure(format!("this machine says that it is {ours}"), advice);
    }
    let Some(theirs) = database else {
        return Check::Clock.ok(format!("this machine says that it is {ours}"));
    };
    let apart = ours.since(theirs).max(theirs.since(ours));
    let found = format!("this machine says that it is {ours}, the database {theirs}");
    if apart > CLOCKS_APART {
        Check::Clock.failure(found, advice)
    } else if apart > WORTH_MENDING {
        Check::Clock.warning(found, advice)
    } else {
        Check::Clock.ok(found)
    }
}

/// Whether it can be so late: after this version was made, and not half a lifetime later.
fn is_plausible(now: Timestamp) -> bool {
    const LATER: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);
    let made = Timestamp::parse_time_or_day("2026-11-01").unwrap_or(Timestamp::EPOCH);
    (made..made.plus(LATER)).contains(&now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::finding::Outcome;

    #[test]
    fn clocks_agree_within_seconds_or_something_is_to_be_done() {
        let now = Timestamp::parse_time_or_day("2027-03-01").unwrap();
        for (ours, apart, outcome) in [
            (now, Some(1), Outcome::Ok),
            (now, Some(5), Outcome::Warning),
            (now, Some(60), Outcome::Failure),
            (now, None, Outcome::Ok),
            (Timestamp::EPOCH, None, Outcome::Failure),
            (
                Timestamp::from_microseconds(i64::MAX),
                None,
                Outcome::Failure,
            ),
        ] {
            let span = apart.map(Duration::from_secs);
            for database in [
                span.map(|span| ours.plus(span)),
                span.map(|span| ours.minus(span)),
            ] {
                assert_eq!(judge(ours, database).outcome, outcome, "{ours} {apart:?}");
            }
        }
    }
}

//! The two databases of a copy, and what keeps others out of them meanwhile.

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::layout::{self, Table};
use crate::domain::database_url::{DatabaseUrl, PreparedStatements};
use crate::domain::timestamp::Timestamp;
use crate::error::{Code, Error, Result};
use crate::store::migrations::{self, SchemaVersion};
use crate::store::pool::{connect, make_private};
use crate::store::transaction::lift_bounds;
use crate::store::{Connection, copied_tables, inspection};

/// The database that is copied, which nobody else changes while this exists, and the one that it is copied into.
pub struct Ends {
    pub(super) source: Connection,
    pub(super) target: Connection,
}

impl Ends {
    /// Opens both; an embedded target that is not there yet is made. An embedded database is opened by nobody else then.
    ///
    /// # Errors
    /// Two databases of one kind, one that is away, an embedded one that somebody has open, and a source whose schema
    /// is not this version's: nothing is made for it.
    pub fn open(source: &DatabaseUrl, target: &DatabaseUrl) -> Result<Self> {
        require_two_kinds(source, target)?;
        require_file("source", source)?;
        let mut source = open_end("source", source)?;
        require_current("source", &mut source)?;
        if let DatabaseUrl::Sqlite(path) = target {
            make_private(path);
        }
        let target = open_end("target", target)?;
        Ok(Self { source, target })
    }

    /// The tables to copy, each behind those it refers to. From now on nobody else changes the source.
    ///
    /// # Errors
    /// A schema that is not this version's, a source that is an unfinished copy itself, and one that somebody changes
    /// right now.
    pub fn tables(&mut self) -> Result<Vec<Table>> {
        tables(&mut self.source, &mut self.target)
    }

    /// Marks that the source was copied, and lets go of its tables.
    pub(super) fn close_source(&mut self, now: Timestamp) -> Result<()> {
        copied_tables::mark_copied_away(&mut self.source, now)?;
        match &mut self.source {
            Connection::Sqlite(_) => {}
            Connection::Postgres(postgres) => postgres.batch_execute("COMMIT")?,
        }
        Ok(())
    }

    /// Refuses a target that a copy has not filled to its end.
    ///
    /// # Errors
    /// `unavailable`.
    pub fn require_whole(&mut self) -> Result<()> {
        copied_tables::require_none(&mut self.target).map_err(|error| of_end("target", &error))
    }
}

/// The tables to copy, each behind those it refers to. From now on nobody else changes the source.
///
/// # Errors
/// As of [`Ends::tables`].
pub(super) fn tables(source: &mut Connection, target: &mut Connection) -> Result<Vec<Table>> {
    require_current("target", target)?;
    copied_tables::require_none(source).map_err(|error| of_end("source", &error))?;
    let tables = match (&mut *source, target) {
        (Connection::Sqlite(embedded), _) | (_, Connection::Sqlite(embedded)) => {
            layout::tables(embedded)?
        }
        (Connection::Postgres(_), Connection::Postgres(_)) => Vec::new(),
    };
    keep_writers_out(source, &tables)?;
    Ok(tables)
}

/// Lets a database be served again that was copied into another one; `false` where it was not.
///
/// # Errors
/// One that is not there or away, or whose schema is not this version's, or not all of it.
pub fn reopen(url: &DatabaseUrl) -> Result<bool> {
    let end = "database";
    require_file(end, url)?;
    let mut connection = open_end(end, url)?;
    require_current(end, &mut connection)?;
    copied_tables::reopen(&mut connection)
}

fn require_two_kinds(source: &DatabaseUrl, target: &DatabaseUrl) -> Result<()> {
    let advice = match (source, target) {
        (DatabaseUrl::Sqlite(_), DatabaseUrl::Postgres(_))
        | (DatabaseUrl::Postgres(_), DatabaseUrl::Sqlite(_)) => return Ok(()),
        (DatabaseUrl::Sqlite(_), DatabaseUrl::Sqlite(_)) => {
            "both are embedded databases: `rollcall backup` copies one into another file"
        }
        (DatabaseUrl::Postgres(_), DatabaseUrl::Postgres(_)) => {
            "both are PostgreSQL: pg_dump and pg_restore copy one into another (docs/operations.md)"
        }
    };
    Err(Error::refused(Code::ValidationFailed, advice))
}

/// SQLite would make an empty one.
fn require_file(end: &str, url: &DatabaseUrl) -> Result<()> {
    match url {
        DatabaseUrl::Sqlite(path) if !std::path::Path::new(path).is_file() => {
            let detail = format!("the {end}: there is no file {path}");
            Err(Error::refused(Code::ValidationFailed, detail))
        }
        DatabaseUrl::Sqlite(_) | DatabaseUrl::Postgres(_) => Ok(()),
    }
}

fn open_end(end: &str, url: &DatabaseUrl) -> Result<Connection> {
    let mut connection =
        connect(url, PreparedStatements::Unnamed).map_err(|error| of_end(end, &error))?;
    match &mut connection {
        // Everybody else who has it open, even to read, holds a lock that this needs.
        Connection::Sqlite(sqlite) => sqlite
            .batch_execute(
                "PRAGMA busy_timeout = 2000; PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; COMMIT",
            )
            .map_err(|error| in_use(end, &error))?,
        Connection::Postgres(_) => {}
    }
    Ok(connection)
}

fn in_use(end: &str, error: &diesel::result::Error) -> Error {
    let detail = format!(
        "the {end}: {error}. A server or another command has the file open: stop it, and copy then"
    );
    Error::refused(Code::Unavailable, detail)
}

pub(super) fn of_end(end: &str, error: &dyn std::fmt::Display) -> Error {
    Error::refused(Code::Unavailable, format!("the {end}: {error}"))
}

fn require_current(end: &str, connection: &mut Connection) -> Result<()> {
    match migrations::version(connection)? {
        SchemaVersion::Current => require_complete(end, connection),
        SchemaVersion::Older | SchemaVersion::Newer(_) => {
            let detail = format!(
                "the {end}: its schema is not that of this version of Rollcall. Bring it up to date with \
                 `rollcall migrate`, or copy with the version that it was served by"
            );
            Err(Error::refused(Code::Unavailable, detail))
        }
    }
}

fn require_complete(end: &str, connection: &mut Connection) -> Result<()> {
    let missing = inspection::missing_from_schema(connection)?;
    if missing.is_empty() {
        return Ok(());
    }
    let detail = format!(
        "the {end}: its schema lacks what this version needs: {}. Restore the back-up from before somebody took it \
         (docs/operations.md)",
        missing.join(", ")
    );
    Err(Error::refused(Code::Unavailable, detail))
}

/// Locks the tables of PostgreSQL against changes until the connection ends; others go on reading. The embedded
/// database is locked already.
fn keep_writers_out(source: &mut Connection, tables: &[Table]) -> Result<()> {
    let postgres = match source {
        Connection::Sqlite(_) => return Ok(()),
        Connection::Postgres(postgres) => postgres,
    };
    let names: Vec<_> = tables
        .iter()
        .map(|table| format!("\"{}\"", table.name))
        .collect();
    postgres.batch_execute("BEGIN")?;
    lift_bounds(postgres)?;
    let lock = format!(
        "SET LOCAL lock_timeout = '5s'; LOCK TABLE {} IN SHARE MODE",
        names.join(", ")
    );
    postgres
        .batch_execute(&lock)
        .map_err(|error| served(&error))?;
    // What they wrote after the copy would be in the source alone.
    let others: Others = diesel::sql_query(OTHERS).get_result(postgres)?;
    match others.count {
        0 => Ok(()),
        count => Err(served(&format!("connections of the same user: {count}"))),
    }
}

const OTHERS: &str = "
    SELECT count(*) AS count FROM pg_stat_activity
    WHERE datname = current_database() AND usename = current_user
    AND backend_type = 'client backend' AND pid <> pg_backend_pid()";

#[derive(QueryableByName)]
struct Others {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

fn served(why: &dyn std::fmt::Display) -> Error {
    let advice = "A server works on it: stop every replica, and copy then";
    of_end("source", &format!("{why}. {advice}"))
}

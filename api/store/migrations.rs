//! The schema's history, embedded in the binary.

use std::collections::BTreeSet;

use diesel::connection::SimpleConnection;
use diesel::migration::{Migration, MigrationSource};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::Connection;
use super::copied_tables;
use super::invite_code_draws;
use super::transaction::{lift_bounds, transaction};
use crate::domain::timestamp::Timestamp;
use crate::error::{Code, Error, Result};

type Backend = <Connection as diesel::Connection>::Backend;

/// What both databases have.
const SHARED: EmbeddedMigrations = embed_migrations!("migrations/portable");
const OF_SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const OF_POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// The migrations of one database: those that both have, and its own. Their versions are one order.
struct Migrations<'a>(&'a EmbeddedMigrations);

impl Migrations<'_> {
    fn of(connection: &Connection) -> Self {
        Self(match connection {
            Connection::Sqlite(_) => &OF_SQLITE,
            Connection::Postgres(_) => &OF_POSTGRES,
        })
    }
}

impl MigrationSource<Backend> for Migrations<'_> {
    fn migrations(&self) -> diesel::migration::Result<Vec<Box<dyn Migration<Backend>>>> {
        let mut all = SHARED.migrations()?;
        all.extend(self.0.migrations()?);
        Ok(all)
    }
}

/// The advisory lock of migrations: any number that only Rollcall uses.
const ADVISORY_LOCK: i64 = 0x726f_6c6c_6361_6c6c;

/// How the schema of a database compares with what this binary knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SchemaVersion {
    Current,
    /// Migrations are left to apply.
    Older,
    /// A newer binary applied this migration and perhaps others: what they changed is not known here.
    Newer(String),
}

/// Brings the database up to date and tells which migrations it applied. Then every organization and
/// every group has an invite code: those that are older than the codes get theirs here, since SQL has
/// no secure randomness. A database that is up to date is not asked for the right to change tables.
///
/// Any number of processes may do this at once: all of it is one write transaction, which SQLite
/// serializes itself and PostgreSQL by an advisory lock. One applies, the others find nothing left.
///
/// # Errors
/// `unavailable`, in words for whoever starts it, where a newer version of Rollcall was here, where a copy into it is
/// not finished, and where it was copied into another one.
pub fn run(connection: &mut Connection, now: Timestamp) -> Result<Vec<String>> {
    transaction(connection, |connection| {
        let applied = apply_missing(connection)?;
        copied_tables::require_served(connection)?;
        invite_code_draws::create_missing(connection, now)?;
        Ok(applied)
    })
}

/// Applies the migrations that are left, in the transaction that is open, and tells which.
///
/// # Errors
/// `unavailable` where a newer version of Rollcall was here.
pub(super) fn apply_missing(connection: &mut Connection) -> Result<Vec<String>> {
    match connection {
        Connection::Sqlite(_) => {}
        Connection::Postgres(postgres) => {
            lift_bounds(postgres)?;
            let lock = format!("SELECT pg_advisory_xact_lock({ADVISORY_LOCK})");
            postgres.batch_execute(&lock)?;
        }
    }
    match version(connection)? {
        SchemaVersion::Current => Ok(Vec::new()),
        SchemaVersion::Older => apply(connection),
        SchemaVersion::Newer(migration) => Err(too_new(&migration)),
    }
}

fn apply(connection: &mut Connection) -> Result<Vec<String>> {
    let applied = connection
        .run_pending_migrations(Migrations::of(connection))
        .map_err(failed)?;
    Ok(applied.iter().map(ToString::to_string).collect())
}

fn too_new(migration: &str) -> Error {
    let detail = format!(
        "its schema is newer than this version of Rollcall: it does not know the migration {migration}. \
         Start the version that applied it, or restore the back-up that was made before the upgrade."
    );
    Error::refused(Code::Unavailable, detail)
}

/// Compares the schema with what this binary knows. It only reads: a role without the right to change
/// tables may ask.
pub fn version(connection: &mut Connection) -> Result<SchemaVersion> {
    let known = Migrations::of(connection).migrations().map_err(failed)?;
    let known: BTreeSet<String> = known
        .iter()
        .map(|migration| migration.name().version().to_string())
        .collect();
    let applied = applied(connection)?;
    Ok(match applied.difference(&known).last() {
        Some(unknown) => SchemaVersion::Newer(unknown.clone()),
        None if applied == known => SchemaVersion::Current,
        None => SchemaVersion::Older,
    })
}

#[derive(QueryableByName)]
struct Applied {
    #[diesel(sql_type = Text)]
    version: String,
}

/// The versions that diesel's own table lists. Its function for this would create the table.
fn applied(connection: &mut Connection) -> Result<BTreeSet<String>> {
    if !has_history(connection)? {
        return Ok(BTreeSet::new());
    }
    let select = diesel::sql_query("SELECT version FROM __diesel_schema_migrations");
    let applied: Vec<Applied> = select.load(connection)?;
    Ok(applied.into_iter().map(|row| row.version).collect())
}

#[derive(QueryableByName)]
struct Tables {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

fn has_history(connection: &mut Connection) -> Result<bool> {
    let count = match connection {
        Connection::Sqlite(_) => {
            "SELECT count(*) AS count FROM sqlite_master WHERE name = '__diesel_schema_migrations'"
        }
        Connection::Postgres(_) => {
            "SELECT count(to_regclass('__diesel_schema_migrations')) AS count"
        }
    };
    let found: Tables = diesel::sql_query(count).get_result(connection)?;
    Ok(found.count > 0)
}

/// What diesel said comes in a box here: a database that is away is still only away.
fn failed(error: Box<dyn std::error::Error + Send + Sync>) -> Error {
    match error.downcast::<diesel::result::Error>() {
        Ok(error) => Error::from(*error),
        Err(other) => Error::internal(other),
    }
}

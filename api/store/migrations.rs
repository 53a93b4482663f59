//! The schema's history, embedded in the binary.

use std::collections::BTreeSet;

use diesel::connection::SimpleConnection;
use diesel::migration::{Migration, MigrationSource};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::Connection;
use super::invite_code_draws;
use super::transaction::transaction;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};

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

/// Brings the database up to date and tells which migrations it applied. Then every organization and
/// every group has an invite code: those that are older than the codes get theirs here, since SQL has
/// no secure randomness.
///
/// Any number of processes may do this at once: all of it is one write transaction, which SQLite
/// serializes itself and PostgreSQL by an advisory lock. One applies, the others find nothing left.
pub fn run(connection: &mut Connection, now: Timestamp) -> Result<Vec<String>> {
    transaction(connection, |connection| {
        match connection {
            Connection::Sqlite(_) => {}
            Connection::Postgres(postgres) => {
                let lock = format!("SELECT pg_advisory_xact_lock({ADVISORY_LOCK})");
                postgres.batch_execute(&lock)?;
            }
        }
        let applied = connection
            .run_pending_migrations(Migrations::of(connection))
            .map_err(failed)?;
        let applied = applied.iter().map(ToString::to_string).collect();
        invite_code_draws::create_missing(connection, now)?;
        Ok(applied)
    })
}

/// Whether the database has the migrations of this binary and no others: it is neither older nor newer.
pub fn is_current(connection: &mut Connection) -> Result<bool> {
    let known = Migrations::of(connection).migrations().map_err(failed)?;
    let known: BTreeSet<String> = known
        .iter()
        .map(|migration| migration.name().version().to_string())
        .collect();
    let applied = connection.applied_migrations().map_err(failed)?;
    Ok(applied
        .iter()
        .map(ToString::to_string)
        .collect::<BTreeSet<_>>()
        == known)
}

/// What diesel said comes in a box here: a database that is away is still only away.
fn failed(error: Box<dyn std::error::Error + Send + Sync>) -> Error {
    match error.downcast::<diesel::result::Error>() {
        Ok(error) => Error::from(*error),
        Err(other) => Error::internal(other),
    }
}

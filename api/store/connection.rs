//! One connection type over both databases.

// The derive writes what it needs; these lints judge its output, not ours.
#![allow(clippy::all, clippy::pedantic, clippy::restriction, unreachable_pub)]

use diesel::{PgConnection, SqliteConnection};

/// A connection to SQLite or to PostgreSQL. Most queries are written once, against this type; what
/// it cannot express goes through `each_backend!`.
#[derive(diesel::MultiConnection)]
pub enum AnyConnection {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

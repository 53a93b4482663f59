//! What `rollcall doctor` asks of the database. It only reads.

use std::path::Path;

use diesel::connection::{Connection as _, SimpleConnection as _};
use diesel::sql_types::{BigInt, Text};
use diesel::{QueryableByName, RunQueryDsl as _, SqliteConnection};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::Connection;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};

/// Opens the file of an embedded database for reading. Where no server has it open, SQLite would make files
/// beside it even for that: it is then read as what nobody changes.
///
/// # Errors
/// `unavailable` where it cannot be opened.
pub fn open_file(path: &str) -> Result<Connection> {
    let is_in_use = Path::new(&format!("{path}-wal")).exists();
    let how = if is_in_use { "mode=ro" } else { "immutable=1" };
    let url = format!("file:{}?{how}", utf8_percent_encode(path, IN_URL));
    let mut connection = SqliteConnection::establish(&url).map_err(Error::unavailable)?;
    // Whoever was the last to use it may just be closing it.
    connection.batch_execute("PRAGMA busy_timeout = 15000")?;
    Ok(Connection::Sqlite(connection))
}

/// What a path may not have in a URL of SQLite.
const IN_URL: &AsciiSet = &CONTROLS.add(b'%').add(b'?').add(b'#');

#[derive(QueryableByName)]
struct Milliseconds {
    #[diesel(sql_type = BigInt)]
    value: i64,
}

/// The time at the database; none where it has ours.
///
/// # Errors
/// `unavailable` where the database is away.
pub fn time(connection: &mut Connection) -> Result<Option<Timestamp>> {
    match connection {
        Connection::Sqlite(_) => Ok(None),
        Connection::Postgres(postgres) => {
            let select = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS value";
            let time: Milliseconds = diesel::sql_query(select).get_result(postgres)?;
            let micros = time.value.saturating_mul(1000);
            Ok(Some(Timestamp::from_microseconds(micros)))
        }
    }
}

#[derive(QueryableByName)]
struct Setting {
    #[diesel(sql_type = Text)]
    value: String,
}

/// Whether the role, or the database, bounds statements by itself, whatever connection they are given.
///
/// # Errors
/// As [`time`].
pub fn role_bounds_statements(connection: &mut Connection) -> Result<bool> {
    match connection {
        Connection::Sqlite(_) => Ok(false),
        Connection::Postgres(postgres) => {
            let select =
                "SELECT reset_val AS value FROM pg_settings WHERE name = 'statement_timeout'";
            let bound: Setting = diesel::sql_query(select).get_result(postgres)?;
            Ok(bound.value != "0")
        }
    }
}

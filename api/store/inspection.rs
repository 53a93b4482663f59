//! What `rollcall doctor` asks of the database. It only reads.

use std::collections::BTreeSet;
use std::path::Path;

use diesel::connection::{Connection as _, SimpleConnection as _};
use diesel::sql_types::{BigInt, Bool, Text};
use diesel::{QueryableByName, RunQueryDsl as _, SqliteConnection};

use super::Connection;
use super::migrations;
use super::pool::{connect, file_url};
use crate::domain::database_url::{DatabaseUrl, PreparedStatements};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};

/// Opens a database to look at it. Nothing is made where there is none.
///
/// # Errors
/// `unavailable` where it cannot be opened.
pub fn open(url: &DatabaseUrl, statements: PreparedStatements) -> Result<Connection> {
    match url {
        DatabaseUrl::Sqlite(path) => open_file(path),
        DatabaseUrl::Postgres(_) => connect(url, statements).map_err(Error::unavailable),
    }
}

/// Opens the file of an embedded database for reading. Where no server has it open, SQLite would make files
/// beside it even for that: it is then read as what nobody changes.
///
/// # Errors
/// `unavailable` where it cannot be opened.
pub fn open_file(path: &str) -> Result<Connection> {
    let is_in_use = Path::new(&format!("{path}-wal")).exists();
    let how = if is_in_use {
        "mode=ro"
    } else {
        "mode=ro&immutable=1"
    };
    let url = file_url(path, how);
    let mut connection = SqliteConnection::establish(&url).map_err(Error::unavailable)?;
    // Whoever was the last to use it may just be closing it.
    connection.batch_execute("PRAGMA busy_timeout = 15000")?;
    // A file that is no database is told by the first that reads it.
    connection
        .batch_execute("PRAGMA schema_version")
        .map_err(Error::unavailable)?;
    Ok(Connection::Sqlite(connection))
}

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

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

/// Of the tables that a server reads and changes, those that the user may not. Tables of others beside them belong to
/// another owner, or are in another schema.
const CLOSED: &str = "
    SELECT ours.relname::text AS name FROM pg_class ours, pg_class known
    WHERE known.oid = to_regclass('accounts') AND ours.relkind = 'r'
    AND ours.relnamespace = known.relnamespace AND ours.relowner = known.relowner
    AND ours.relname <> '__diesel_schema_migrations'
    AND NOT (has_table_privilege(ours.oid, 'SELECT') AND has_table_privilege(ours.oid, 'INSERT')
        AND has_table_privilege(ours.oid, 'UPDATE') AND has_table_privilege(ours.oid, 'DELETE'))
    ORDER BY ours.relname";

/// The tables that the user of the connection may not read and change; a file has no users.
///
/// # Errors
/// As [`time`].
pub fn tables_not_to_change(connection: &mut Connection) -> Result<Vec<String>> {
    match connection {
        Connection::Sqlite(_) => Ok(Vec::new()),
        Connection::Postgres(postgres) => {
            let closed: Vec<Name> = diesel::sql_query(CLOSED).load(postgres)?;
            Ok(closed.into_iter().map(|table| table.name).collect())
        }
    }
}

#[derive(QueryableByName)]
struct Answer {
    #[diesel(sql_type = Bool)]
    value: bool,
}

/// Whether the user of the connection may make tables; a file has no users.
///
/// # Errors
/// As [`time`].
pub fn may_make_tables(connection: &mut Connection) -> Result<bool> {
    match connection {
        Connection::Sqlite(_) => Ok(true),
        Connection::Postgres(postgres) => {
            let select =
                "SELECT coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS value";
            let answer: Answer = diesel::sql_query(select).get_result(postgres)?;
            Ok(answer.value)
        }
    }
}

/// Whether there are tables, and none that tells of our migrations.
///
/// # Errors
/// As [`time`].
pub fn is_of_others(connection: &mut Connection) -> Result<bool> {
    let select = match connection {
        Connection::Sqlite(_) => {
            "SELECT count(*) > 0 AND sum(name = '__diesel_schema_migrations') = 0 AS value
             FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        }
        Connection::Postgres(_) => {
            "SELECT count(*) > 0 AND coalesce(bool_and(tablename <> '__diesel_schema_migrations'), true) AS value
             FROM pg_tables WHERE schemaname = current_schema()"
        }
    };
    let answer: Answer = diesel::sql_query(select).get_result(connection)?;
    Ok(answer.value)
}

/// The columns of the tables, those that the search index keeps for itself not among them.
const COLUMNS_OF_SQLITE: &str = "
    SELECT tables.name || '.' || columns.name AS name
    FROM pragma_table_list tables JOIN pragma_table_info(tables.name) columns
    WHERE tables.schema = 'main' AND tables.type IN ('table', 'virtual') AND tables.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";

const COLUMNS_OF_POSTGRES: &str = "
    SELECT tables.relname || '.' || columns.attname AS name
    FROM pg_class known
    JOIN pg_class tables ON tables.relnamespace = known.relnamespace AND tables.relkind = 'r'
    JOIN pg_attribute columns ON columns.attrelid = tables.oid AND columns.attnum > 0 AND NOT columns.attisdropped
    WHERE known.oid = to_regclass('__diesel_schema_migrations')";

/// What the migrations make and the database lacks: tables, and columns of the others.
///
/// # Errors
/// As [`time`].
pub fn missing_from_schema(connection: &mut Connection) -> Result<Vec<String>> {
    let new = SqliteConnection::establish(":memory:").map_err(Error::unavailable)?;
    let mut new = Connection::Sqlite(new);
    migrations::run(&mut new, Timestamp::EPOCH)?;
    let (made, there) = (columns(&mut new)?, columns(connection)?);
    let tables: BTreeSet<&str> = there.iter().map(|column| table_of(column)).collect();
    let missing = made.difference(&there);
    let mut missing: Vec<String> = missing
        .map(|column| match table_of(column) {
            table if tables.contains(table) => format!("column {column}"),
            table => format!("table {table}"),
        })
        .collect();
    missing.dedup();
    Ok(missing)
}

fn table_of(column: &str) -> &str {
    column.split_once('.').map_or(column, |(table, _)| table)
}

/// The columns, each behind the name of its table.
fn columns(connection: &mut Connection) -> Result<BTreeSet<String>> {
    let select = match connection {
        Connection::Sqlite(_) => COLUMNS_OF_SQLITE,
        Connection::Postgres(_) => COLUMNS_OF_POSTGRES,
    };
    let columns: Vec<Name> = diesel::sql_query(select).load(connection)?;
    Ok(columns.into_iter().map(|column| column.name).collect())
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

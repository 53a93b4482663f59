//! The migrations and the schema that the queries are checked against say the same.

use std::collections::{BTreeMap, BTreeSet};

use diesel::migration::{Migration, MigrationSource as _};
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness as _, embed_migrations};
use rollcall::domain::timestamp::Timestamp;
use rollcall::store::pool::{DatabaseUrl, PreparedStatements};
use rollcall::store::{Connection, Pool, migrations};

use crate::support::postgres;

const SHARED: EmbeddedMigrations = embed_migrations!("migrations/portable");
const OF_SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const OF_POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

type Backend = <Connection as diesel::Connection>::Backend;

type Tables = BTreeMap<String, BTreeSet<String>>;

fn names(connection: &mut Connection, sql: &str) -> Vec<String> {
    let rows: Vec<Name> = match connection {
        Connection::Sqlite(sqlite) => diesel::sql_query(sql).load(sqlite).unwrap(),
        Connection::Postgres(postgres) => diesel::sql_query(sql).load(postgres).unwrap(),
    };
    rows.into_iter().map(|row| row.name).collect()
}

/// Every table with its columns, as the database has them, but for the search index, which each has in its
/// own shape.
fn tables(connection: &mut Connection) -> Tables {
    let sql = match connection {
        Connection::Sqlite(_) => {
            "SELECT m.name || '.' || c.name AS name FROM sqlite_master m, pragma_table_xinfo(m.name) c \
             WHERE m.type = 'table' AND m.name NOT LIKE '\\_\\_%' ESCAPE '\\' \
             AND m.name NOT LIKE 'member_grams%'"
        }
        Connection::Postgres(_) => {
            "SELECT table_name || '.' || column_name AS name FROM information_schema.columns \
             WHERE table_schema = 'public' AND table_name NOT LIKE '\\_\\_%' \
             AND table_name <> 'member_grams'"
        }
    };
    let mut tables = Tables::new();
    for name in names(connection, sql) {
        let (table, column) = name.split_once('.').unwrap();
        tables
            .entry(table.to_owned())
            .or_default()
            .insert(column.to_owned());
    }
    tables
}

/// Every column that references another table's.
fn references(connection: &mut Connection) -> BTreeSet<String> {
    let sql = match connection {
        Connection::Sqlite(_) => {
            "SELECT m.name || '.' || f.\"from\" AS name \
             FROM sqlite_master m, pragma_foreign_key_list(m.name) f WHERE m.type = 'table'"
        }
        Connection::Postgres(_) => {
            "SELECT k.table_name || '.' || k.column_name AS name \
             FROM information_schema.key_column_usage k \
             JOIN information_schema.table_constraints c USING (constraint_schema, constraint_name) \
             WHERE c.constraint_type = 'FOREIGN KEY'"
        }
    };
    names(connection, sql).into_iter().collect()
}

/// The tables as `schema.rs` declares them.
fn declared() -> Tables {
    let source = include_str!("../../api/store/schema.rs");
    let mut tables = Tables::new();
    for block in source.split("table! {").skip(1) {
        let body = block.split("\n}\n").next().unwrap();
        let head = body.lines().find(|line| line.ends_with(") {")).unwrap();
        let table = head.trim().split(' ').next().unwrap();
        let columns = body
            .lines()
            .filter_map(|line| line.trim().split_once(" -> "));
        let columns = columns.map(|(column, _)| column.to_owned()).collect();
        tables.insert(table.to_owned(), columns);
    }
    tables
}

/// Undoes every migration, newest first.
fn revert_all(connection: &mut Connection) {
    let own = match connection {
        Connection::Sqlite(_) => OF_SQLITE,
        Connection::Postgres(_) => OF_POSTGRES,
    };
    let mut all = migrations_of(&own);
    all.extend(migrations_of(&SHARED));
    all.sort_by_key(|migration| std::cmp::Reverse(migration.name().version().as_owned()));
    for migration in all {
        connection.revert_migration(&*migration).unwrap();
    }
}

fn migrations_of(source: &EmbeddedMigrations) -> Vec<Box<dyn Migration<Backend>>> {
    source.migrations().unwrap()
}

fn check(url: &DatabaseUrl) {
    let pool = Pool::open(url, 1, PreparedStatements::Named).unwrap();
    let connection = &mut *pool.get().unwrap();
    let connection = &mut **connection;
    assert!(
        !migrations::run(connection, Timestamp::EPOCH)
            .unwrap()
            .is_empty()
    );
    let up = tables(connection);
    assert_eq!(up, declared());
    let references = references(connection);
    for (table, columns) in &up {
        for column in columns.iter().filter(|column| column.ends_with("_id")) {
            let name = format!("{table}.{column}");
            assert!(references.contains(&name), "{name} has no foreign key");
        }
    }
    revert_all(connection);
    assert_eq!(tables(connection), Tables::new());
    let version = migrations::version(connection).unwrap();
    assert_eq!(version, migrations::SchemaVersion::Older);
    migrations::run(connection, Timestamp::EPOCH).unwrap();
    assert_eq!(tables(connection), up);
    assert!(
        migrations::run(connection, Timestamp::EPOCH)
            .unwrap()
            .is_empty()
    );
}

#[test]
fn migrations_go_up_down_and_up_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rollcall.sqlite");
    check(&DatabaseUrl::Sqlite(path.display().to_string()));
}

#[test]
fn migrations_go_up_down_and_up_on_postgresql() {
    if let Some(server) = postgres::server() {
        let database = server.create_database(None);
        check(&DatabaseUrl::Postgres(database.url.clone()));
    }
}

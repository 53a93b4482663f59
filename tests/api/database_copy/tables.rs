//! No table is forgotten, and none is copied before what it refers to.

use std::collections::BTreeSet;

use diesel::prelude::*;
use diesel::sql_types::Text;
use rollcall::domain::timestamp::Timestamp;
use rollcall::store::copy::Ends;
use rollcall::store::{Connection, migrations};

use super::{embedded, pool};
use crate::support::postgres;

/// What is not copied: the history of the schema, the marks of copies, and the search index, which is made anew.
const NOT_COPIED: [&str; 4] = [
    "__diesel_schema_migrations",
    "copied_away",
    "copied_tables",
    "member_grams",
];

#[derive(QueryableByName)]
struct Reference {
    #[diesel(sql_type = Text)]
    from_table: String,
    #[diesel(sql_type = Text)]
    to_table: String,
}

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

fn names(connection: &mut Connection, sql: &str) -> BTreeSet<String> {
    let rows: Vec<Name> = diesel::sql_query(sql).load(connection).unwrap();
    rows.into_iter().map(|row| row.name).collect()
}

#[test]
fn every_table_is_copied_behind_those_it_refers_to() {
    let Some(server) = postgres::server() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let database = server.create_database(None);
    let source = embedded(folder.path());
    for url in [&source, &database.url] {
        let mut connection = pool(url).get().unwrap();
        migrations::run(&mut connection, Timestamp::EPOCH).unwrap();
    }
    let mut connection = pool(&database.url).get().unwrap();
    let stored = names(
        &mut connection,
        "SELECT tablename::text AS name FROM pg_tables WHERE schemaname = 'public'",
    );
    let references: Vec<Reference> = diesel::sql_query(
        "SELECT conrelid::regclass::text AS from_table, confrelid::regclass::text AS to_table \
         FROM pg_constraint WHERE contype = 'f' AND conrelid <> confrelid",
    )
    .load(&mut **connection)
    .unwrap();
    let mut connection = pool(&source).get().unwrap();
    let of_sqlite = names(
        &mut connection,
        "SELECT name FROM pragma_table_list \
         WHERE schema = 'main' AND type IN ('table', 'virtual') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
    );
    drop(connection);
    assert_eq!(stored, of_sqlite);

    let mut ends = Ends::open(&source.parse().unwrap(), &database.url.parse().unwrap()).unwrap();
    let tables = ends.tables().unwrap();
    let copied: Vec<_> = tables.iter().map(|table| table.name.as_str()).collect();
    let all: BTreeSet<_> = copied.iter().copied().chain(NOT_COPIED).collect();
    assert_eq!(all, stored.iter().map(String::as_str).collect());
    assert_eq!(all.len(), copied.len() + NOT_COPIED.len());
    let place = |name: &str| copied.iter().position(|table| *table == name);
    for Reference {
        from_table,
        to_table,
    } in references
    {
        if let Some(from) = place(&from_table) {
            let to = place(&to_table).unwrap();
            assert!(to < from, "{from_table} is copied before {to_table}");
        }
    }
}

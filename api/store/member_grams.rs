//! The search index: which memberships have which grams. It is FTS5 on SQLite and GIN over an array on
//! PostgreSQL; the database deletes an entry with its membership.

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Text};

use super::Connection;
use super::schema::memberships;
use crate::domain::grams::Grams;
use crate::domain::ids::{AccountId, OrganizationId};
use crate::domain::member_marks::marks_of_key;
use crate::error::Result;

/// The number of entries in one statement: SQLite takes at most 32,766 values.
const MAX_ENTRIES: usize = 1_000;

/// Writes what memberships, by their numbers, are found by, in the place of what was there.
pub fn write(connection: &mut Connection, entries: &mut [(i64, Grams)]) -> Result<()> {
    // FTS5 writes a segment each time that a number is lower than the one before.
    entries.sort_unstable_by_key(|(number, _)| *number);
    for some in entries.chunks(MAX_ENTRIES) {
        match connection {
            Connection::Sqlite(sqlite) => write_sqlite(sqlite, some)?,
            Connection::Postgres(postgres) => write_postgres(postgres, some)?,
        }
    }
    Ok(())
}

/// Writes what an account's memberships are found by, where its search key has changed.
pub fn write_anew(connection: &mut Connection, account: AccountId, key: &str) -> Result<()> {
    let theirs = memberships::table.filter(memberships::account_id.eq(account));
    let memberships: Vec<(i64, OrganizationId)> = diesel::update(theirs)
        .set(memberships::word_marks.eq(marks_of_key(key)))
        .returning((memberships::number, memberships::organization_id))
        .get_results(connection)?;
    let mut entries: Vec<_> = memberships
        .into_iter()
        .map(|(number, organization)| (number, Grams::of_key(organization, key)))
        .collect();
    write(connection, &mut entries)
}

fn write_sqlite(connection: &mut SqliteConnection, entries: &[(i64, Grams)]) -> QueryResult<()> {
    let values = vec!["(?, ?)"; entries.len()].join(", ");
    let sql = format!("INSERT OR REPLACE INTO member_grams (rowid, grams) VALUES {values}");
    let mut insert = diesel::sql_query(sql).into_boxed();
    for (number, grams) in entries {
        insert = insert.bind::<BigInt, _>(*number);
        insert = insert.bind::<Text, _>(fts5_text(grams));
    }
    insert.execute(connection)?;
    Ok(())
}

fn write_postgres(connection: &mut PgConnection, entries: &[(i64, Grams)]) -> QueryResult<()> {
    let (numbers, grams): (Vec<i64>, Vec<String>) = entries
        .iter()
        .map(|(number, grams)| (*number, postgres_array(grams)))
        .unzip();
    diesel::sql_query(
        "INSERT INTO member_grams (number, grams) \
         SELECT number, grams::int4[] FROM unnest($1, $2) AS new (number, grams) \
         ON CONFLICT (number) DO UPDATE SET grams = EXCLUDED.grams",
    )
    .bind::<Array<BigInt>, _>(numbers)
    .bind::<Array<Text>, _>(grams)
    .execute(connection)?;
    Ok(())
}

/// A row of words for the tokenizer `ascii`.
fn fts5_text(grams: &Grams) -> String {
    let words: Vec<_> = grams.iter().map(|gram| format!("{gram:x}")).collect();
    words.join(" ")
}

/// What matches entries with all of these grams, by an expression of FTS5 or an array of PostgreSQL.
pub fn pattern(connection: &Connection, grams: &Grams) -> String {
    match connection {
        Connection::Sqlite(_) => {
            let words: Vec<_> = grams.iter().map(|gram| format!("\"{gram:x}\"")).collect();
            words.join(" AND ")
        }
        Connection::Postgres(_) => postgres_array(grams),
    }
}

/// An array of `int4`, in which the upper half of the numbers is negative.
fn postgres_array(grams: &Grams) -> String {
    let numbers: Vec<_> = grams
        .iter()
        .map(|gram| gram.cast_signed().to_string())
        .collect();
    format!("{{{}}}", numbers.join(","))
}

//! Rows on their way, as JSON arrays.

use diesel::prelude::*;
use diesel::sql_types::Text;
use serde_json::Value;

use super::dialect::Dialect;
use super::layout::{Kind, Table};
use crate::error::{Error, Result};
use crate::store::Connection;

/// The number of rows that are taken at a time.
const AT_A_TIME: usize = 2_000;

/// A row as its database wrote it.
#[derive(QueryableByName)]
pub(super) struct StoredRow {
    #[diesel(sql_type = Text)]
    fields: String,
}

/// A row as it is on either database, whatever that wrote between and in what order.
pub(super) type Row = Vec<Value>;

/// Reads the next rows of a table behind a key, a JSON array; without one, the first.
pub(super) fn read(
    connection: &mut Connection,
    table: &Table,
    key: Option<&str>,
) -> Result<Vec<StoredRow>> {
    let dialect = Dialect::of(connection);
    let select = diesel::sql_query(dialect.select(table, key.is_some(), AT_A_TIME));
    Ok(match key {
        Some(key) => select.bind::<Text, _>(key).load(connection)?,
        None => select.load(connection)?,
    })
}

/// Writes rows into a table.
pub(super) fn write(connection: &mut Connection, table: &Table, rows: &[StoredRow]) -> Result<()> {
    let texts: Vec<_> = rows.iter().map(|row| row.fields.as_str()).collect();
    let array = format!("[{}]", texts.join(","));
    diesel::sql_query(Dialect::of(connection).insert(table))
        .bind::<Text, _>(array)
        .execute(connection)?;
    Ok(())
}

impl StoredRow {
    /// The row with its documents taken apart, which PostgreSQL writes in another order than they were stored in.
    pub(super) fn parsed(&self, table: &Table) -> Result<Row> {
        let row: Row = serde_json::from_str(&self.fields).map_err(Error::internal)?;
        let fields = row.into_iter().zip(&table.columns);
        let parsed = fields.map(|(field, column)| match field.as_str() {
            Some(document) if column.kind == Kind::Document => serde_json::from_str(document),
            Some(_) | None => Ok(field),
        });
        parsed.collect::<Result<_, _>>().map_err(Error::internal)
    }
}

/// The key of a row, as a JSON array.
pub(super) fn key_of(table: &Table, row: &Row) -> String {
    let key = table.key();
    let values = key.iter().filter_map(|(place, _)| row.get(*place));
    Value::from_iter(values.cloned()).to_string()
}

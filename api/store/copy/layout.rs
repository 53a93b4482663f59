//! The tables as they are copied, read from the embedded database: its migrations leave the types as they are
//! written there, and one of the two ends of a copy is always embedded. No list of tables can forget one.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use crate::error::{Error, Result};

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pub name: String,
    pub(super) columns: Vec<Column>,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// From 1 on where it belongs to the primary key.
    key_place: i64,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Id,
    Bytes,
    Time,
    Flag,
    Integer,
    Text,
    Document,
}

impl Table {
    /// Whether a search index is made of it.
    pub(super) fn is_indexed(&self) -> bool {
        self.name == "memberships"
    }

    /// The columns of the primary key in its order, each with its place among all columns.
    pub(super) fn key(&self) -> Vec<(usize, &Column)> {
        let columns = self.columns.iter().enumerate();
        let mut key: Vec<_> = columns.filter(|(_, column)| column.key_place > 0).collect();
        key.sort_by_key(|(_, column)| column.key_place);
        key
    }
}

impl Kind {
    /// Of a type as a migration writes it.
    fn of_type(name: &str) -> Option<Self> {
        Some(match name {
            "uuid" => Self::Id,
            "bytea" => Self::Bytes,
            "timestamptz" => Self::Time,
            "boolean" => Self::Flag,
            "bigint" | "integer" => Self::Integer,
            "text" => Self::Text,
            "jsonb" => Self::Document,
            _ => return None,
        })
    }
}

#[derive(QueryableByName)]
struct StoredColumn {
    #[diesel(sql_type = Text)]
    table_name: String,
    #[diesel(sql_type = Text)]
    column_name: String,
    #[diesel(sql_type = Text)]
    column_type: String,
    #[diesel(sql_type = BigInt)]
    key_place: i64,
}

/// All tables that are copied, each behind those it refers to: in the order in which they were made. The search
/// index is not among them, since it is made of the memberships; nor is what tells of this database alone.
const COLUMNS: &str = "
    SELECT made.name AS table_name, c.name AS column_name, c.type AS column_type, c.pk AS key_place
    FROM sqlite_master made
    JOIN pragma_table_list(made.name) t ON t.schema = 'main' AND t.type = 'table'
    JOIN pragma_table_info(made.name) c
    WHERE made.type = 'table' AND made.name NOT IN ('__diesel_schema_migrations', 'copied_tables', 'copied_away')
    ORDER BY made.rowid, c.cid";

/// Reads the tables of an embedded database.
pub(super) fn tables(connection: &mut SqliteConnection) -> Result<Vec<Table>> {
    let stored: Vec<StoredColumn> = diesel::sql_query(COLUMNS).load(connection)?;
    let mut tables: Vec<Table> = Vec::new();
    for column in stored {
        // SQLite gives the types that it knows back in upper case.
        let kind = Kind::of_type(&column.column_type.to_lowercase())
            .ok_or_else(|| unknown_type(&column))?;
        let read = Column {
            name: column.column_name,
            kind,
            key_place: column.key_place,
        };
        match tables.last_mut() {
            Some(table) if table.name == column.table_name => table.columns.push(read),
            _ => tables.push(Table {
                name: column.table_name,
                columns: vec![read],
            }),
        }
    }
    Ok(tables)
}

fn unknown_type(column: &StoredColumn) -> Error {
    let StoredColumn {
        table_name,
        column_name,
        column_type,
        ..
    } = column;
    Error::internal(format!(
        "{table_name}.{column_name} has the type {column_type}, which no copy knows"
    ))
}

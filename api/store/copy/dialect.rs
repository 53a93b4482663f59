//! The statements of a copy in the words of each database. A row travels as a JSON array that both write alike:
//! ids and bytes in hexadecimal digits, moments in microseconds since 1970, flags as 0 or 1.

use super::layout::{Column, Kind, Table};
use crate::store::Connection;

/// Which database is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    pub(super) const fn of(connection: &Connection) -> Self {
        match connection {
            Connection::Sqlite(_) => Self::Sqlite,
            Connection::Postgres(_) => Self::Postgres,
        }
    }

    /// Reads rows in the order of their keys, from the first or, where its only parameter is a key, behind that.
    pub(super) fn select(self, table: &Table, is_behind_a_key: bool, limit: usize) -> String {
        let array = match self {
            Self::Sqlite => "json_array",
            Self::Postgres => "json_build_array",
        };
        let text = match self {
            Self::Sqlite => "",
            Self::Postgres => "::text",
        };
        let fields = listed(table.columns.iter().map(|column| self.read(column)));
        let key = table.key();
        let order = listed(key.iter().map(|(_, column)| self.ordered(column)));
        let behind = if is_behind_a_key {
            let parameter = self.parameter();
            let values = key.iter().enumerate();
            let values = values.map(|(place, (_, column))| self.written(column, parameter, place));
            format!(" WHERE ({order}) > ({})", listed(values))
        } else {
            String::new()
        };
        let name = quoted(&table.name);
        format!(
            "SELECT {array}({fields}){text} AS fields FROM {name}{behind} ORDER BY {order} LIMIT {limit}"
        )
    }

    /// Inserts rows: its only parameter is an array of them.
    pub(super) fn insert(self, table: &Table) -> String {
        let names = listed(table.columns.iter().map(|column| quoted(&column.name)));
        let places = table.columns.iter().enumerate();
        let values = listed(places.map(|(place, column)| self.written(column, "fields", place)));
        let rows = match self {
            Self::Sqlite => "(SELECT value AS fields FROM json_each(?1))",
            Self::Postgres => "json_array_elements($1::json) AS new (fields)",
        };
        let name = quoted(&table.name);
        format!("INSERT INTO {name} ({names}) SELECT {values} FROM {rows}")
    }

    const fn parameter(self) -> &'static str {
        match self {
            Self::Sqlite => "?1",
            Self::Postgres => "$1::json",
        }
    }

    /// The column as it stands in an array.
    fn read(self, column: &Column) -> String {
        let name = quoted(&column.name);
        match (self, column.kind) {
            (Self::Sqlite, Kind::Id | Kind::Bytes) => {
                format!("iif({name} IS NULL, NULL, lower(hex({name})))")
            }
            (Self::Sqlite, Kind::Document) => format!("CAST({name} AS text)"),
            (Self::Sqlite, Kind::Time | Kind::Flag | Kind::Integer | Kind::Text)
            | (Self::Postgres, Kind::Integer | Kind::Text) => name,
            (Self::Postgres, Kind::Id) => format!("replace({name}::text, '-', '')"),
            (Self::Postgres, Kind::Bytes) => format!("encode({name}, 'hex')"),
            (Self::Postgres, Kind::Time) => {
                format!("(extract(epoch FROM {name}) * 1000000)::bigint")
            }
            (Self::Postgres, Kind::Flag) => format!("{name}::integer"),
            (Self::Postgres, Kind::Document) => format!("{name}::text"),
        }
    }

    /// What goes into the column, from a place of an array.
    fn written(self, column: &Column, array: &str, place: usize) -> String {
        let value = format!("({array} ->> {place})");
        match (self, column.kind) {
            (Self::Sqlite, Kind::Id | Kind::Bytes) => format!("unhex({value})"),
            (
                Self::Sqlite,
                Kind::Time | Kind::Flag | Kind::Integer | Kind::Text | Kind::Document,
            )
            | (Self::Postgres, Kind::Text) => value,
            (Self::Postgres, Kind::Id) => format!("{value}::uuid"),
            (Self::Postgres, Kind::Bytes) => format!("decode({value}, 'hex')"),
            // A factor of an interval is a float: it is exact below a second.
            (Self::Postgres, Kind::Time) => format!(
                "to_timestamp({value}::bigint / 1000000) \
                 + {value}::bigint % 1000000 * interval '1 microsecond'"
            ),
            (Self::Postgres, Kind::Flag) => format!("{value}::boolean"),
            (Self::Postgres, Kind::Integer) => format!("{value}::bigint"),
            (Self::Postgres, Kind::Document) => format!("{value}::jsonb"),
        }
    }

    /// The column of a key as both databases order it: texts by their bytes.
    fn ordered(self, column: &Column) -> String {
        let name = quoted(&column.name);
        if self == Self::Postgres && column.kind == Kind::Text {
            return format!("{name} COLLATE \"C\"");
        }
        name
    }
}

fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}

fn listed(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

//! What the enum of both databases cannot express, written once and compiled for each.

/// Runs one query, written once, on whichever database the connection is: for batch inserts and
/// `ON CONFLICT`, which [`super::Connection`] does not offer itself.
macro_rules! each_backend {
    ($connection:expr, $inner:ident => $query:expr) => {
        match $connection {
            $crate::store::Connection::Sqlite($inner) => $query,
            $crate::store::Connection::Postgres($inner) => $query,
        }
    };
}

/// The row of a query, locked until the transaction ends: nobody else changes it, and what was changed before is in it.
/// On SQLite a transaction that writes is the only one.
macro_rules! first_locked {
    ($connection:expr, $query:expr) => {{
        let row = match $connection {
            $crate::store::Connection::Sqlite(sqlite) => $query.first(sqlite),
            $crate::store::Connection::Postgres(postgres) => {
                $query.for_no_key_update().first(postgres)
            }
        };
        row.optional()
    }};
}
pub(super) use {each_backend, first_locked};

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
pub(super) use each_backend;

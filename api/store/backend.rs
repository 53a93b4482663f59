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

/// How many rows an `INSERT` has that is prepared once; one of any other number is another statement.
pub(super) const ROWS_PER_INSERT: usize = 50;

/// Inserts rows, and gives the results of the statements. Most rows go by statements that are prepared once: preparing
/// one of 500 rows takes as long as running it.
macro_rules! insert_rows {
    ($connection:expr, $table:expr, $rows:expr, ($insert:ident, $inner:ident) => $query:expr) => {{
        let (mut rows, mut results) = ($rows.into_iter(), Vec::new());
        macro_rules! insert {
                    ($values:expr) => {
                        results.push($crate::store::backend::each_backend!($connection, $inner => {
                            let $insert = diesel::insert_into($table).values($values);
                            $query
                        })?)
                    };
                }
        loop {
            let some: Vec<_> = rows
                .by_ref()
                .take($crate::store::backend::ROWS_PER_INSERT)
                .collect();
            match <[_; $crate::store::backend::ROWS_PER_INSERT]>::try_from(some) {
                Ok(batch) => insert!(batch),
                Err(rest) => {
                    match rest.len() {
                        0 => {}
                        1 => {
                            for one in rest {
                                insert!(one);
                            }
                        }
                        _ => insert!(rest),
                    }
                    break;
                }
            }
        }
        results
    }};
}
pub(super) use {each_backend, first_locked, insert_rows};

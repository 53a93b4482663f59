//! Statements that leave a planner one way only. SQLite has no other than that of the statement; PostgreSQL takes
//! a few candidates for many, or the end of an order for its beginning, and is kept from what follows from that.

use diesel::connection::SimpleConnection;

use super::Connection;
use super::transaction::{Attempt, attempt};
use crate::error::Result;

/// Reads by indexes, one row after the other. Afterwards PostgreSQL is free again: its settings are undone with the
/// transaction that they are made in.
pub fn by_indexes<T>(
    connection: &mut Connection,
    read: impl FnOnce(&mut Connection) -> Result<T>,
) -> Result<T> {
    if let Connection::Sqlite(_) = connection {
        return read(connection);
    }
    let read = attempt(connection, |connection| {
        set(
            connection,
            "SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; \
             SET LOCAL enable_mergejoin = off; SET LOCAL max_parallel_workers_per_gather = 0; \
             SET LOCAL jit = off",
        )?;
        read(connection).map(Attempt::Undo)
    })?;
    match read {
        Attempt::Keep(read) | Attempt::Undo(read) => Ok(read),
    }
}

/// Leaves only reading an index from one end to the other.
pub fn forbid_bitmaps(connection: &mut Connection) -> Result<()> {
    set(connection, "SET LOCAL enable_bitmapscan = off")
}

/// Leaves only an index that is in the order of the statement.
pub fn forbid_sorting(connection: &mut Connection) -> Result<()> {
    set(
        connection,
        "SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off",
    )
}

fn set(connection: &mut Connection, settings: &str) -> Result<()> {
    match connection {
        Connection::Sqlite(_) => {}
        Connection::Postgres(postgres) => postgres.batch_execute(settings)?,
    }
    Ok(())
}

//! The marks that keep a database from being served: a copy of another one into it is not finished, or it was copied
//! into another one itself.

use std::collections::BTreeMap;

use diesel::prelude::*;

use super::Connection;
use super::schema::{copied_away, copied_tables};
use crate::domain::timestamp::Timestamp;
use crate::error::{Code, Error, Result};

/// How far one table has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Queryable)]
pub struct Progress {
    pub rows: i64,
    /// The key of the last row, as a JSON array.
    pub last_key: Option<String>,
}

/// Marks that a copy begins, of these tables.
pub fn begin(connection: &mut Connection, tables: &[&str]) -> Result<()> {
    for table in tables {
        diesel::insert_into(copied_tables::table)
            .values((
                copied_tables::name.eq(table),
                copied_tables::row_count.eq(0),
            ))
            .execute(connection)?;
    }
    Ok(())
}

/// The tables of a copy that is not finished; none where there is no such copy.
pub fn progress(connection: &mut Connection) -> Result<BTreeMap<String, Progress>> {
    let rows: Vec<(String, Progress)> = copied_tables::table
        .select((
            copied_tables::name,
            (copied_tables::row_count, copied_tables::last_key),
        ))
        .load(connection)?;
    Ok(rows.into_iter().collect())
}

/// Moves the mark of a table, unless somebody else has moved it.
pub fn advance(
    connection: &mut Connection,
    table: &str,
    from: &Progress,
    to: &Progress,
) -> Result<bool> {
    let as_it_was = copied_tables::table
        .filter(copied_tables::name.eq(table))
        .filter(copied_tables::row_count.eq(from.rows));
    let moved = diesel::update(as_it_was)
        .set((
            copied_tables::row_count.eq(to.rows),
            copied_tables::last_key.eq(&to.last_key),
        ))
        .execute(connection)?;
    Ok(moved > 0)
}

/// Takes the mark away: the copy is whole.
pub fn finish(connection: &mut Connection) -> Result<()> {
    diesel::delete(copied_tables::table).execute(connection)?;
    Ok(())
}

/// Marks that this database was copied into another one, which is served in its place.
pub fn mark_copied_away(connection: &mut Connection, now: Timestamp) -> Result<()> {
    diesel::delete(copied_away::table).execute(connection)?;
    diesel::insert_into(copied_away::table)
        .values(copied_away::copied_at.eq(now))
        .execute(connection)?;
    Ok(())
}

/// Takes that mark away; `false` where there was none.
pub fn reopen(connection: &mut Connection) -> Result<bool> {
    Ok(diesel::delete(copied_away::table).execute(connection)? > 0)
}

/// Refuses a database that has one of the marks.
///
/// # Errors
/// `unavailable`, in words for whoever starts a server with it.
pub fn require_served(connection: &mut Connection) -> Result<()> {
    require_none(connection)?;
    let copied_at: Option<Timestamp> = copied_away::table
        .select(copied_away::copied_at)
        .first(connection)
        .optional()?;
    match copied_at {
        None => Ok(()),
        Some(time) => {
            let detail = format!(
                "it was copied into another database at {time}, which is served in its place: name that one, and put \
                 this one away. Where that one is not served, `rollcall database reopen` lets this one be served again"
            );
            Err(Error::refused(Code::Unavailable, detail))
        }
    }
}

/// Refuses a database that a copy goes on into, or was broken off.
///
/// # Errors
/// `unavailable`, in words for whoever starts a server with it.
pub fn require_none(connection: &mut Connection) -> Result<()> {
    let any = copied_tables::table
        .select(copied_tables::name)
        .first::<String>(connection);
    match any.optional()? {
        None => Ok(()),
        Some(_) => {
            let detail = "the copy of another database into this one is not finished: run the same \
                          `rollcall database copy` again, with the version of Rollcall that began it, or begin \
                          anew with an empty database";
            Err(Error::refused(Code::Unavailable, detail))
        }
    }
}

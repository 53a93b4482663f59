//! How often something was done of late, shared by all replicas.
//!
//! The generic cell rate algorithm: a subject has an allowance, each use takes a piece of it, and it
//! grows back steadily. One time describes the state, that at which the allowance will be whole again,
//! so that a use is one conditional statement.

use diesel::dsl::case_when;
use diesel::prelude::*;
use diesel::upsert::excluded;

use super::Connection;
use super::backend::each_backend;
use super::schema::rate_limits;
use crate::error::Result;

/// One use of an allowance, or several at once. All times are microseconds, `now` since 1970.
#[derive(Clone, Copy, Debug)]
pub struct Use {
    pub key_hash: [u8; 32],
    pub now: i64,
    /// How long the allowance takes to grow back what is used.
    pub cost: i64,
    /// How long the whole allowance takes to grow back.
    pub period: i64,
}

impl Use {
    /// The latest time at which the allowance may become whole if it has enough for this use.
    pub fn latest(&self) -> i64 {
        self.now + self.period - self.cost
    }
}

/// Whether a use was allowed, and when the allowance will be whole again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UseOutcome {
    pub allowed: bool,
    pub full_at: i64,
}

/// Takes a use, if the allowance has it; else nothing changes.
pub fn take(connection: &mut Connection, one: &Use) -> Result<UseOutcome> {
    // Imported here only: in the whole file it would shadow the `filter` of queries.
    use diesel::query_dsl::methods::FilterDsl as _;
    let first = one.now + one.cost;
    let grown_back = rate_limits::full_at.le(one.now);
    let next = case_when(grown_back, excluded(rate_limits::full_at))
        .otherwise(rate_limits::full_at + one.cost);
    let taken: Option<i64> = each_backend!(connection, c => diesel::insert_into(rate_limits::table)
        .values((
            rate_limits::key_hash.eq(&one.key_hash[..]),
            rate_limits::full_at.eq(first),
        ))
        .on_conflict(rate_limits::key_hash)
        .do_update()
        .set(rate_limits::full_at.eq(next))
        .filter(rate_limits::full_at.le(one.latest()))
        .returning(rate_limits::full_at)
        .get_result(c)
        .optional())?;
    match taken {
        Some(full_at) => Ok(UseOutcome {
            allowed: true,
            full_at,
        }),
        None => Ok(UseOutcome {
            allowed: false,
            full_at: full_at(connection, one)?,
        }),
    }
}

fn full_at(connection: &mut Connection, one: &Use) -> Result<i64> {
    let known: Option<i64> = rate_limits::table
        .find(&one.key_hash[..])
        .select(rate_limits::full_at)
        .first(connection)
        .optional()?;
    Ok(known.unwrap_or(one.now))
}

/// Gives a use back and tells when the allowance will be whole then; nothing where it is whole already
/// and its row is gone.
pub fn refund(connection: &mut Connection, one: &Use) -> Result<Option<i64>> {
    let subject = rate_limits::table.find(&one.key_hash[..]);
    let given = diesel::update(subject)
        .set(rate_limits::full_at.eq(rate_limits::full_at - one.cost))
        .returning(rate_limits::full_at)
        .get_result(connection)
        .optional()?;
    Ok(given)
}

/// Deletes subjects whose allowance is whole again.
pub fn delete_full(connection: &mut Connection, now: i64) -> Result<()> {
    let full = rate_limits::table.filter(rate_limits::full_at.le(now));
    diesel::delete(full).execute(connection)?;
    Ok(())
}

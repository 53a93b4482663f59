//! How often something was done of late, shared by all replicas.
//!
//! The generic cell rate algorithm: a subject has an allowance, each use takes a piece of it, and it
//! grows back steadily. One time describes the state, that at which the allowance will be whole again,
//! so that a use is one conditional statement.

use std::collections::HashMap;

use diesel::dsl::case_when;
use diesel::prelude::*;
use diesel::upsert::excluded;

use super::schema::rate_limits;
use super::{Connection, ROWS_AT_ONCE};
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

    /// Whether one statement can take both.
    fn is_like(&self, other: &Self) -> bool {
        (self.now, self.cost, self.period) == (other.now, other.cost, other.period)
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
    let taken = take_each(connection, &[*one])?;
    match taken.get(&one.key_hash) {
        Some(full_at) => Ok(UseOutcome {
            allowed: true,
            full_at: *full_at,
        }),
        None => Ok(UseOutcome {
            allowed: false,
            full_at: full_at(connection, one)?,
        }),
    }
}

/// Takes each use whose allowance has it, of as many allowances; tells when those will be whole again. The
/// allowances are locked in one order, whoever takes them.
pub fn take_each(connection: &mut Connection, uses: &[Use]) -> Result<HashMap<[u8; 32], i64>> {
    let mut uses = uses.to_vec();
    uses.sort_unstable_by_key(|one| one.key_hash);
    let mut taken = HashMap::new();
    for alike in uses.chunk_by(Use::is_like) {
        for chunk in alike.chunks(ROWS_AT_ONCE) {
            taken.extend(take_alike(connection, chunk)?);
        }
    }
    Ok(taken)
}

/// Takes the first use of new allowances, and another of those that have it.
macro_rules! taking {
    ($first_uses:expr, $one:expr) => {{
        // Imported here only: in the whole file it would shadow the `filter` of queries.
        use diesel::query_dsl::methods::FilterDsl as _;
        let grown_back = rate_limits::full_at.le($one.now);
        let next = case_when(grown_back, excluded(rate_limits::full_at))
            .otherwise(rate_limits::full_at + $one.cost);
        diesel::insert_into(rate_limits::table)
            .values($first_uses)
            .on_conflict(rate_limits::key_hash)
            .do_update()
            .set(rate_limits::full_at.eq(next))
            .filter(rate_limits::full_at.le($one.latest()))
            .returning((rate_limits::key_hash, rate_limits::full_at))
    }};
}

fn take_alike(connection: &mut Connection, uses: &[Use]) -> Result<Vec<([u8; 32], i64)>> {
    let Some(one) = uses.first() else {
        return Ok(Vec::new());
    };
    let taken: Vec<(Vec<u8>, i64)> = match connection {
        // diesel has no statement of several rows under a condition for SQLite, which needs no round trip for each.
        Connection::Sqlite(connection) => {
            let taken = uses.iter().filter_map(|one| {
                let first_use = FirstUse::of(one);
                let taken = taking!(&first_use, one).get_result(connection);
                taken.optional().transpose()
            });
            taken.collect::<QueryResult<_>>()?
        }
        Connection::Postgres(connection) => {
            let first_uses: Vec<_> = uses.iter().map(FirstUse::of).collect();
            taking!(&first_uses, one).get_results(connection)?
        }
    };
    let by_key = |(key, full_at): (Vec<u8>, i64)| Some((key.try_into().ok()?, full_at));
    Ok(taken.into_iter().filter_map(by_key).collect())
}

/// The row of an allowance that nobody has used before.
#[derive(Insertable)]
#[diesel(table_name = rate_limits, treat_none_as_default_value = false)]
struct FirstUse<'a> {
    key_hash: &'a [u8],
    full_at: i64,
}

impl<'a> FirstUse<'a> {
    fn of(one: &'a Use) -> Self {
        Self {
            key_hash: &one.key_hash,
            full_at: one.now + one.cost,
        }
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

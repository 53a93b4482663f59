//! How often something may be tried: enough for a school behind one address, too little for a
//! guesser (PRODUCT 3.4 and 4). All replicas share the counts.
//!
//! | who wants in | what it meets | what it gets |
//! |---|---|---|
//! | somebody who knows one address | `sign_in_account` | 10 passwords at once, 1,450 in a day |
//! | the same from many places | `sign_in_address` | 100 passwords at once, 2,500 in a day |
//! | somebody with one password for many addresses | `sign_in_client` | 1,000 at once, 25,000 in a day |
//! | somebody who tries invite codes | `code_client` | 300 at once, 7,500 in a day |
//!
//! A code is one of 30^10 (49 bits). Of a thousand open codes, somebody with ten thousand addresses
//! of their own, 75 million tries a day, finds one in twenty years, and has then joined one
//! organization as a learner.

use std::time::Duration;

use ring::digest::{Context, SHA256};

pub use crate::domain::limits::{Limit, Quota, Quotas};

use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::store::rate_limits::{self, Use};
use crate::store::{Connection, transaction};

/// Uses of a limit that somebody wants to take.
#[derive(Clone, Debug)]
pub struct LimitRequest {
    pub limit: Limit,
    /// An account's id, an address: only a hash of it is kept.
    pub subject: String,
    pub uses: u32,
}

impl LimitRequest {
    /// One use.
    pub fn one(limit: Limit, subject: impl Into<String>) -> Self {
        Self {
            limit,
            subject: subject.into(),
            uses: 1,
        }
    }
}

/// How a subject stands with a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitState {
    pub limit: Limit,
    pub quota: Quota,
    /// Uses that are left.
    pub left: u32,
    /// How long until there is one more.
    pub next_in: Duration,
}

/// Takes uses of several limits, all or none. `seen` gets how each stands then, or how the one
/// stands that is used up. The limits have to be named in the order of their declaration, so that
/// nobody waits for another in a ring.
///
/// # Errors
/// `rate_limited` where one of them has not as many left.
pub fn take(
    connection: &mut Connection,
    quotas: &Quotas,
    wanted: &[LimitRequest],
    now: Timestamp,
    seen: &mut Vec<LimitState>,
) -> Result<()> {
    if let [only] = wanted {
        return take_one(connection, quotas, only, now, seen);
    }
    transaction(connection, |connection| {
        wanted
            .iter()
            .try_for_each(|one| take_one(connection, quotas, one, now, seen))
    })
}

fn take_one(
    connection: &mut Connection,
    quotas: &Quotas,
    wanted: &LimitRequest,
    now: Timestamp,
    seen: &mut Vec<LimitState>,
) -> Result<()> {
    let Some(quota) = quotas.of(wanted.limit) else {
        return Ok(());
    };
    let one = use_of(wanted, quota, now);
    let taken = rate_limits::take(connection, &one)?;
    let limit_state = limit_state(wanted.limit, quota, &one, taken.full_at);
    if taken.allowed {
        seen.push(limit_state);
        return Ok(());
    }
    *seen = vec![limit_state];
    Err(Error::rate_limited(microseconds(
        taken.full_at - one.latest(),
    )))
}

/// Gives uses back: what they were taken for is not to be counted. `seen` gets how each limit stands
/// then.
///
/// # Errors
/// Where the database is away.
pub fn refund(
    connection: &mut Connection,
    quotas: &Quotas,
    taken: &[LimitRequest],
    now: Timestamp,
    seen: &mut Vec<LimitState>,
) -> Result<()> {
    transaction(connection, |connection| {
        for wanted in taken {
            let Some(quota) = quotas.of(wanted.limit) else {
                continue;
            };
            let one = use_of(wanted, quota, now);
            if let Some(full_at) = rate_limits::refund(connection, &one)? {
                seen.push(limit_state(wanted.limit, quota, &one, full_at));
            }
        }
        Ok(())
    })
}

fn use_of(wanted: &LimitRequest, quota: Quota, now: Timestamp) -> Use {
    let mut context = Context::new(&SHA256);
    context.update(wanted.limit.as_str().as_bytes());
    context.update(b"\n");
    // Whoever changes a quota begins anew: what an old one left may be longer than the new one.
    context.update(quota.to_string().as_bytes());
    context.update(b"\n");
    context.update(wanted.subject.as_bytes());
    let mut key_hash = [0_u8; 32];
    key_hash.copy_from_slice(context.finish().as_ref());
    let interval = i64::from(quota.seconds) * 1_000_000 / i64::from(quota.uses);
    Use {
        key_hash,
        now: now.as_microseconds(),
        // More than there ever is would never be had.
        cost: interval * i64::from(wanted.uses.min(quota.uses)),
        // So that whole uses fit into it, whatever the division left over.
        period: interval * i64::from(quota.uses),
    }
}

fn limit_state(limit: Limit, quota: Quota, one: &Use, full_at: i64) -> LimitState {
    let interval = (one.period / i64::from(quota.uses)).max(1);
    let grown = one.now + one.period - full_at.max(one.now);
    let left = grown.div_euclid(interval);
    LimitState {
        limit,
        quota,
        left: u32::try_from(left).unwrap_or(0),
        next_in: microseconds((left + 1) * interval - grown),
    }
}

fn microseconds(number: i64) -> Duration {
    Duration::from_micros(u64::try_from(number).unwrap_or(0))
}

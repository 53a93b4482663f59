//! How often something may be tried: enough for a school behind one address, too little for a
//! guesser (`docs/limits.md`). All replicas share the counts.

use std::time::Duration;

pub use super::limit_states::{LimitState, LimitStates};
pub use crate::domain::limits::{Limit, Quota};

use super::unit_of_work::UnitOfWork;
use crate::config::limit_settings::of_limit;
use crate::crypto::digest::Sha256;
use crate::domain::client_address::Client;
use crate::domain::timestamp::Timestamp;
use crate::error::{Code, Error, Result, in_a_sentence};
use crate::store::rate_limits::{self, Use};

/// Uses of a limit that somebody wants to take.
#[derive(Clone, Debug)]
pub struct LimitRequest {
    pub limit: Limit,
    /// An account's id, an address: only a hash of it is kept.
    pub subject: String,
    pub uses: u32,
    /// How many times the quota the subject has.
    pub times: u32,
}

/// How many times the quota of one network a site of IPv6 has (/48): somebody who has all its networks
/// gets no further, and one of its customers does not use it up.
const TIMES_OF_A_SITE: u32 = 10;

impl LimitRequest {
    /// One use.
    pub fn one(limit: Limit, subject: impl Into<String>) -> Self {
        Self {
            limit,
            subject: subject.into(),
            uses: 1,
            times: 1,
        }
    }

    /// One use by a client: by its network, and by the site that the network is one of.
    pub fn by_client(limit: Limit, client: &Client) -> Vec<Self> {
        let site = client.site().map(|site| Self {
            times: TIMES_OF_A_SITE,
            ..Self::one(limit, site)
        });
        std::iter::once(Self::one(limit, client.network()))
            .chain(site)
            .collect()
    }

    /// The same, for what the subject does to this one only.
    #[must_use]
    pub fn to(self, whom: &str) -> Self {
        Self {
            subject: format!("{} {whom}", self.subject),
            ..self
        }
    }
}

/// Takes uses of several limits, all or none, and notes how each stands then, or how the one stands
/// that is used up. The limits have to be named in the order of their declaration, so that two
/// requests never lock the same rows in different orders.
///
/// # Errors
/// `rate_limited` where one of them has not as many left.
pub fn take(tx: &mut UnitOfWork<'_>, requests: &[LimitRequest]) -> Result<()> {
    let mut states = Vec::with_capacity(requests.len());
    let refused = tx.transaction(|tx| {
        for request in requests {
            match take_one(tx, request)? {
                LimitDecision::Unlimited => {}
                // What a site has left is more than its network has.
                LimitDecision::Allowed(_) if request.times > 1 => {}
                LimitDecision::Allowed(state) => states.push(state),
                LimitDecision::Refused(state, wait) => {
                    states = vec![state];
                    return Err(used_up(&state, wait));
                }
            }
        }
        Ok(())
    });
    tx.context.limit_states.note(states);
    refused
}

/// The refusal of a limit that is used up, with its rule: the same that the headers tell.
fn used_up(state: &LimitState, wait: Duration) -> Error {
    let (limit, quota) = (state.limit, state.quota.in_words());
    let counted = in_a_sentence(of_limit(limit).info.documentation);
    let detail = format!(
        "Too many tries. The limit `{limit}` is {quota}: {counted} Wait as long as `Retry-After` says, then try again."
    );
    Error::rate_limited(wait).in_other_words(detail)
}

/// Takes uses as [`take`] does, for what is never refused: where they are used up, nothing is taken, and it
/// tells when they will be there.
///
/// # Errors
/// `unavailable` where the database is away.
pub fn take_or_wait(
    tx: &mut UnitOfWork<'_>,
    requests: &[LimitRequest],
) -> Result<Option<Timestamp>> {
    match take(tx, requests) {
        Ok(()) => Ok(None),
        Err(Error::Refused(refusal)) if refusal.code == Code::RateLimited => {
            let limits: Vec<Limit> = requests.iter().map(|request| request.limit).collect();
            tx.context.limit_states.forget(&limits);
            let wait = refusal.retry_after.unwrap_or_default();
            Ok(Some(tx.now().plus(wait)))
        }
        Err(error) => Err(error),
    }
}

enum LimitDecision {
    /// The installation has switched this limit off.
    Unlimited,
    Allowed(LimitState),
    /// The uses will be there after this time.
    Refused(LimitState, Duration),
}

fn take_one(tx: &mut UnitOfWork<'_>, request: &LimitRequest) -> Result<LimitDecision> {
    let Some(quota) = quota_of(tx, request) else {
        return Ok(LimitDecision::Unlimited);
    };
    let wanted = use_of(request, quota, tx.now());
    let taken = rate_limits::take(tx.connection, &wanted)?;
    let state = limit_state(request.limit, quota, &wanted, taken.full_at);
    Ok(if taken.allowed {
        LimitDecision::Allowed(state)
    } else {
        LimitDecision::Refused(state, microseconds(taken.full_at - wanted.latest()))
    })
}

/// Gives uses back, because what they were taken for is not to be counted.
pub fn refund(tx: &mut UnitOfWork<'_>, taken: &[LimitRequest]) -> Result<()> {
    let states = tx.transaction(|tx| {
        let mut states = Vec::with_capacity(taken.len());
        for request in taken {
            let Some(quota) = quota_of(tx, request) else {
                continue;
            };
            let given = use_of(request, quota, tx.now());
            let full_at = rate_limits::refund(tx.connection, &given)?;
            if let Some(full_at) = full_at.filter(|_| request.times == 1) {
                states.push(limit_state(request.limit, quota, &given, full_at));
            }
        }
        Ok(states)
    })?;
    tx.context.limit_states.note(states);
    Ok(())
}

fn quota_of(tx: &UnitOfWork<'_>, request: &LimitRequest) -> Option<Quota> {
    let quota = tx.services.config.limits.of(request.limit)?;
    Some(Quota {
        uses: quota.uses.saturating_mul(request.times),
        ..quota
    })
}

fn use_of(wanted: &LimitRequest, quota: Quota, now: Timestamp) -> Use {
    let mut key = Sha256::new();
    key.update(wanted.limit.as_str().as_bytes());
    key.update(b"\n");
    // Whoever changes a quota begins anew: what an old one left may be longer than the new one.
    key.update(quota.to_string().as_bytes());
    key.update(b"\n");
    key.update(wanted.subject.as_bytes());
    let interval = i64::from(quota.seconds) * 1_000_000 / i64::from(quota.uses);
    Use {
        key_hash: key.finish(),
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

//! What time makes useless: sessions that ran out, results and invitations that expired, uploads that
//! died, mail that ended, links that expired, answers that are not given again, limits that nobody has
//! used of late.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::without_panic;
use crate::error::Result;
use crate::mail::sending;
use crate::services::context::RequestContext;
use crate::services::imports::results;
use crate::services::invitations;
use crate::services::unit_of_work::UnitOfWork;
use crate::state::State;
use crate::store::{idempotency_keys, imports, mailed_tokens, mails, rate_limits, sessions};

/// Reading checks the time itself, so that this need not be prompt.
const EVERY: Duration = Duration::from_secs(60);

/// How long it can be looked up how a mail ended.
const MAIL_KEPT: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// How long the link of an expired invitation can ask for another.
const LINKS_KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Cleans up now and then until `stopping`.
pub fn work(state: &State, stopping: &AtomicBool) {
    let mut due = Instant::now();
    let mut signal = state.signal.listener();
    while !stopping.load(Ordering::Acquire) {
        if due <= Instant::now() {
            due = Instant::now() + EVERY;
            if let Err(error) = without_panic(|| once(state)) {
                tracing::warn!(%error, "cleaning up did not work; it is tried again");
            }
        }
        signal.wait(state.services.config.worker_poll);
    }
}

/// Cleans up once. Replicas may do so at the same time: each step is a conditional change.
///
/// # Errors
/// Where the database is away.
pub fn once(state: &State) -> Result<()> {
    let now = state.services.clock.now();
    let mut connection = state.services.pool.get()?;
    sessions::delete_expired(&mut connection, now)?;
    imports::delete_abandoned(&mut connection, now)?;
    idempotency_keys::delete_expired(&mut connection, now)?;
    rate_limits::delete_full(&mut connection, now.as_microseconds())?;
    sending::give_up_lost(&mut connection, now)?;
    mails::delete_ended_before(&mut connection, now.minus(MAIL_KEPT))?;
    mailed_tokens::delete_expired(&mut connection, now.minus(LINKS_KEPT))?;
    while results::erase_expired(&mut connection, now)? > 0 {}
    let context = RequestContext::system(now);
    let mut tx = UnitOfWork::new(&mut connection, &state.services, &context);
    while invitations::expire_overdue(&mut tx)? > 0 {}
    Ok(())
}

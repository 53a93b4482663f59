//! What time makes useless: sessions that ran out, results and invitations that expired, uploads that
//! died, mail that ended, links that expired, answers that are not given again, limits that nobody has
//! used of late, turns of organizations that have no work.

use std::time::Duration;

use uuid::Uuid;

use crate::domain::jobs::{JobKind, Priority};
use crate::error::Result;
use crate::services::context::RequestContext;
use crate::services::imports::results;
use crate::services::invitations;
use crate::services::unit_of_work::{Services, UnitOfWork};
use crate::store::jobs::NewJob;
use crate::store::{idempotency_keys, imports, jobs, mailed_tokens, mails, rate_limits, sessions};

/// How long after one clean-up the next is due. Reading checks the time itself, so that it need not be
/// prompt.
pub const INTERVAL: Duration = Duration::from_secs(60);

/// How long it can be looked up how a mail ended.
const MAIL_KEPT: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// How long the link of an expired invitation can ask for another.
const LINKS_KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Queues the clean-up, unless it is queued already.
pub fn queue(services: &Services) -> Result<()> {
    let job = NewJob {
        kind: JobKind::CleanUp,
        priority: Priority::Bulk,
        tenant: None,
        subject: Uuid::nil().into(),
        part: 0,
    };
    services.run_as_system(|tx| tx.queue_jobs(&[job]))
}

/// Cleans up once. Any number may do so at the same time: each step is a conditional change.
///
/// # Errors
/// The first that any of the steps met.
pub fn once(services: &Services) -> Result<()> {
    let now = services.clock.now();
    let mut connection = services.pool.get()?;
    sessions::delete_expired(&mut connection, now)?;
    imports::delete_abandoned(&mut connection, now)?;
    idempotency_keys::delete_expired(&mut connection, now)?;
    rate_limits::delete_full(&mut connection, now.as_microseconds())?;
    mails::delete_ended_before(&mut connection, now.minus(MAIL_KEPT))?;
    mailed_tokens::delete_expired(&mut connection, now.minus(LINKS_KEPT))?;
    jobs::forget_turns(&mut connection)?;
    let context = RequestContext::system(now);
    let mut tx = UnitOfWork::new(&mut connection, services, &context);
    while results::erase_expired(&mut tx)? > 0 {}
    while invitations::expire_overdue(&mut tx)? > 0 {}
    Ok(())
}

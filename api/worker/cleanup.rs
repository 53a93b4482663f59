//! Deletes what is no longer needed: sessions that ran out, results and invitations that expired, uploads that
//! died, mail and requests to join that ended, links that expired, accounts that nothing leads to any more, answers that
//! are not given again, limits that nobody has used of late, old events of the audit log, turns of organizations that
//! have no work.

use std::time::Duration;

use uuid::Uuid;

use crate::domain::jobs::{JobKind, Priority};
use crate::error::Result;
use crate::services::imports::retention;
use crate::services::unit_of_work::{Services, UnitOfWork};
use crate::services::{self, invitations, known_networks, takeover};
use crate::store::jobs::NewJob;
use crate::store::{
    fetched_documents, idempotency_keys, import_staging, job_turns, join_requests, mailed_tokens,
    mails, rate_limits,
};

/// How long after one clean-up the next is due. Reading checks the time itself, so that it need not be
/// prompt.
pub const INTERVAL: Duration = Duration::from_secs(60);

/// How long it can be looked up how a mail ended.
const MAIL_KEPT: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// How long it can be looked up how a request to join ended.
const JOIN_REQUESTS_KEPT: Duration = Duration::from_secs(90 * 24 * 60 * 60);

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

type Stop<'a> = &'a dyn Fn() -> bool;

/// One step of the clean-up.
type Task = fn(&mut UnitOfWork<'_>, Stop<'_>) -> Result<()>;

/// Secrets that are to be gone by a certain time come first.
const STEPS: [(&str, Task); 15] = [
    ("results", retention::erase_expired),
    ("sessions", |tx, _| services::sessions::delete_expired(tx)),
    ("invitations", invitations::expire_overdue),
    ("uploads", |tx, _| {
        import_staging::delete_abandoned(tx.connection, tx.now()).map(drop)
    }),
    ("idempotency keys", |tx, _| {
        idempotency_keys::delete_expired(tx.connection, tx.now()).map(drop)
    }),
    ("limits", |tx, _| {
        rate_limits::delete_full(tx.connection, tx.now().as_microseconds())
    }),
    ("networks", |tx, _| known_networks::delete_unused(tx)),
    ("mails", |tx, _| {
        mails::delete_ended_before(tx.connection, tx.now().minus(MAIL_KEPT))
    }),
    ("join requests", |tx, _| {
        join_requests::delete_ended_before(tx.connection, tx.now().minus(JOIN_REQUESTS_KEPT))
    }),
    ("links", |tx, _| {
        mailed_tokens::delete_expired(tx.connection, tx.now().minus(LINKS_KEPT))
    }),
    ("sign-ins", |tx, _| services::sso::flows::delete_ended(tx)),
    ("documents of identity providers", |tx, _| {
        fetched_documents::delete_ended(tx.connection, tx.now())
    }),
    ("accounts", takeover::delete_unclaimed),
    ("audit log", services::audit_events::delete_old),
    ("turns", |tx, _| {
        job_turns::forget_idle(tx.connection).map(drop)
    }),
];

/// Cleans up once, until `stop` says that the process is stopping. A step that fails does not keep the
/// others from being taken. Any number may do so at the same time: each step is a conditional change.
///
/// # Errors
/// The first that any of the steps met.
pub fn once(services: &Services, stop: Stop<'_>) -> Result<()> {
    let mut cleaned = Ok(());
    for (what, step) in STEPS {
        if stop() {
            break;
        }
        if let Err(error) = services.run_as_system(|tx| step(tx, stop)) {
            tracing::error!(%error, what, "a step of the clean-up failed");
            cleaned = cleaned.and(Err(error));
        }
    }
    cleaned
}

//! The daily look at the secret of an operator's app, as a job that comes again.

use std::time::Duration;

use uuid::Uuid;

use super::notices;
use crate::domain::ids::{AppId, JobSubject};
use crate::domain::jobs::{JobKind, Priority};
use crate::error::Result;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::apps;
use crate::store::jobs::{self, Lease, NewJob, Schedule};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Queues the first look at an app, for tomorrow.
pub(super) fn queue(tx: &mut UnitOfWork<'_>, id: AppId) -> Result<()> {
    let job = NewJob {
        kind: JobKind::AppCheck,
        priority: Priority::Bulk,
        tenant: None,
        subject: subject_of(id),
        part: 0,
    };
    let tomorrow = Schedule::after(tx.now(), DAY);
    jobs::enqueue_each(tx.connection, &[(job, tomorrow)])
}

/// Takes the job of an app away that is deleted.
pub(super) fn delete(tx: &mut UnitOfWork<'_>, id: AppId) -> Result<()> {
    jobs::delete(tx.connection, JobKind::AppCheck, subject_of(id))
}

fn subject_of(id: AppId) -> JobSubject {
    Uuid::from(id).into()
}

/// Tells operators of the end of an app's secret, and puts its job off until tomorrow; that of one that is gone is done.
/// `false` where another worker has taken it over.
///
/// # Errors
/// The store's own.
pub fn run(tx: &mut UnitOfWork<'_>, lease: &Lease) -> Result<bool> {
    let id = AppId::from(Uuid::from(lease.job.subject));
    tx.transaction(|tx| {
        let Some(app) = apps::find(tx.connection, id)? else {
            return jobs::finish(tx.connection, lease);
        };
        let tomorrow = Schedule::after(tx.now(), DAY);
        if !jobs::defer(tx.connection, lease, tomorrow)? {
            return Ok(false);
        }
        notices::queue_for_operators(tx, &app)?;
        Ok(true)
    })
}

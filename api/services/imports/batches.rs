//! The batches of an import, as jobs of the queue.

use uuid::Uuid;

use crate::domain::ids::{ImportId, JobSubject, OrganizationId};
use crate::domain::jobs::{JobKind, Priority};
use crate::error::Result;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::import_rows::{self, PendingRows};
use crate::store::jobs::{self, NewJob};
use crate::store::{imports, seats};

/// Rows of a job, which are hashed, and then written, together: about a second's worth on two cores.
pub(super) const ROWS_OF_A_BATCH: usize = 100;

/// What the jobs of an import are about.
fn subject_of(import: ImportId) -> JobSubject {
    Uuid::from(import).into()
}

/// The import that a job is about.
pub(super) fn import_of(subject: JobSubject) -> ImportId {
    Uuid::from(subject).into()
}

/// Deletes what is left of an import's batches, and so takes them from their workers.
pub(super) fn delete(tx: &mut UnitOfWork<'_>, import: ImportId) -> Result<()> {
    jobs::delete(tx.connection, JobKind::ImportBatch, subject_of(import))
}

/// Queues the batches of the organization's oldest import, unless those of any import are queued: an
/// organization imports one list at a time, and an upload that began before another may arrive after
/// it. Call it in the transaction in which an import is accepted or ends.
///
/// The lock on the seats makes those who end an import and those who accept the next wait for each
/// other: else neither would see what the other does, and nobody would begin with it.
pub(super) fn queue_next(tx: &mut UnitOfWork<'_>, organization: OrganizationId) -> Result<()> {
    let connection = &mut *tx.connection;
    seats::lock_all(connection, organization)?;
    let unfinished = imports::unfinished_of(connection, organization)?;
    let subjects: Vec<_> = unfinished.iter().copied().map(subject_of).collect();
    let (Some(import), Some(subject)) = (unfinished.first(), subjects.first()) else {
        return Ok(());
    };
    if jobs::is_queued(connection, JobKind::ImportBatch, &subjects)? {
        return Ok(());
    }
    let rows = PendingRows {
        import: *import,
        unhashed: false,
    };
    let numbers = import_rows::pending_numbers(connection, rows)?;
    let job = |first: &i64| NewJob {
        kind: JobKind::ImportBatch,
        priority: Priority::Bulk,
        tenant: Some(organization),
        subject: *subject,
        part: *first,
    };
    let batches: Vec<_> = numbers.iter().step_by(ROWS_OF_A_BATCH).map(job).collect();
    tx.queue_jobs(&batches)
}

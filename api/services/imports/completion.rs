//! The end of an import, in the transaction that writes its last batch or gives it up: what is left of
//! its reservation goes back, and where all or nothing was asked for, it is all or nothing.

use super::creation::{self, tally};
use super::{batches, end_pending, notice, publish_end, release_seats};
use crate::domain::events::ImportEvent;
use crate::domain::imports::{ImportStatus, OnRowError, RowEnd, RowOutcome, StoredFailure};
use crate::domain::row_error::RowError;
use crate::error::Result;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::import_rows::{self, ImportRow, PendingRows};
use crate::store::imports::{self, Completion, Import};
use crate::store::{Attempt, ROWS_AT_ONCE, import_outcomes};

/// Ends an import whose batches are all written.
pub(super) fn complete(tx: &mut UnitOfWork<'_>, import: &Import) -> Result<()> {
    match import.on_row_error {
        OnRowError::Skip => finish(tx, import, None),
        OnRowError::RefuseAll => create_all_or_nothing(tx, import),
    }
}

/// Ends an import that Rollcall cannot go on with: what was created stays, all other rows end as
/// `unprocessed`.
pub(super) fn give_up(tx: &mut UnitOfWork<'_>, import: &Import) -> Result<()> {
    batches::delete(tx, import.id)?;
    end_pending(tx, import, &RowError::new(RowOutcome::Unprocessed))?;
    finish(tx, import, Some(StoredFailure::ProcessingFailed))
}

/// Creates all rows; if any of them meets an account that was not there before, none.
fn create_all_or_nothing(tx: &mut UnitOfWork<'_>, import: &Import) -> Result<()> {
    let attempt = tx.attempt(|tx| {
        let conflicts = create_prepared(tx, import)?;
        Ok(if conflicts.is_empty() {
            Attempt::Keep(())
        } else {
            Attempt::Undo(conflicts)
        })
    })?;
    match attempt {
        Attempt::Keep(()) => finish(tx, import, None),
        Attempt::Undo(conflicts) => refuse_all(tx, import, &conflicts),
    }
}

/// Creates every prepared row, and gives those that could not be. They are created in the order of
/// their addresses, so that two who create the same ones do not deadlock.
fn create_prepared(tx: &mut UnitOfWork<'_>, import: &Import) -> Result<Vec<ImportRow>> {
    let pending = PendingRows {
        import: import.id,
        unhashed: false,
    };
    let mut conflicts = Vec::new();
    let numbers = import_rows::pending_by_address(tx.connection, import.id)?;
    for chunk in numbers.chunks(ROWS_AT_ONCE) {
        let mut rows = import_rows::pending_of(tx.connection, pending, chunk)?;
        creation::create(tx, import, &mut rows)?;
        conflicts.extend(rows.into_iter().filter(is_conflict));
    }
    Ok(conflicts)
}

fn is_conflict(row: &ImportRow) -> bool {
    match row.outcome.map(RowOutcome::end) {
        Some(RowEnd::Created) => false,
        Some(RowEnd::Cancelled | RowEnd::Failed) | None => true,
    }
}

fn refuse_all(tx: &mut UnitOfWork<'_>, import: &Import, conflicts: &[ImportRow]) -> Result<()> {
    for chunk in conflicts.chunks(ROWS_AT_ONCE) {
        import_rows::update_all(tx.connection, chunk)?;
    }
    import_outcomes::add(tx.connection, import.id, &tally(conflicts))?;
    let refused = RowError::new(RowOutcome::Refused);
    end_pending(tx, import, &refused)?;
    finish(tx, import, Some(StoredFailure::RowErrors))
}

fn finish(tx: &mut UnitOfWork<'_>, import: &Import, failure: Option<StoredFailure>) -> Result<()> {
    let (id, now) = (import.id, tx.now());
    let mut import = import.clone();
    import.seats_reserved = imports::seats_reserved(tx.connection, id)?;
    release_seats(tx, &import)?;
    let status = match failure {
        None => ImportStatus::Completed,
        Some(_) => ImportStatus::Failed,
    };
    let completion = Completion {
        status,
        failure,
        finished_at: now,
        results_expire_at: now.plus(tx.services.config.results_lifetime),
    };
    imports::finish(tx.connection, id, &completion)?;
    import.status = status;
    import.results_expire_at = Some(completion.results_expire_at);
    publish_end(tx, &import, ImportEvent::Finished)?;
    notice::queue(tx, &import)?;
    batches::queue_next(tx, import.organization_id)
}

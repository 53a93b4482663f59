//! The end of an import, in the transaction that writes its last batch: what is left of its
//! reservation goes back, and where all or nothing was asked for, it is all or nothing.

use super::creation::{self, tally};
use super::{batches, end_pending, notice, publish_end, release_seats};
use crate::domain::events::ImportEvent;
use crate::domain::imports::{ImportStatus, OnRowError, RowError, RowOutcome, StoredFailure};
use crate::error::{Error, Result};
use crate::services::unit_of_work::UnitOfWork;
use crate::store::import_outcomes;
use crate::store::import_rows::{self, ImportRow, PendingRows};
use crate::store::imports::{self, Ending, Import};

/// Rows that the all-or-nothing end writes in one statement.
const FINAL_BATCH: i64 = 500;
const FINAL_CHUNK: usize = 500;

/// Ends an import whose batches are all written.
pub(super) fn complete(tx: &mut UnitOfWork<'_>, import: &Import) -> Result<()> {
    match import.on_row_error {
        OnRowError::Skip => finish(tx, import, None),
        OnRowError::RefuseAll => create_all_or_nothing(tx, import),
    }
}

/// Creates all rows; if any of them meets an account that was not there before, none.
fn create_all_or_nothing(tx: &mut UnitOfWork<'_>, import: &Import) -> Result<()> {
    let mut conflicts = Vec::new();
    let created = tx.transaction(|tx| {
        conflicts = create_prepared(tx, import)?;
        if conflicts.is_empty() {
            return Ok(());
        }
        Err(Error::not_found("way to create all rows"))
    });
    if conflicts.is_empty() {
        created?;
        return finish(tx, import, None);
    }
    refuse_all(tx, import, &conflicts)
}

/// Creates every prepared row, and gives those that could not be.
fn create_prepared(tx: &mut UnitOfWork<'_>, import: &Import) -> Result<Vec<ImportRow>> {
    let pending = PendingRows {
        import: import.id,
        unhashed: false,
    };
    let mut conflicts = Vec::new();
    let mut after = 0;
    loop {
        let mut rows = import_rows::pending(tx.connection, pending, after, FINAL_BATCH)?;
        let Some(last) = rows.last() else {
            return Ok(conflicts);
        };
        after = last.row_number;
        creation::create(tx, import, &mut rows)?;
        let is_conflict = |row: &ImportRow| row.outcome != Some(RowOutcome::Created);
        conflicts.extend(rows.into_iter().filter(is_conflict));
    }
}

fn refuse_all(tx: &mut UnitOfWork<'_>, import: &Import, conflicts: &[ImportRow]) -> Result<()> {
    // A statement takes only so many values.
    for chunk in conflicts.chunks(FINAL_CHUNK) {
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
    let ending = Ending {
        status,
        failure,
        finished_at: now,
        results_expire_at: now.plus(tx.services.config.results_lifetime),
    };
    imports::finish(tx.connection, id, &ending)?;
    import.status = status;
    import.results_expire_at = Some(ending.results_expire_at);
    publish_end(tx, &import, ImportEvent::Finished)?;
    notice::queue(tx, &import)?;
    batches::queue_next(tx, import.organization_id)
}

//! The work on one batch of an import, under a lease on its job.
//!
//! Any worker of any replica takes the next batch: the passwords of its rows are hashed, then the rows
//! are written in one transaction. That transaction locks the import, so that batches of one import
//! are written one after another, and holds only while the lease does and the import runs. It asks again
//! whether whoever made the import may still import so: if not, the rest is cancelled. The one that writes
//! the last batch also ends the import.

use std::time::Duration;

use super::batches::{ROWS_OF_A_BATCH, import_of};
use super::sealed_row::SealedRow;
use super::{completion, creation, end_as_cancelled, maker};
use crate::crypto::hasher::BulkHashes;
use crate::crypto::random;
use crate::domain::imports::{ImportSource, OnRowError};
use crate::domain::jobs::JobKind;
use crate::domain::password::PasswordAttempt;
use crate::error::{Error, Result};
use crate::services::authorization;
use crate::services::unit_of_work::{Services, UnitOfWork};
use crate::store::import_rows::{self, ImportRow, PendingRows};
use crate::store::imports::{self, Import};
use crate::store::jobs::{self, Lease};
use crate::store::transaction::{wait_for_locks_at_most, with_retries};

/// How a worker's turn at a batch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchOutcome {
    /// The batch is written, and others of the import are left.
    Written,
    /// The batch was the last one: the import has ended.
    Finished,
    /// The import has ended or is gone, or another worker took the batch over.
    Lost,
    /// This process is stopping: any worker may take the batch at once.
    HandedOver,
}

/// Works on a batch until it is written or lost, or `stop` says that the process is stopping.
///
/// # Errors
/// Where the database stays away, or a row cannot be read: the batch may be tried again.
pub fn carry_out(
    services: &Services,
    lease: &Lease,
    stop: &dyn Fn() -> bool,
) -> Result<BatchOutcome> {
    let Some((import, mut rows)) = begin(services, lease)? else {
        return Ok(BatchOutcome::Lost);
    };
    let hashes = hash(services, &import, &mut rows)?;
    if stop() {
        return hand_over(services, lease);
    }
    let goes_on = || Ok(!stop() && renew(services, lease)?);
    let Some(hashes) = hashes.wait(lease.heartbeat(), goes_on)? else {
        return if stop() {
            hand_over(services, lease)
        } else {
            Ok(BatchOutcome::Lost)
        };
    };
    for (row, hash) in rows.iter_mut().zip(hashes) {
        row.password_hash = Some(hash);
    }
    // Rows that were written by a COMMIT whose acknowledgement was lost are not written again: their
    // job is gone.
    let batch = Batch { import, rows };
    let outcome = with_retries(|| services.run_as_system(|tx| write(tx, lease, batch.clone())))?;
    match outcome {
        BatchOutcome::Written | BatchOutcome::Finished => {
            services.metrics.count_import_rows(batch.rows.len());
        }
        BatchOutcome::Lost | BatchOutcome::HandedOver => {}
    }
    Ok(outcome)
}

/// The rows of one job, and the import as it was when the job began.
#[derive(Clone)]
struct Batch {
    import: Import,
    rows: Vec<ImportRow>,
}

/// How long a batch waits, before anything is hashed for it, for whoever holds its import.
const LOCK_TIMEOUT: Duration = Duration::from_secs(1);

/// The import and the rows of the batch; `None`, with the job deleted, where the import has ended.
fn begin(services: &Services, lease: &Lease) -> Result<Option<(Import, Vec<ImportRow>)>> {
    services.run_as_system(|tx| tx.transaction(|tx| begin_in(tx, lease)))
}

/// Takes the locks that writing takes: whoever holds them for long keeps a worker from other imports only
/// for this moment, and not for the time of the hashing too.
fn begin_in(tx: &mut UnitOfWork<'_>, lease: &Lease) -> Result<Option<(Import, Vec<ImportRow>)>> {
    wait_for_locks_at_most(tx.connection, LOCK_TIMEOUT)?;
    let (id, now) = (import_of(lease.job.subject), tx.now());
    if let Some(organization) = imports::organization_of(tx.connection, id)? {
        authorization::lock(tx, organization)?;
    }
    imports::begin(tx.connection, id, now)?;
    let Some(import) = imports::lock_running(tx.connection, id)? else {
        jobs::finish(tx.connection, lease)?;
        return Ok(None);
    };
    let limit = i64::try_from(ROWS_OF_A_BATCH).map_err(Error::internal)?;
    let before = lease.job.part - 1;
    let rows = import_rows::pending(tx.connection, pending_of(&import), before, limit)?;
    Ok(Some((import, rows)))
}

/// The rows that are still to be hashed: a row whose account waits for others keeps its hash.
fn pending_of(import: &Import) -> PendingRows {
    PendingRows {
        import: import.id,
        unhashed: true,
    }
}

fn hash(services: &Services, import: &Import, rows: &mut [ImportRow]) -> Result<BulkHashes> {
    let passwords: Result<Vec<String>> = rows
        .iter_mut()
        .map(|row| password_of(services, import, row))
        .collect();
    Ok(services.hasher.hash_in_bulk(passwords?))
}

/// The password to hash; where it is missing one is generated, and sealed in its place.
fn password_of(services: &Services, import: &Import, row: &mut ImportRow) -> Result<String> {
    let keys = &services.sealing;
    let sealed = row.sealed.as_deref().unwrap_or_default();
    let mut secrets = SealedRow::open(sealed, keys, import.id, row.row_number)?;
    if secrets.password.is_none() {
        let generated = random::password()?;
        secrets.password = Some(generated.reveal().to_owned());
        row.sealed = Some(secrets.seal(keys, import.id, row.row_number)?);
    }
    // Checked when it was staged: rules that are stricter since then must not stop the import.
    let password =
        PasswordAttempt::parse(secrets.password.unwrap_or_default()).map_err(Error::internal)?;
    Ok(password.to_hash_input().into_owned())
}

fn renew(services: &Services, lease: &Lease) -> Result<bool> {
    with_retries(|| services.run_as_system(|tx| jobs::renew(tx.connection, lease, tx.now())))
}

fn hand_over(services: &Services, lease: &Lease) -> Result<BatchOutcome> {
    services.run_as_system(|tx| jobs::hand_over(tx.connection, lease))?;
    Ok(BatchOutcome::HandedOver)
}

/// Gives up the import of a batch that always fails, under its lease: the import ends as failed, and the
/// next one of the organization begins.
///
/// # Errors
/// Where it cannot be ended: it may be tried again.
pub fn give_up(services: &Services, lease: &Lease) -> Result<BatchOutcome> {
    services.run_as_system(|tx| {
        tx.transaction(|tx| {
            let (id, now) = (import_of(lease.job.subject), tx.now());
            // A failure before its first batch was read has left it queued.
            imports::begin(tx.connection, id, now)?;
            let import = imports::lock_running(tx.connection, id)?;
            if !jobs::finish(tx.connection, lease)? {
                return Ok(BatchOutcome::Lost);
            }
            let Some(import) = import else {
                return Ok(BatchOutcome::Lost);
            };
            completion::give_up(tx, &import)?;
            Ok(BatchOutcome::Finished)
        })
    })
}

/// Writes the batch, and ends the import with its last one.
fn write(tx: &mut UnitOfWork<'_>, lease: &Lease, mut batch: Batch) -> Result<BatchOutcome> {
    tx.transaction(|tx| {
        // Before the import, as whoever cancels it does.
        authorization::lock(tx, batch.import.organization_id)?;
        let Some(import) = imports::lock_running(tx.connection, batch.import.id)? else {
            return Ok(BatchOutcome::Lost);
        };
        if !jobs::finish(tx.connection, lease)? {
            return Ok(BatchOutcome::Lost);
        }
        if !maker::may_go_on(tx, &import)? {
            end_as_cancelled(tx, &import)?;
            return Ok(BatchOutcome::Finished);
        }
        write_rows(tx, &import, &mut batch.rows)?;
        if jobs::is_queued(tx.connection, JobKind::ImportBatch, &[lease.job.subject])? {
            return Ok(BatchOutcome::Written);
        }
        completion::complete(tx, &import)?;
        Ok(BatchOutcome::Finished)
    })
}

fn write_rows(tx: &mut UnitOfWork<'_>, import: &Import, rows: &mut [ImportRow]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    match (import.on_row_error, import.source) {
        (OnRowError::RefuseAll, ImportSource::Csv | ImportSource::Usernames) => {
            prepare(tx, import, rows)
        }
        (OnRowError::Skip, ImportSource::Csv) => creation::create(tx, import, rows),
        (OnRowError::Skip, ImportSource::Usernames) => {
            prepare(tx, import, rows)?;
            create_in_order(tx, import)
        }
    }
}

/// Keeps hashes for the time when their accounts are created.
fn prepare(tx: &mut UnitOfWork<'_>, import: &Import, rows: &[ImportRow]) -> Result<()> {
    let count = i64::try_from(rows.len()).map_err(Error::internal)?;
    imports::add_prepared(tx.connection, import.id, count)?;
    import_rows::update_all(tx.connection, rows)
}

/// Creates the prepared rows with no unprepared row before them: people of one name get their numbers
/// in the order of the list, whichever batch is hashed first.
fn create_in_order(tx: &mut UnitOfWork<'_>, import: &Import) -> Result<()> {
    let limit = i64::try_from(ROWS_OF_A_BATCH).map_err(Error::internal)?;
    let all = PendingRows {
        import: import.id,
        unhashed: false,
    };
    loop {
        let mut rows = import_rows::pending(tx.connection, all, 0, limit)?;
        let is_unprepared = |row: &ImportRow| row.password_hash.is_none();
        rows.truncate(rows.iter().position(is_unprepared).unwrap_or(rows.len()));
        if rows.is_empty() {
            return Ok(());
        }
        creation::create(tx, import, &mut rows)?;
        let count = i64::try_from(rows.len()).map_err(Error::internal)?;
        imports::add_prepared(tx.connection, import.id, -count)?;
    }
}

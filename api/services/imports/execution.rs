//! The work on an import, as one worker does it under its lease.
//!
//! Batch by batch: the next rows are taken and their passwords handed to the hashing threads; while
//! these are at it, the batch before is written. What is written holds only while the lease does, so
//! a worker that was thought dead, or whose import was cancelled, changes nothing any more.

use std::time::Duration;

use super::sealed_row::SealedRow;
use crate::crypto::hasher::BulkHashes;
use crate::crypto::random;
use crate::domain::ids::{ImportId, OrganizationId, WorkerId};
use crate::domain::imports::OnRowError;
use crate::domain::password::PasswordAttempt;
use crate::error::{Error, Result};
use crate::services::unit_of_work::Services;
use crate::store::import_rows::{self, ImportRow};
use crate::store::imports::{self, Import, Lease};
use crate::store::transaction::with_retries;
use crate::store::{Connection, transaction};

/// Rows that are hashed, and then written, together: about a second's worth on two cores.
const BATCH: i64 = 100;

/// What the work needs: the services, and a name for the leases.
#[derive(Clone)]
pub struct ImportWorker {
    pub services: Services,
    pub worker: WorkerId,
}

/// How a worker's turn at an import ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The import has ended.
    Finished,
    /// The import was cancelled, deleted, or taken over by another worker.
    Lost,
    /// This process is stopping: any worker may go on at once.
    HandedOver,
}

/// An import under this worker's lease.
pub struct Claimed {
    import: Import,
}

impl Claimed {
    /// Which import it is.
    pub fn id(&self) -> ImportId {
        self.import.id
    }
}

/// The next import that any worker may take, if there is one.
///
/// # Errors
/// Where the database is away.
pub fn claim_next(worker_context: &ImportWorker) -> Result<Option<Claimed>> {
    const CANDIDATES: i64 = 8;
    let mut connection = worker_context.services.pool.get()?;
    for id in imports::claimable(
        &mut connection,
        worker_context.services.clock.now(),
        CANDIDATES,
    )? {
        if let Some(claimed) = claim(worker_context, &mut connection, id)? {
            return Ok(Some(claimed));
        }
    }
    Ok(None)
}

/// This import or, where others of its organization stand before it, the first of them, if it is
/// there to be taken: whoever wants this one done cannot wait for a worker that there may not be.
///
/// # Errors
/// Where the database is away.
pub fn claim_in_turn(
    worker_context: &ImportWorker,
    organization: OrganizationId,
    import: ImportId,
) -> Result<Option<Claimed>> {
    let mut connection = worker_context.services.pool.get()?;
    for id in imports::unfinished_up_to(&mut connection, organization, import)? {
        if let Some(claimed) = claim(worker_context, &mut connection, id)? {
            return Ok(Some(claimed));
        }
    }
    Ok(None)
}

fn claim(
    worker_context: &ImportWorker,
    connection: &mut Connection,
    import: ImportId,
) -> Result<Option<Claimed>> {
    let now = worker_context.services.clock.now();
    let worker = worker_context.worker;
    let lease = Lease { import, worker };
    let Some(import) = imports::claim(
        connection,
        lease,
        now,
        now.plus(worker_context.services.config.import_lease),
    )?
    else {
        return Ok(None);
    };
    tracing::info!(import = %import.id, %worker, "working on an import");
    Ok(Some(Claimed { import }))
}

/// Works on an import until it has ended, is lost, or `stop` says that the process is stopping: then
/// the batch that is being hashed, a second's work, is left to whoever goes on.
///
/// # Errors
/// Where the database stays away, or a row cannot be read: the lease runs out, and the import is
/// tried again.
pub fn carry_out(
    worker_context: &ImportWorker,
    claimed: &Claimed,
    stop: &dyn Fn() -> bool,
) -> Result<Step> {
    let work = ImportRun {
        worker_context,
        import: &claimed.import,
        lease: Lease {
            import: claimed.import.id,
            worker: worker_context.worker,
        },
    };
    match work.all_batches(stop)? {
        Progress::Done => work.end(),
        Progress::Lost => Ok(Step::Lost),
        Progress::Stopped => work.hand_over(),
    }
}

enum Progress {
    Done,
    Lost,
    Stopped,
}

/// A worker's turn at an import.
pub(super) struct ImportRun<'a> {
    pub worker_context: &'a ImportWorker,
    pub import: &'a Import,
    pub lease: Lease,
}

/// Rows whose passwords are being hashed.
struct Batch {
    rows: Vec<ImportRow>,
    hashes: BulkHashes,
}

impl ImportRun<'_> {
    fn all_batches(&self, stop: &dyn Fn() -> bool) -> Result<Progress> {
        let mut current = self.next_batch(0)?;
        while let Some(batch) = current {
            if stop() {
                return Ok(Progress::Stopped);
            }
            let after = batch.rows.last().map_or(i64::MAX, |row| row.row_number);
            let next = self.next_batch(after)?;
            let rows = batch.rows;
            let goes_on = || Ok(!stop() && self.is_still_ours()?);
            let Some(hashes) = batch.hashes.wait(self.heartbeat(), goes_on)? else {
                return Ok(if stop() {
                    Progress::Stopped
                } else {
                    Progress::Lost
                });
            };
            if !with_retries(|| self.write(rows.clone(), &hashes))? {
                return Ok(Progress::Lost);
            }
            current = next;
        }
        Ok(Progress::Done)
    }

    /// Often enough that a lease outlives two beats that are late, and that a cancelled import is
    /// noticed soon.
    fn heartbeat(&self) -> Duration {
        (self.worker_context.services.config.import_lease / 3).min(Duration::from_millis(500))
    }

    fn is_still_ours(&self) -> Result<bool> {
        with_retries(|| {
            let until = self
                .worker_context
                .services
                .clock
                .now()
                .plus(self.worker_context.services.config.import_lease);
            imports::renew(
                &mut *self.worker_context.services.pool.get()?,
                self.lease,
                until,
            )
        })
    }

    /// Takes the next rows and has their passwords hashed.
    fn next_batch(&self, after: i64) -> Result<Option<Batch>> {
        let mut rows = with_retries(|| {
            let mut connection = self.worker_context.services.pool.get()?;
            let unhashed = self.is_all_or_nothing();
            import_rows::pending(&mut connection, self.import.id, after, BATCH, unhashed)
        })?;
        if rows.is_empty() {
            return Ok(None);
        }
        let passwords: Result<Vec<String>> =
            rows.iter_mut().map(|row| self.password_of(row)).collect();
        Ok(Some(Batch {
            rows,
            hashes: self.worker_context.services.hasher.hash_in_bulk(passwords?),
        }))
    }

    /// The password to hash; where it is missing one is generated, and sealed in its place.
    fn password_of(&self, row: &mut ImportRow) -> Result<String> {
        let keys = &self.worker_context.services.sealing;
        let sealed = row.sealed.as_deref().unwrap_or_default();
        let mut secrets = SealedRow::open(sealed, keys, self.import.id, row.row_number)?;
        if secrets.password.is_none() {
            let generated = random::password()?;
            secrets.password = Some(generated.reveal().to_owned());
            row.sealed = Some(secrets.seal(keys, self.import.id, row.row_number)?);
        }
        // Judged when it was staged: rules that are stricter since then must not stop the import.
        let password = PasswordAttempt::parse(secrets.password.unwrap_or_default())
            .map_err(Error::internal)?;
        Ok(password.to_hash_input().into_owned())
    }

    pub(super) fn is_all_or_nothing(&self) -> bool {
        self.import.on_row_error == OnRowError::RefuseAll
    }

    /// Writes one batch; `false` where the lease is lost.
    ///
    /// Written again, it changes nothing: of a commit whose answer was lost on the way nobody knows
    /// whether it holds, and accounts made twice would each be in the other's way.
    fn write(&self, mut rows: Vec<ImportRow>, hashes: &[String]) -> Result<bool> {
        for (row, hash) in rows.iter_mut().zip(hashes) {
            row.password_hash = Some(hash.clone());
        }
        let mut connection = self.worker_context.services.pool.get()?;
        let now = self.worker_context.services.clock.now();
        transaction(&mut connection, |connection| {
            if !imports::renew(
                connection,
                self.lease,
                now.plus(self.worker_context.services.config.import_lease),
            )? {
                return Ok(false);
            }
            let (import, unhashed) = (self.import.id, self.is_all_or_nothing());
            let open = import_rows::still_pending(connection, import, &rows, unhashed)?;
            rows.retain(|row| open.contains(&row.row_number));
            if rows.is_empty() {
                return Ok(true);
            }
            if self.is_all_or_nothing() {
                let count = i64::try_from(rows.len()).map_err(Error::internal)?;
                imports::add_prepared(connection, self.import.id, count)?;
            } else {
                self.create(connection, &mut rows, now)?;
            }
            import_rows::update_all(connection, &rows)?;
            Ok(true)
        })
    }

    fn hand_over(&self) -> Result<Step> {
        imports::release(&mut *self.worker_context.services.pool.get()?, self.lease)?;
        Ok(Step::HandedOver)
    }
}

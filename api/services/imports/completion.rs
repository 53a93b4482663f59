//! The end of the work on an import: what is left of its reservation goes back, and where all or
//! nothing was asked for, it is all or nothing.

use super::creation::tally;
use super::execution::{ImportRun, Step};
use super::{end_pending, notice, record_end, release_seats};
use crate::domain::audit::AuditAction;
use crate::domain::imports::{ImportStatus, RowError, RowOutcome, StoredFailure};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::services::act::Act;
use crate::store::import_rows::{self, ImportRow};
use crate::store::imports::{self, Ending};
use crate::store::transaction::with_retries;
use crate::store::{Connection, import_outcomes, transaction};

/// Rows that the all-or-nothing end writes in one statement.
const FINAL_BATCH: i64 = 500;
const FINAL_CHUNK: usize = 500;

impl ImportRun<'_> {
    /// Every row has its turn behind it.
    pub(super) fn end(&self) -> Result<Step> {
        let held = if self.is_all_or_nothing() {
            with_retries(|| self.create_all_or_nothing())?
        } else {
            with_retries(|| self.finish(ImportStatus::Completed, None))?
        };
        Ok(if held { Step::Finished } else { Step::Lost })
    }

    fn finish(&self, status: ImportStatus, failure: Option<StoredFailure>) -> Result<bool> {
        let mut connection = self.worker_context.services.pool.get()?;
        transaction(&mut connection, |connection| {
            self.finish_in_transaction(connection, status, failure)
        })
    }

    fn finish_in_transaction(
        &self,
        connection: &mut Connection,
        status: ImportStatus,
        failure: Option<StoredFailure>,
    ) -> Result<bool> {
        let now = self.worker_context.services.clock.now();
        if !imports::renew(connection, self.lease, now)? {
            return Ok(false);
        }
        let mut import = self.import.clone();
        import.seats_reserved = imports::seats_reserved(connection, self.lease)?;
        release_seats(connection, &import)?;
        let ending = Ending {
            status,
            failure,
            finished_at: now,
            results_expire_at: now.plus(self.worker_context.services.config.results_lifetime),
        };
        imports::finish(connection, self.lease, &ending)?;
        import.status = status;
        import.results_expire_at = Some(ending.results_expire_at);
        record_end(
            connection,
            &Act::of_system(now),
            &import,
            AuditAction::ImportFinished,
        )?;
        notice::queue(connection, &self.worker_context.services, &import, now)?;
        Ok(true)
    }

    /// All rows in one transaction; if any of them meets an account that was not there before,
    /// none.
    fn create_all_or_nothing(&self) -> Result<bool> {
        let mut conflicts = Vec::new();
        let mut connection = self.worker_context.services.pool.get()?;
        let created = transaction(&mut connection, |connection| {
            let now = self.worker_context.services.clock.now();
            if !imports::renew(
                connection,
                self.lease,
                now.plus(self.worker_context.services.config.import_lease),
            )? {
                return Ok(false);
            }
            conflicts = self.create_prepared(connection, now)?;
            if !conflicts.is_empty() {
                return Err(Error::not_found("way to create all rows"));
            }
            self.finish_in_transaction(connection, ImportStatus::Completed, None)
        });
        match created {
            Err(_) if !conflicts.is_empty() => self.refuse_all(&mut connection, &conflicts),
            created => created,
        }
    }

    /// Creates every prepared row, and gives those that could not be.
    fn create_prepared(
        &self,
        connection: &mut Connection,
        now: Timestamp,
    ) -> Result<Vec<ImportRow>> {
        let mut conflicts = Vec::new();
        let mut after = 0;
        loop {
            let import = self.import.id;
            let mut rows = import_rows::pending(connection, import, after, FINAL_BATCH, false)?;
            let Some(last) = rows.last() else {
                return Ok(conflicts);
            };
            after = last.row_number;
            self.create(connection, &mut rows, now)?;
            import_rows::update_all(connection, &rows)?;
            conflicts.extend(
                rows.into_iter()
                    .filter(|row| row.outcome != Some(RowOutcome::Created)),
            );
        }
    }

    fn refuse_all(&self, connection: &mut Connection, conflicts: &[ImportRow]) -> Result<bool> {
        transaction(connection, |connection| {
            let now = self.worker_context.services.clock.now();
            if !imports::renew(
                connection,
                self.lease,
                now.plus(self.worker_context.services.config.import_lease),
            )? {
                return Ok(false);
            }
            // A statement takes only so many values.
            for chunk in conflicts.chunks(FINAL_CHUNK) {
                import_rows::update_all(connection, chunk)?;
            }
            import_outcomes::add(connection, self.import.id, &tally(conflicts))?;
            end_pending(connection, self.import, &RowError::new(RowOutcome::Refused))?;
            let failure = Some(StoredFailure::RowErrors);
            self.finish_in_transaction(connection, ImportStatus::Failed, failure)
        })
    }
}

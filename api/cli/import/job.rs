//! The work of an import in this process.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::command_line::at_command_line;
use crate::domain::ids::{ImportId, OrganizationId};
use crate::error::{Error, Result};
use crate::services::authorization::{Permission, Permit, permit};
use crate::services::imports::{self, ImportWithCounts};
use crate::services::unit_of_work::UnitOfWork;
use crate::state::State;
use crate::store::transaction::with_retries;
use crate::worker::{IMPORTS, Step, Worker};

/// An import that this process works on.
pub(super) struct LocalImport<'a> {
    pub(super) state: &'a State,
    pub(super) organization: OrganizationId,
    pub(super) import: ImportId,
}

impl LocalImport<'_> {
    /// Works on the import here, unless a server on the same database is faster, and shows the
    /// progress.
    pub(super) fn carry_out(&self) -> Result<ImportWithCounts> {
        let bar = ProgressBar::new(0);
        let style = "{bar:40} {pos}/{len} accounts, {per_sec}, {eta} left";
        bar.set_style(ProgressStyle::with_template(style).map_err(Error::internal)?);
        std::thread::scope(|scope| {
            let work: Vec<_> = (0..self.state.services.config.import_workers)
                .map(|_| scope.spawn(|| self.work_until_finished()))
                .collect();
            while !work.iter().all(|thread| thread.is_finished()) {
                if let Some(found) = self.progress()? {
                    bar.set_length(u64::try_from(found.import.rows_total).unwrap_or(0));
                    bar.set_position(u64::try_from(found.processed()).unwrap_or(0));
                }
                std::thread::sleep(Duration::from_millis(100));
            }
            bar.finish();
            let panicked = |_| Err(Error::internal("the work ended in a panic"));
            let ends = work
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(panicked));
            self.outcome(ends.collect())
        })
    }

    /// The import as it ended, whatever a thread met meanwhile; where it has not ended, why not.
    fn outcome(&self, work: Result<()>) -> Result<ImportWithCounts> {
        let found = self.now()?;
        if !found.import.status.is_finished() {
            work?;
        }
        Ok(found)
    }

    fn now(&self) -> Result<ImportWithCounts> {
        with_retries(|| self.permitted(|tx, permit| imports::find(tx, &permit, self.import)))
    }

    /// The import as it is now; `None` while the database is away.
    fn progress(&self) -> Result<Option<ImportWithCounts>> {
        match self.now() {
            Ok(found) => Ok(Some(found)),
            Err(Error::Unavailable(_) | Error::Conflict(_) | Error::Deadlock(_)) => Ok(None),
            Err(error @ (Error::Refused(_) | Error::Internal(_))) => Err(error),
        }
    }

    fn is_finished(&self) -> Result<bool> {
        let found = self.progress()?;
        Ok(found.is_some_and(|found| found.import.status.is_finished()))
    }

    /// Works on the organization's imports, which come in their order, until this one has ended. While
    /// the database is away, it waits.
    fn work_until_finished(&self) -> Result<()> {
        let mut worker = Worker::new(self.state, &IMPORTS).only_for(self.organization);
        while !self.is_finished()? {
            match worker.next(&|| false) {
                Ok(Step::Done) => {}
                Ok(Step::Idle | Step::Wait(_) | Step::Taken | Step::HandedOver | Step::Outage)
                | Err(Error::Unavailable(_) | Error::Conflict(_) | Error::Deadlock(_)) => {
                    std::thread::sleep(Duration::from_millis(200))
                }
                Err(error @ (Error::Refused(_) | Error::Internal(_))) => return Err(error),
            }
        }
        Ok(())
    }

    /// Runs one unit of work with a permit in the organization.
    pub(super) fn permitted<P: Permission, T>(
        &self,
        work: impl FnOnce(&mut UnitOfWork<'_>, Permit<P>) -> Result<T>,
    ) -> Result<T> {
        at_command_line(self.state, |tx| {
            let permit = permit::<P>(tx, self.organization)?;
            work(tx, permit)
        })
    }
}

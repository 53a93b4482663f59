//! Whether this process is one to send requests to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::error::{Code, Error, Result};

/// How this process is. Clones share it.
#[derive(Clone, Default)]
pub struct ProcessStatus {
    missing_workers: Arc<AtomicUsize>,
    stopping: Arc<AtomicBool>,
}

/// A worker thread that is missing while this lives.
pub struct MissingWorker<'a>(&'a AtomicUsize);

impl ProcessStatus {
    /// Counts one worker thread as missing until what is returned is dropped.
    pub fn one_worker_is_missing(&self) -> MissingWorker<'_> {
        self.missing_workers.fetch_add(1, Ordering::AcqRel);
        MissingWorker(&self.missing_workers)
    }

    /// From now on new requests belong elsewhere.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    /// Whether the process is about to end.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Refuses a process that is about to end, or whose workers are not all at work.
    ///
    /// # Errors
    /// `unavailable`.
    pub fn require_ready(&self) -> Result<()> {
        if self.is_stopping() {
            // As it should be, and no failure for the log.
            let detail = "This process is stopping: send requests to another one.";
            return Err(Error::refused(Code::Unavailable, detail));
        }
        if self.missing_workers.load(Ordering::Acquire) > 0 {
            return Err(Error::unavailable("a worker broke down"));
        }
        Ok(())
    }
}

impl Drop for MissingWorker<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

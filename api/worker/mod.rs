//! Background work: imports, mail, and cleaning up. Any number of processes share it, each by leases in
//! the database.

mod cleanup;
mod imports;
mod mail;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::services::imports::execution::Step;
use crate::state::{State, WorkSignal};

/// The worker threads of this process.
pub struct Workers {
    sign: Shutdown,
    threads: Vec<JoinHandle<()>>,
    mail: Vec<JoinHandle<()>>,
}

/// How long a mail that is in hand may take when the process ends. A mail server that takes longer is
/// left alone: what it had by then says so.
const TO_FINISH_A_MAIL: Duration = Duration::from_secs(10);

impl Workers {
    /// Starts as many threads for imports and for mail as the configuration says, and one that cleans
    /// up.
    ///
    /// # Errors
    /// Where the system gives no threads.
    pub fn start(state: &State) -> Result<Self> {
        let stopping = Arc::new(AtomicBool::new(false));
        let (mut threads, mut mail) = (Vec::new(), Vec::new());
        for number in 0..state.services.config.import_workers {
            let (state, stopping) = (state.clone(), stopping.clone());
            threads.push(spawn(format!("import-{number}"), move || {
                imports::work(&state, &stopping);
            })?);
        }
        for number in 0..state.services.config.mail_workers {
            let (state, stopping) = (state.clone(), stopping.clone());
            mail.push(spawn(format!("mail-{number}"), move || {
                mail::work(&state, &stopping);
            })?);
        }
        let (cleaner, stop) = (state.clone(), stopping.clone());
        threads.push(spawn("cleanup".to_owned(), move || {
            cleanup::work(&cleaner, &stop)
        })?);
        let signal = state.signal.clone();
        Ok(Self {
            sign: Shutdown { stopping, signal },
            threads,
            mail,
        })
    }

    /// What tells them to stop before anybody waits for them.
    pub fn shutdown(&self) -> Shutdown {
        self.sign.clone()
    }

    /// Has each hand its import over and finish its mail, and waits for their end.
    pub fn stop(self) {
        self.sign.set();
        let ended = finished_by(self.mail, Instant::now() + TO_FINISH_A_MAIL);
        for thread in self.threads.into_iter().chain(ended) {
            if thread.join().is_err() {
                tracing::error!("a worker thread ended in a panic");
            }
        }
    }
}

/// The threads that end in time; the others are left behind.
fn finished_by(threads: Vec<JoinHandle<()>>, deadline: Instant) -> Vec<JoinHandle<()>> {
    const LOOK_EVERY: Duration = Duration::from_millis(10);
    while threads.iter().any(|thread| !thread.is_finished()) && Instant::now() < deadline {
        std::thread::sleep(LOOK_EVERY);
    }
    let (ended, left): (Vec<_>, Vec<_>) = threads.into_iter().partition(JoinHandle::is_finished);
    for thread in &left {
        let name = thread.thread().name().unwrap_or_default();
        tracing::warn!(
            thread = name,
            "the mail server takes too long to wait for it"
        );
    }
    ended
}

/// Tells workers to hand over what they are at.
#[derive(Clone)]
pub struct Shutdown {
    stopping: Arc<AtomicBool>,
    signal: WorkSignal,
}

impl Shutdown {
    /// From now on they begin nothing, and give up the batch that they are at.
    pub fn set(&self) {
        self.stopping.store(true, Ordering::Release);
        self.signal.notify();
    }
}

/// A panic costs the work that met it, never the thread: with the last thread, all work would stand
/// still in a process that looks alive.
fn without_panic<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|panic| Err(Error::of_panic(panic.as_ref())))
}

fn spawn(name: String, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name(name)
        .spawn(work)
        .map_err(Error::internal)
}

/// Does whatever work there is, in this thread, and returns when there is none: for tests, and for
/// commands that wait for their import.
///
/// # Errors
/// The first that any of it met.
pub fn drain(state: &State) -> Result<()> {
    let worker_context = state.worker_context();
    while let Some(turn) = imports::next_turn(&worker_context, &|| false)? {
        if turn == Step::HandedOver {
            break;
        }
    }
    mail::drain(&mut state.mail_sender())?;
    cleanup::once(state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_like_any_other() {
        let panicked: Result<()> = without_panic(|| panic!("no row {}", 7));
        assert_eq!(
            panicked.unwrap_err().to_string(),
            "internal error: panic: no row 7"
        );
        assert_eq!(without_panic(|| Ok(7)).unwrap(), 7);
    }
}

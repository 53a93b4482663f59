//! The worker threads of a process: how they begin, wait and end.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::cleanup;
use super::runner::{BACKGROUND, MAILS, Step, Worker};
use crate::error::{Error, Result};
use crate::services::work_signal::{Listener, WorkSignal};
use crate::state::State;
use crate::store::jobs::Lane;

/// The worker threads of this process.
pub struct Workers {
    shutdown: Shutdown,
    background: Vec<JoinHandle<()>>,
    mail: Vec<JoinHandle<()>>,
}

/// How long a mail that is in hand may take when the process ends. A mail server that takes longer is
/// left alone: what it had by then says so.
const TO_FINISH_A_MAIL: Duration = Duration::from_secs(10);

impl Workers {
    /// Starts as many threads as the configuration says: those for imports, of which any also cleans
    /// up, and those for mail.
    ///
    /// # Errors
    /// Where the system gives no threads, or the store's own.
    pub fn start(state: &State) -> Result<Self> {
        cleanup::queue(&state.services)?;
        let config = &state.services.config;
        let shutdown = Shutdown {
            stopping: Arc::default(),
            signal: state.services.signal.clone(),
        };
        let spawn_all = |name: &str, count: usize, lanes: &'static [Lane]| {
            let spawn_one = |number| {
                let (state, shutdown) = (state.clone(), shutdown.clone());
                spawn(format!("{name}-{number}"), move || {
                    work(Worker::new(&state, lanes), &state, &shutdown);
                })
            };
            (0..count).map(spawn_one).collect::<Result<Vec<_>>>()
        };
        Ok(Self {
            background: spawn_all("import", config.import_workers, &BACKGROUND)?,
            mail: spawn_all("mail", config.mail_workers, &MAILS)?,
            shutdown,
        })
    }

    /// What tells them to stop before anybody waits for them.
    pub fn shutdown(&self) -> Shutdown {
        self.shutdown.clone()
    }

    /// Has each hand its batch over or finish its mail, and waits for their end.
    pub fn stop(self) {
        self.shutdown.set();
        let ended = finished_by(self.mail, Instant::now() + TO_FINISH_A_MAIL);
        for thread in self.background.into_iter().chain(ended) {
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

    fn is_set(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }
}

fn spawn(name: String, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name(name)
        .spawn(work)
        .map_err(Error::internal)
}

/// How long nothing is tried where the last job showed that none can be done: longer each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Takes jobs and runs them until the process stops.
fn work(mut worker: Worker, state: &State, shutdown: &Shutdown) {
    tracing::info!(worker = %worker.id(), "a worker starts");
    let poll = state.services.config.worker_poll;
    let mut signal = state.services.signal.listener();
    let mut pause = FIRST_PAUSE;
    while !shutdown.is_set() {
        let step = without_panic(|| worker.next(&|| shutdown.is_set()));
        if !matches!(step, Ok(Step::Outage)) {
            pause = FIRST_PAUSE;
        }
        match step {
            Ok(Step::Done | Step::Taken | Step::HandedOver) => {}
            Ok(Step::Idle) => {
                worker.rest();
                signal.wait(poll);
            }
            Ok(Step::Wait(long)) => signal.wait(long),
            Ok(Step::Outage) => {
                wait(&mut signal, pause, shutdown);
                pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
            }
            Err(error @ Error::Unavailable(_)) => {
                tracing::warn!(%error, "work waits until the database is back");
                signal.wait(poll);
            }
            Err(error) => {
                tracing::error!(%error, "a job failed; its lease runs out and it is tried again");
                signal.wait(poll);
            }
        }
    }
    worker.rest();
}

/// Waits even where the signal rings for others, unless it rings for the end.
fn wait(signal: &mut Listener, long: Duration, shutdown: &Shutdown) {
    let until = Instant::now() + long;
    while !shutdown.is_set() {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        signal.wait(left);
    }
}

/// A panic costs the job that met it its turn, never the thread: with the last thread, all work would
/// stand still in a process that looks alive.
fn without_panic<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|panic| Err(Error::of_panic(panic.as_ref())))
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

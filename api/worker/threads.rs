//! The worker threads of a process: how they begin, wait and end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::cleanup;
use super::failures::without_panic;
use super::runner::{BACKGROUND, MAILS, Step, Worker};
use crate::error::{Error, Result};
use crate::services::work_signal::{Listener, WorkSignal};
use crate::state::State;
use crate::store::job_turns::Lane;

/// The worker threads of this process.
pub struct Workers {
    shutdown: Shutdown,
    background: Vec<JoinHandle<()>>,
    mail: Vec<JoinHandle<()>>,
}

/// How long what is in hand may take when the process ends: a mail server or a database that takes longer
/// is left alone. A mail that it had by then says so; any other work is done again.
const TO_FINISH: Duration = Duration::from_secs(10);

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

    /// Has each hand its batch over or finish its mail, and waits for their end, but not for long.
    pub fn stop(self) {
        self.shutdown.set();
        let all = self.background.into_iter().chain(self.mail).collect();
        for thread in finished_by(all, Instant::now() + TO_FINISH) {
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
        tracing::warn!(thread = name, "it takes too long to wait for it");
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
        let next_pause = match step {
            Ok(Step::Outage) => pause.saturating_mul(2).min(LONGEST_PAUSE),
            Ok(Step::Idle | Step::Wait(_) | Step::Taken | Step::Done | Step::HandedOver)
            | Err(_) => FIRST_PAUSE,
        };
        match step {
            Ok(Step::Done | Step::Taken | Step::HandedOver) => {}
            Ok(Step::Idle) => {
                worker.rest();
                signal.wait(poll);
            }
            Ok(Step::Wait(long)) => signal.wait(long),
            Ok(Step::Outage) => wait(&mut signal, pause, shutdown),
            Err(error @ Error::Unavailable(_)) => {
                tracing::warn!(%error, "work waits until the database is back");
                signal.wait(poll);
            }
            Err(error @ (Error::Conflict(_) | Error::Deadlock(_))) => {
                tracing::warn!(%error, "a job met another transaction");
                signal.wait(poll);
            }
            Err(error @ (Error::Refused(_) | Error::Internal(_))) => {
                tracing::error!(%error, "a job failed");
                signal.wait(poll);
            }
        }
        pause = next_pause;
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

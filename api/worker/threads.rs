//! The worker threads of a process: how they begin, wait and end.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::cleanup;
use super::failures::without_panic;
use super::runner::{BACKGROUND, DOMAINS, MAILS, Step, Worker};
use crate::domain::jobs::JobKind;
use crate::error::{Error, Result};
use crate::services::unit_of_work::UnitOfWork;
use crate::services::work_signal::{Listener, WorkSignal};
use crate::state::State;
use crate::state::process_status::ProcessStatus;
use crate::store::job_turns::Lane;
use crate::store::jobs;

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
    /// up, and those for mail. Where there is one for imports, one checks domains.
    ///
    /// # Errors
    /// Where the system gives no threads, or the store's own.
    pub fn start(state: &State) -> Result<Self> {
        cleanup::queue(&state.services)?;
        release_lost_batches(state)?;
        let config = &state.services.config;
        let shutdown = Shutdown {
            stopping: Arc::default(),
            signal: state.services.signal.clone(),
        };
        let spawn_all = |name: &str, count: usize, lanes: &'static [Lane]| {
            let spawn_one = |number| {
                let (state, shutdown) = (state.clone(), shutdown.clone());
                spawn(format!("{name}-{number}"), move || {
                    let run = || work(Worker::new(&state, lanes), &state, &shutdown);
                    keep_running(run, &state.status, &shutdown);
                })
            };
            (0..count).map(spawn_one).collect::<Result<Vec<_>>>()
        };
        let mut background = spawn_all("import", config.import_workers, &BACKGROUND)?;
        background.extend(spawn_all("domain", config.import_workers.min(1), &DOMAINS)?);
        Ok(Self {
            background,
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

/// Frees what a process that died here was at. An embedded database has one server, so that nobody is at
/// work yet; a command that imports at this moment loses the turn of a batch, and not its rows.
fn release_lost_batches(state: &State) -> Result<()> {
    if !state.services.config.is_embedded() {
        return Ok(());
    }
    let release = |tx: &mut UnitOfWork<'_>| {
        jobs::release_all(tx.connection, JobKind::CleanUp)?;
        jobs::release_all(tx.connection, JobKind::DomainCheck)?;
        jobs::release_all(tx.connection, JobKind::JoinRequestDigest)?;
        jobs::release_all(tx.connection, JobKind::ConnectionCheck)?;
        jobs::release_all(tx.connection, JobKind::AppCheck)?;
        jobs::release_all(tx.connection, JobKind::ImportBatch)
    };
    let released = state.services.run_as_system(release)?;
    if released > 0 {
        tracing::info!(
            released,
            "batches that a process left behind are taken up again"
        );
    }
    Ok(())
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
#[derive(Clone, Default)]
pub struct Shutdown {
    stopping: Arc<AtomicBool>,
    signal: WorkSignal,
}

impl Shutdown {
    /// From now on they begin nothing, and give up the batch that they are at.
    pub fn set(&self) {
        self.stopping.store(true, Ordering::Release);
        self.signal.notify_all();
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

/// How long a worker that broke down stays away.
const RESTART_PAUSE: Duration = Duration::from_secs(1);

/// Runs a worker until it ends, and starts it again where a panic ended it. Until then the process is not
/// ready.
fn keep_running(run: impl Fn(), status: &ProcessStatus, shutdown: &Shutdown) {
    while catch_unwind(AssertUnwindSafe(&run)).is_err() && !shutdown.is_set() {
        let _missing = status.one_worker_is_missing();
        // What ended the worker may be what logs.
        let _ = catch_unwind(|| tracing::error!("a worker broke down and is started again"));
        std::thread::sleep(RESTART_PAUSE);
    }
}

/// How long nothing is tried where the last job showed that none can be done: longer each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Takes jobs and runs them until the process stops.
fn work(mut worker: Worker, state: &State, shutdown: &Shutdown) {
    tracing::info!(worker = %worker.id(), "a worker starts");
    let poll = state.services.config.worker_poll;
    let mut signal = state.services.signal.listener(worker.kinds());
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[test]
    fn a_worker_that_breaks_down_is_missed_and_started_again() {
        let (status, shutdown) = (ProcessStatus::default(), Shutdown::default());
        let starts = AtomicUsize::new(0);
        let run = || {
            let earlier = starts.fetch_add(1, Ordering::SeqCst);
            assert!(status.require_ready().is_ok());
            assert!(earlier > 0, "broken");
        };
        std::thread::scope(|scope| {
            let worker = scope.spawn(|| keep_running(run, &status, &shutdown));
            while status.require_ready().is_ok() {
                assert!(!worker.is_finished());
                std::thread::yield_now();
            }
        });
        assert!(status.require_ready().is_ok());
        assert_eq!(starts.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn a_worker_that_breaks_down_while_the_process_stops_stays_away() {
        let (status, shutdown) = (ProcessStatus::default(), Shutdown::default());
        let run = || {
            shutdown.set();
            panic!("broken");
        };
        keep_running(run, &status, &shutdown);
        assert!(status.require_ready().is_ok());
    }
}

//! A queue of hashes and the threads that work it off.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use prometheus::Histogram;

use super::password_hash::HashMemory;
use super::turns::{FairQueue, Requester};
use crate::error::{Code, Error, Result};

/// The refusal where too many wait, and whoever is refused has the most of them.
pub fn busy() -> Error {
    Error::refused(
        Code::RateLimited,
        "Very many people are signing in at this moment. Try again in a few seconds.",
    )
}

/// What is to be done with the memory, or with the refusal of a job that lost its place.
pub(super) type HashJob = Box<dyn FnOnce(Result<&mut HashMemory>) + Send>;

/// A queue and the threads that work it off.
pub(super) struct HashLane {
    queue: Arc<HashQueue>,
}

#[derive(Default)]
struct HashQueue {
    state: Mutex<QueueState>,
    arrived: Condvar,
}

#[derive(Default)]
struct QueueState {
    jobs: FairQueue<HashJob>,
    closed: bool,
}

impl HashLane {
    /// Starts the threads; `times` observes the seconds of each hash.
    pub(super) fn start(
        name: &str,
        threads: usize,
        niceness: i32,
        times: Histogram,
    ) -> Result<Arc<Self>> {
        let queue = Arc::new(HashQueue::default());
        for number in 0..threads.max(1) {
            let (queue, times) = (queue.clone(), times.clone());
            std::thread::Builder::new()
                .name(format!("{name}-{number}"))
                .spawn(move || {
                    be_nice(niceness);
                    queue.work_off(&times);
                })
                .map_err(Error::internal)?;
        }
        Ok(Arc::new(Self { queue }))
    }

    /// How many wait for a thread.
    pub(super) fn waiting(&self) -> usize {
        self.queue.lock().jobs.waiting()
    }

    pub(super) fn push(&self, by: &Requester, job: HashJob) {
        self.queue.lock().jobs.push(by, job);
        self.queue.arrived.notify_one();
    }

    /// Adds a job. Where more wait then than may, whoever has the most loses the last one.
    pub(super) fn push_within(&self, max_waiting: usize, by: &Requester, job: HashJob) {
        self.push(by, job);
        let lost = {
            let jobs = &mut self.queue.lock().jobs;
            let too_many = jobs.waiting() > max_waiting;
            too_many.then(|| jobs.pop_from_longest()).flatten()
        };
        if let Some(lost) = lost {
            lost(Err(busy()));
        }
    }
}

impl Drop for HashLane {
    fn drop(&mut self) {
        self.queue.lock().closed = true;
        self.queue.arrived.notify_all();
    }
}

impl HashQueue {
    /// A panic of another holder leaves the queue itself whole.
    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A job that panics leaves whoever waits for it without an answer, and the thread to the next
    /// job: without threads, nobody could sign in any more.
    fn work_off(&self, times: &Histogram) {
        let mut memory = HashMemory::default();
        while let Some(job) = self.next() {
            let _timer = times.start_timer();
            if catch_unwind(AssertUnwindSafe(|| job(Ok(&mut memory)))).is_err() {
                tracing::error!("a password hash ended in a panic");
                memory = HashMemory::default();
            }
        }
    }

    fn next(&self) -> Option<HashJob> {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.jobs.pop() {
                return Some(job);
            }
            if state.closed {
                return None;
            }
            state = self
                .arrived
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// On Linux niceness belongs to the thread; elsewhere to the whole process, which we leave alone.
fn be_nice(niceness: i32) {
    if niceness == 0 || !cfg!(target_os = "linux") {
        return;
    }
    let thread = rustix::thread::gettid();
    if let Err(error) = rustix::process::setpriority_process(Some(thread), niceness) {
        tracing::warn!(%error, "imports hash at the same priority as sign-ins");
    }
}

//! The threads that hash, and who goes first.
//!
//! Argon2 wants a core and a memory buffer for as long as it runs. Threads of our own, each with its
//! buffer, keep that off the threads that serve. There are two lanes, each as wide as the machine:
//! people who are signing in, and imports. The second runs at nice 10, so the system's scheduler
//! lets a sign-in have nine tenths of a core even while an import uses all of them.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::password_hash::{self, HashCost, HashMemory, Verdict};
use crate::error::{Code, Error, Result};

/// Hashes passwords; clones share the threads, which end with the last of them.
#[derive(Clone)]
pub struct Hasher {
    interactive: Arc<Lane>,
    bulk: Arc<Lane>,
    cost: HashCost,
    /// What an unknown address is compared with, so that it takes the same time as a known one.
    dummy: Arc<str>,
}

/// At about fifty hashes a second and core, a longer queue would only hold people who have given up.
const MAX_WAITING: usize = 1_000;

/// How nice bulk work is (`setpriority(2)`).
const BULK_NICENESS: i32 = 10;

impl Hasher {
    /// Starts `threads` threads for each of the two lanes.
    ///
    /// # Errors
    /// Where the system gives no threads or no randomness.
    pub fn start(cost: HashCost, threads: usize) -> Result<Self> {
        let dummy = password_hash::hash(b"nobody's password", cost, &mut HashMemory::default())?;
        Ok(Self {
            interactive: Lane::start("hash", threads, 0)?,
            bulk: Lane::start("hash-bulk", threads, BULK_NICENESS)?,
            cost,
            dummy: dummy.into(),
        })
    }

    /// Hashes the password that a person has chosen.
    ///
    /// # Errors
    /// `rate_limited` where too many wait already.
    pub async fn hash(&self, password: String) -> Result<String> {
        let cost = self.cost;
        self.interactively(move |memory| password_hash::hash(password.as_bytes(), cost, memory))
            .await
    }

    /// Compares a password with an account's hash. Without one it compares with a dummy, in the same
    /// time, and the answer is [`Verdict::Wrong`].
    ///
    /// # Errors
    /// `rate_limited` where too many wait already.
    pub async fn verify(&self, stored: Option<String>, password: String) -> Result<Verdict> {
        let cost = self.cost;
        let dummy = self.dummy.clone();
        self.interactively(move |memory| match stored {
            Some(stored) => password_hash::verify(&stored, password.as_bytes(), cost, memory),
            None => {
                password_hash::verify(&dummy, password.as_bytes(), cost, memory)?;
                Ok(Verdict::Wrong)
            }
        })
        .await
    }

    /// Begins to hash many passwords behind whatever else is in bulk. The results come in any order,
    /// each with the place of its password.
    pub fn hash_in_bulk(&self, passwords: Vec<String>) -> BulkHashes {
        let (sender, results) = mpsc::channel();
        let wanted = Arc::new(AtomicBool::new(true));
        let count = passwords.len();
        for (place, password) in passwords.into_iter().enumerate() {
            let (sender, wanted, cost) = (sender.clone(), wanted.clone(), self.cost);
            self.bulk.push(Box::new(move |memory| {
                if wanted.load(Ordering::Acquire) {
                    let hash = password_hash::hash(password.as_bytes(), cost, memory);
                    // Nobody waits any more where the import was cancelled meanwhile.
                    let _ = sender.send((place, hash));
                }
            }));
        }
        BulkHashes {
            results,
            count,
            wanted,
        }
    }

    async fn interactively<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut HashMemory) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        if self.interactive.waiting() >= MAX_WAITING {
            return Err(busy());
        }
        let (sender, result) = oneshot::channel();
        self.interactive.push(Box::new(move |memory| {
            // Nobody waits any more where the client has hung up.
            if !sender.is_closed() {
                let _ = sender.send(work(memory));
            }
        }));
        result.await.map_err(Error::internal)?
    }
}

/// The refusal where too many wait already.
pub fn busy() -> Error {
    Error::refused(
        Code::RateLimited,
        "Very many people are signing in at this moment. Try again in a few seconds.",
    )
}

/// Hashes under way. Dropped, it takes back those that have not begun.
pub struct BulkHashes {
    results: mpsc::Receiver<(usize, Result<String>)>,
    count: usize,
    wanted: Arc<AtomicBool>,
}

impl BulkHashes {
    /// Waits for all of them; they come in the order of their passwords. Meanwhile `heartbeat` is
    /// asked every so often whether they are still wanted: where not, it waits no longer and gives
    /// `None`.
    ///
    /// # Errors
    /// The first that any of them, or the heartbeat, met.
    pub fn wait(
        self,
        every: Duration,
        mut heartbeat: impl FnMut() -> Result<bool>,
    ) -> Result<Option<Vec<String>>> {
        let mut hashes = vec![String::new(); self.count];
        let mut missing = self.count;
        let mut next_beat = Instant::now() + every;
        while missing > 0 {
            let timeout = next_beat.saturating_duration_since(Instant::now());
            match self.results.recv_timeout(timeout) {
                Ok((place, hash)) => {
                    missing -= 1;
                    if let Some(slot) = hashes.get_mut(place) {
                        *slot = hash?;
                    }
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    if !heartbeat()? {
                        return Ok(None);
                    }
                    next_beat = Instant::now() + every;
                }
                Err(disconnected) => return Err(Error::internal(disconnected)),
            }
        }
        Ok(Some(hashes))
    }
}

impl Drop for BulkHashes {
    fn drop(&mut self) {
        self.wanted.store(false, Ordering::Release);
    }
}

type Job = Box<dyn FnOnce(&mut HashMemory) + Send>;

/// A queue and the threads that work it off.
struct Lane {
    queue: Arc<Queue>,
}

#[derive(Default)]
struct Queue {
    state: Mutex<QueueState>,
    arrived: Condvar,
}

#[derive(Default)]
struct QueueState {
    jobs: VecDeque<Job>,
    closed: bool,
}

impl Lane {
    fn start(name: &str, threads: usize, niceness: i32) -> Result<Arc<Self>> {
        let queue = Arc::new(Queue::default());
        for number in 0..threads.max(1) {
            let queue = queue.clone();
            std::thread::Builder::new()
                .name(format!("{name}-{number}"))
                .spawn(move || {
                    be_nice(niceness);
                    queue.work_off();
                })
                .map_err(Error::internal)?;
        }
        Ok(Arc::new(Self { queue }))
    }

    fn push(&self, job: Job) {
        self.queue.lock().jobs.push_back(job);
        self.queue.arrived.notify_one();
    }

    fn waiting(&self) -> usize {
        self.queue.lock().jobs.len()
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.queue.lock().closed = true;
        self.queue.arrived.notify_all();
    }
}

impl Queue {
    /// A panic of another holder leaves the queue itself whole.
    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A job that panics leaves whoever waits for it without an answer, and the thread to the next
    /// job: without threads, nobody could sign in any more.
    fn work_off(&self) {
        let mut memory = HashMemory::default();
        while let Some(job) = self.next() {
            if catch_unwind(AssertUnwindSafe(|| job(&mut memory))).is_err() {
                tracing::error!("a password hash ended in a panic");
                memory = HashMemory::default();
            }
        }
    }

    fn next(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.jobs.pop_front() {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_costs_no_thread() {
        let lane = Lane::start("test", 1, 0).unwrap();
        let (sender, done) = mpsc::channel();
        lane.push(Box::new(|_| panic!("a broken job")));
        lane.push(Box::new(move |_| sender.send(()).unwrap()));
        done.recv_timeout(Duration::from_secs(60)).unwrap();
    }
}

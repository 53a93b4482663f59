//! The threads that hash, and who goes first.
//!
//! Argon2 wants a core and a memory buffer for as long as it runs. Threads of our own, each with its
//! buffer, keep that off the threads that serve. There are two lanes, each as wide as the machine:
//! people who are signing in, and imports. In the first, clients and their accounts take turns. The second
//! runs at nice 10, so the system's scheduler lets a sign-in have nine tenths of a core even while an import
//! uses all of them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::password_hash::{self, HashCost, HashMemory, Verdict};
use super::turns::{FairQueue, Requester};
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
    /// `rate_limited` where too many wait, and nobody has more waiting than the requester.
    pub async fn hash(&self, by: &Requester, password: String) -> Result<String> {
        let cost = self.cost;
        self.interactively(by, move |memory| {
            password_hash::hash(password.as_bytes(), cost, memory)
        })
        .await
    }

    /// Compares a password with an account's hash. Without one it compares with a dummy, in the same
    /// time, and the answer is [`Verdict::Wrong`].
    ///
    /// # Errors
    /// As [`Hasher::hash`].
    pub async fn verify(
        &self,
        by: &Requester,
        stored: Option<String>,
        password: String,
    ) -> Result<Verdict> {
        let cost = self.cost;
        let dummy = self.dummy.clone();
        self.interactively(by, move |memory| match stored {
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
            let job: Job = Box::new(move |memory| {
                if wanted.load(Ordering::Acquire) {
                    let hash = memory
                        .and_then(|memory| password_hash::hash(password.as_bytes(), cost, memory));
                    // Nobody waits any more where the import was cancelled meanwhile.
                    let _ = sender.send((place, hash));
                }
            });
            self.bulk.push(&Requester::default(), job);
        }
        BulkHashes {
            results,
            count,
            wanted,
        }
    }

    async fn interactively<T: Send + 'static>(
        &self,
        by: &Requester,
        work: impl FnOnce(&mut HashMemory) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (sender, result) = oneshot::channel();
        let job: Job = Box::new(move |memory| {
            // Nobody waits any more where the client has hung up.
            if !sender.is_closed() {
                let _ = sender.send(memory.and_then(work));
            }
        });
        self.interactive.push_within(MAX_WAITING, by, job);
        result.await.map_err(Error::internal)?
    }
}

/// The refusal where too many wait, and whoever is refused has the most of them.
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

/// What is to be done with the memory, or with the refusal of a job that lost its place.
type Job = Box<dyn FnOnce(Result<&mut HashMemory>) + Send>;

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
    jobs: FairQueue<Job>,
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

    fn push(&self, by: &Requester, job: Job) {
        self.queue.lock().jobs.push(by, job);
        self.queue.arrived.notify_one();
    }

    /// Adds a job. Where more wait then than may, whoever has the most loses the last one.
    fn push_within(&self, max_waiting: usize, by: &Requester, job: Job) {
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
            if catch_unwind(AssertUnwindSafe(|| job(Ok(&mut memory)))).is_err() {
                tracing::error!("a password hash ended in a panic");
                memory = HashMemory::default();
            }
        }
    }

    fn next(&self) -> Option<Job> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::client_address::Client;

    #[test]
    fn a_panic_costs_no_thread() {
        let lane = Lane::start("test", 1, 0).unwrap();
        let (sender, done) = mpsc::channel();
        let by = Requester::default();
        lane.push(&by, Box::new(|_| panic!("a broken job")));
        lane.push(&by, Box::new(move |_| sender.send(()).unwrap()));
        done.recv_timeout(Duration::from_secs(60)).unwrap();
    }

    fn at(client: &str, account: &str) -> Requester {
        Requester::new(&Client::at(client.parse().unwrap()), account)
    }

    #[test]
    fn a_flood_keeps_nobody_else_waiting_and_gives_way_where_the_queue_is_full() {
        let lane = Lane::start("test", 1, 0).unwrap();
        let (sender, ended) = mpsc::channel();
        let (release, held) = mpsc::channel::<()>();
        let (began, beginning) = mpsc::channel();
        let hold: Job = Box::new(move |_| {
            began.send(()).unwrap();
            held.recv().unwrap();
        });
        lane.push(&Requester::default(), hold);
        beginning.recv().unwrap();
        let job = |name: String| -> Job {
            let sender = sender.clone();
            Box::new(move |memory| sender.send((name, memory.is_ok())).unwrap())
        };
        for number in 0..6 {
            let flood = at("203.0.113.66", &format!("bot{}", number % 2));
            lane.push_within(6, &flood, job(format!("bot{number}")));
        }
        lane.push_within(6, &at("198.51.100.1", "ann"), job("ann".to_owned()));
        lane.push_within(6, &at("203.0.113.66", "bob"), job("bob".to_owned()));
        release.send(()).unwrap();
        let wait = Duration::from_secs(60);
        let in_order: Vec<_> = (0..8).map(|_| ended.recv_timeout(wait).unwrap()).collect();
        let lost: Vec<_> = in_order.iter().filter(|(_, served)| !served).collect();
        assert_eq!(lost.len(), 2);
        assert!(lost.iter().all(|(name, _)| name.starts_with("bot")));
        let served = in_order.iter().filter(|(_, served)| *served);
        let served: Vec<&str> = served.map(|(name, _)| name.as_str()).collect();
        assert_eq!(served[..4], ["bot0", "ann", "bot1", "bob"]);
    }
}

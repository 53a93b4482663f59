//! The threads that hash, and who goes first.
//!
//! Argon2 wants a core and a memory buffer for as long as it runs. Threads of our own, each with its
//! buffer, keep that off the threads that serve. There are two lanes, each as wide as the machine:
//! people who are signing in, and imports. In the first, clients and their accounts take turns. The second
//! runs at nice 10, so the system's scheduler lets a sign-in have nine tenths of a core even while an import
//! uses all of them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tracing::Instrument as _;

use super::hashing_lane::{HashJob, HashLane};
use super::password_hash::{self, HashCost, HashMemory, Verdict};
use super::turns::Requester;
use crate::error::{Error, Result};
use crate::telemetry::{HashKind, Metrics};

/// Hashes passwords; clones share the threads, which end with the last of them.
#[derive(Clone)]
pub struct Hasher {
    interactive: Arc<HashLane>,
    bulk: Arc<HashLane>,
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
    pub fn start(cost: HashCost, threads: usize, metrics: &Metrics) -> Result<Self> {
        let dummy = password_hash::hash(b"nobody's password", cost, &mut HashMemory::default())?;
        Ok(Self {
            interactive: HashLane::start(
                "hash",
                threads,
                0,
                metrics.hashes_of(HashKind::Interactive),
            )?,
            bulk: HashLane::start(
                "hash-bulk",
                threads,
                BULK_NICENESS,
                metrics.hashes_of(HashKind::Import),
            )?,
            cost,
            dummy: dummy.into(),
        })
    }

    /// Tells how many passwords wait in each lane.
    pub fn tell_waiting(&self, metrics: &Metrics) {
        for (lane, name) in [
            (&self.interactive, HashKind::Interactive),
            (&self.bulk, HashKind::Import),
        ] {
            metrics.set_hashes_waiting(name, lane.waiting());
        }
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
            let job: HashJob = Box::new(move |memory| {
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
        let job: HashJob = Box::new(move |memory| {
            // Nobody waits any more where the client has hung up.
            if !sender.is_closed() {
                let _ = sender.send(memory.and_then(work));
            }
        });
        self.interactive.push_within(MAX_WAITING, by, job);
        let span = tracing::debug_span!("hash");
        result.instrument(span).await.map_err(Error::internal)?
    }
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
        let _span = tracing::debug_span!("hash", passwords = self.count).entered();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::client_address::Client;

    #[test]
    fn a_panic_costs_no_thread() {
        let lane = HashLane::start("test", 1, 0, times()).unwrap();
        let (sender, done) = mpsc::channel();
        let by = Requester::default();
        lane.push(&by, Box::new(|_| panic!("a broken job")));
        lane.push(&by, Box::new(move |_| sender.send(()).unwrap()));
        done.recv_timeout(Duration::from_secs(60)).unwrap();
    }

    fn times() -> prometheus::Histogram {
        Metrics::new().unwrap().hashes_of(HashKind::Import)
    }

    fn at(client: &str, account: &str) -> Requester {
        Requester::new(&Client::at(client.parse().unwrap()), account)
    }

    #[test]
    fn a_flood_keeps_nobody_else_waiting_and_gives_way_where_the_queue_is_full() {
        let lane = HashLane::start("test", 1, 0, times()).unwrap();
        let (sender, ended) = mpsc::channel();
        let (release, held) = mpsc::channel::<()>();
        let (began, beginning) = mpsc::channel();
        let hold: HashJob = Box::new(move |_| {
            began.send(()).unwrap();
            held.recv().unwrap();
        });
        lane.push(&Requester::default(), hold);
        beginning.recv().unwrap();
        let job = |name: String| -> HashJob {
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

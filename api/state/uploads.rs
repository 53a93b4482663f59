//! Uploads that arrive at this process. Each has a thread, so there is room for a few.
//!
//! Nobody keeps the others out: an organization, or an account with many, has some of the places, a client
//! that sends next to nothing loses its place, and where others wait for one, it is taken back from the
//! slowest of those who have more, or have had it long.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::time::timeout;

pub use super::upload_rate::WINDOW as SILENCE_TIMEOUT;
use super::upload_rate::{Rate, RateMeter};
use crate::domain::ids::{AccountId, OrganizationId};

/// Uploads that one process takes at a time.
pub const MAX_UPLOADS: usize = 16;

/// Of these, those of one organization, and of one account.
const MAX_UPLOADS_OF_ONE: usize = 8;

/// How long an upload waits for a place.
const TIMEOUT: Duration = Duration::from_secs(20);

/// How often whoever waits looks whether one of the others has turned out slow.
const INTERVAL: Duration = Duration::from_millis(500);

/// Where others wait, whoever is slower than this has had their turn, in bytes a second: the longest file
/// that is taken arrives in nine minutes.
const SLOW: Rate = Rate::per_second(64 * 1024);

/// Where others wait, nobody keeps a place for longer than Rollcall has waited for their file so long: at a usual
/// pace most files have arrived by then.
const LONG: Duration = Duration::from_secs(15);

/// The places of this process; clones share them.
#[derive(Clone, Default)]
pub struct Uploads(Arc<Places>);

#[derive(Default)]
struct Places {
    arriving: Mutex<Vec<Arc<ArrivingUpload>>>,
    freed: Notify,
}

/// Who uploads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadedBy {
    pub organization: OrganizationId,
    pub account: Option<AccountId>,
}

impl UploadedBy {
    /// Whether both are of one organization, or of one account.
    fn is_beside(self, other: Self) -> bool {
        let is_own = self.account.is_some() && self.account == other.account;
        is_own || self.organization == other.organization
    }
}

struct ArrivingUpload {
    by: UploadedBy,
    meter: Mutex<RateMeter>,
    taken_back: Notify,
    /// Whether somebody waits for this place already.
    is_given_away: AtomicBool,
}

/// A place among the uploads, until it is dropped.
pub struct UploadPlace {
    places: Arc<Places>,
    arriving: Arc<ArrivingUpload>,
}

impl Uploads {
    /// Takes a place, if there is one soon.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn take(&self, by: UploadedBy) -> Result<UploadPlace, NoPlace> {
        let deadline = Instant::now() + TIMEOUT;
        while Instant::now() < deadline {
            let freed = self.0.freed.notified();
            match self.0.try_take(by) {
                Placement::Placed(arriving) => {
                    return Ok(UploadPlace {
                        places: self.0.clone(),
                        arriving,
                    });
                }
                Placement::HasEnough => return Err(NoPlace::HasEnough),
                // Whether one is free or it is time to look again, the next attempt finds out.
                Placement::Full => drop(timeout(INTERVAL, freed).await),
            }
        }
        Err(NoPlace::Full)
    }
}

/// Why there is no place for an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPlace {
    /// Its organization, or its account, has as many as one gets.
    HasEnough,
    /// Others have them.
    Full,
}

enum Placement {
    Placed(Arc<ArrivingUpload>),
    HasEnough,
    Full,
}

impl Places {
    fn try_take(&self, by: UploadedBy) -> Placement {
        let mut all = lock(&self.arriving);
        if beside(&all, by) >= MAX_UPLOADS_OF_ONE {
            return Placement::HasEnough;
        }
        if all.len() >= MAX_UPLOADS {
            take_one_back(&all, by);
            return Placement::Full;
        }
        let arriving = Arc::new(ArrivingUpload {
            by,
            meter: Mutex::new(RateMeter::since(Instant::now())),
            taken_back: Notify::new(),
            is_given_away: AtomicBool::new(false),
        });
        all.push(arriving.clone());
        Placement::Placed(arriving)
    }
}

fn beside(all: &[Arc<ArrivingUpload>], by: UploadedBy) -> usize {
    all.iter().filter(|one| one.by.is_beside(by)).count()
}

/// Has the slowest of those end who have more than their share, or have more than whoever waits and are slow or
/// have been waited for long. One at a time: a place that is being given up already is soon free.
fn take_one_back(all: &[Arc<ArrivingUpload>], waiting: UploadedBy) {
    if all.iter().any(|one| one.is_given_away.load(Relaxed)) {
        return;
    }
    let (now, own) = (Instant::now(), beside(all, waiting));
    let mut candidates: Vec<(Rate, &Arc<ArrivingUpload>)> = Vec::new();
    for one in all {
        let (rate, waited) = lock(&one.meter).so_far(now);
        let Some(rate) = rate else {
            continue;
        };
        let theirs = beside(all, one.by);
        if theirs > own + 1 || (theirs > own && (rate < SLOW || waited >= LONG)) {
            candidates.push((rate, one));
        }
    }
    if let Some((_, slowest)) = candidates.into_iter().min_by_key(|(rate, _)| *rate) {
        slowest.is_given_away.store(true, Relaxed);
        slowest.taken_back.notify_one();
    }
}

impl UploadPlace {
    /// Ends when the place is wanted back.
    pub async fn taken_back(&self) {
        self.arriving.taken_back.notified().await;
    }

    /// Notes that the client is waited for.
    pub fn waits(&self) {
        lock(&self.arriving.meter).waits(Instant::now());
    }

    /// Notes that so many bytes have come, and tells whether the client is fast enough.
    pub fn received(&self, bytes: usize) -> bool {
        lock(&self.arriving.meter).received(bytes, Instant::now())
    }
}

impl Drop for UploadPlace {
    fn drop(&mut self) {
        lock(&self.places.arriving).retain(|one| !Arc::ptr_eq(one, &self.arriving));
        self.places.freed.notify_waiters();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::new_id;

    fn somebody() -> UploadedBy {
        UploadedBy {
            organization: new_id(),
            account: Some(new_id()),
        }
    }

    /// Uploads of as many organizations as there are places, at these rates, each waited for so long.
    fn full(rates: impl Iterator<Item = usize>, waited: Duration) -> Vec<Arc<ArrivingUpload>> {
        let now = Instant::now();
        let began = now.checked_sub(waited).unwrap();
        let arriving = rates.take(MAX_UPLOADS).map(|bytes_a_second| {
            let mut meter = RateMeter::since(began);
            let seconds = usize::try_from(waited.as_secs()).unwrap();
            meter.received(bytes_a_second * seconds, now);
            Arc::new(ArrivingUpload {
                by: somebody(),
                meter: Mutex::new(meter),
                taken_back: Notify::new(),
                is_given_away: AtomicBool::new(false),
            })
        });
        arriving.collect()
    }

    fn taken_back(all: &[Arc<ArrivingUpload>], waiting: UploadedBy) -> Vec<usize> {
        take_one_back(all, waiting);
        let places = all.iter().enumerate();
        let given = places.filter(|(_, one)| one.is_given_away.load(Relaxed));
        given.map(|(place, _)| place).collect()
    }

    #[test]
    fn who_holds_a_place_for_long_gives_it_to_somebody_without_one() {
        let rates = || (0..).map(|place| 128 * 1024 - 1024 * (place % 4));
        let all = full(rates(), LONG);
        assert_eq!(taken_back(&all, somebody()), [3]);
        // One at a time: whoever waits beside waits for the same place.
        assert_eq!(taken_back(&all, somebody()), [3]);
        let soon = full(rates(), LONG - Duration::from_secs(1));
        assert_eq!(taken_back(&soon, somebody()), [0; 0]);
        // Whoever has a place already takes no other's.
        let all = full(rates(), LONG * 4);
        assert_eq!(taken_back(&all, all[0].by), [0; 0]);
    }
}

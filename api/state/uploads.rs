//! Uploads that arrive at this process. Each has a thread, so there is room for a few.
//!
//! Nobody keeps the others out: an organization, or an account with many, has some of the places, a client
//! that sends next to nothing loses its place, and where others wait for one, it is taken back from the
//! slowest of those who have the most.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::time::timeout;

use super::upload_pace::{Pace, Rate};
use crate::domain::ids::{AccountId, OrganizationId};

/// Uploads that one process takes at a time.
pub const MAX_UPLOADS: usize = 16;

/// Of these, those of one organization, and of one account.
const MAX_UPLOADS_OF_ONE: usize = 8;

/// How long an upload waits for a place.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often whoever waits looks whether one of the others has turned out slow.
const INTERVAL: Duration = Duration::from_millis(500);

/// Where others wait, whoever is slower than this has had their turn, in bytes a second: the longest file
/// that is taken arrives in nine minutes.
const SLOW: Rate = Rate::per_second(64 * 1024);

/// The places of this process; clones share them.
#[derive(Clone, Default)]
pub struct Uploads(Arc<Places>);

#[derive(Default)]
struct Places {
    arriving: Mutex<Vec<Arc<Arriving>>>,
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

struct Arriving {
    by: UploadedBy,
    pace: Mutex<Pace>,
    taken_back: Notify,
    /// Whether somebody waits for this place already.
    is_given_away: Mutex<bool>,
}

/// A place among the uploads, until it is dropped.
pub struct UploadPlace {
    places: Arc<Places>,
    arriving: Arc<Arriving>,
}

impl Uploads {
    /// Takes a place, if there is one soon.
    pub async fn take(&self, by: UploadedBy) -> Option<UploadPlace> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let freed = self.0.freed.notified();
            match self.0.try_take(by) {
                Attempt::Taken(arriving) => {
                    return Some(UploadPlace {
                        places: self.0.clone(),
                        arriving,
                    });
                }
                Attempt::HasEnough => return None,
                // Whether one is free or it is time to look again, the next attempt finds out.
                Attempt::Full => drop(timeout(INTERVAL, freed).await),
            }
        }
        None
    }
}

enum Attempt {
    Taken(Arc<Arriving>),
    HasEnough,
    Full,
}

impl Places {
    fn try_take(&self, by: UploadedBy) -> Attempt {
        let mut all = lock(&self.arriving);
        if beside(&all, by) >= MAX_UPLOADS_OF_ONE {
            return Attempt::HasEnough;
        }
        if all.len() >= MAX_UPLOADS {
            take_one_back(&all, by);
            return Attempt::Full;
        }
        let arriving = Arc::new(Arriving {
            by,
            pace: Mutex::new(Pace::since(Instant::now())),
            taken_back: Notify::new(),
            is_given_away: Mutex::new(false),
        });
        all.push(arriving.clone());
        Attempt::Taken(arriving)
    }
}

fn beside(all: &[Arc<Arriving>], by: UploadedBy) -> usize {
    all.iter().filter(|one| one.by.is_beside(by)).count()
}

/// Has the slowest of those end who have more than their share, or are slow and have more than whoever
/// waits. One at a time: a place that is being given up already is soon free.
fn take_one_back(all: &[Arc<Arriving>], waiting: UploadedBy) {
    if all.iter().any(|one| *lock(&one.is_given_away)) {
        return;
    }
    let (now, own) = (Instant::now(), beside(all, waiting));
    let mut candidates: Vec<(Rate, &Arc<Arriving>)> = Vec::new();
    for one in all {
        let Some(rate) = lock(&one.pace).rate(now) else {
            continue;
        };
        let theirs = beside(all, one.by);
        if theirs > own + 1 || (rate < SLOW && theirs > own) {
            candidates.push((rate, one));
        }
    }
    if let Some((_, slowest)) = candidates.into_iter().min_by_key(|(rate, _)| *rate) {
        *lock(&slowest.is_given_away) = true;
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
        lock(&self.arriving.pace).waits(Instant::now());
    }

    /// Notes that so many bytes have come, and tells whether the client is fast enough.
    pub fn received(&self, bytes: usize) -> bool {
        lock(&self.arriving.pace).received(bytes, Instant::now())
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

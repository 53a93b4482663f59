//! How the workers of this process learn that there is work.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::domain::jobs::JobKind;

/// Wakes the workers of this process; work that another process queued is found by polling.
#[derive(Clone, Default)]
pub struct WorkSignal {
    /// How often each kind of work was announced.
    announced: Arc<(Mutex<HashMap<JobKind, u64>>, Condvar)>,
}

/// Waits for signals of some kinds of work. Each listener receives every one of them, however many others there are.
pub struct Listener {
    signal: WorkSignal,
    kinds: HashSet<JobKind>,
    /// How many announcements of its kinds there were when it waited last.
    received: u64,
}

impl WorkSignal {
    /// Tells those who listen for one of these kinds that there is work.
    pub fn notify(&self, kinds: impl IntoIterator<Item = JobKind>) {
        let (announced, changed) = &*self.announced;
        let mut announced = announced.lock().unwrap_or_else(PoisonError::into_inner);
        for kind in kinds {
            *announced.entry(kind).or_default() += 1;
        }
        changed.notify_all();
    }

    /// Wakes all listeners: the process stops.
    pub fn notify_all(&self) {
        self.notify(JobKind::ALL.iter().copied());
    }

    /// A listener for these kinds that has received nothing yet.
    pub fn listener(&self, kinds: impl IntoIterator<Item = JobKind>) -> Listener {
        Listener {
            signal: self.clone(),
            kinds: kinds.into_iter().collect(),
            received: 0,
        }
    }
}

impl Listener {
    /// Waits for a signal, at most so long; not at all where there was one since the last wait.
    pub fn wait(&mut self, at_most: Duration) {
        let (announced, changed) = &*self.signal.announced;
        let guard = announced.lock().unwrap_or_else(PoisonError::into_inner);
        let count = |announced: &HashMap<JobKind, u64>| {
            let counts = self.kinds.iter().filter_map(|kind| announced.get(kind));
            counts.sum::<u64>()
        };
        let (guard, _) = changed
            .wait_timeout_while(guard, at_most, |announced| {
                count(announced) == self.received
            })
            .unwrap_or_else(PoisonError::into_inner);
        self.received = count(&guard);
    }
}

/// Kinds of work that a unit of work has queued, to be announced when it has ended.
#[derive(Clone, Default)]
pub struct QueuedKinds(Arc<Mutex<HashSet<JobKind>>>);

impl QueuedKinds {
    /// Adds a kind.
    pub fn add(&self, kind: JobKind) {
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kinds.insert(kind);
    }

    /// Takes them all out.
    pub fn take(&self) -> HashSet<JobKind> {
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut kinds)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn every_listener_receives_each_signal_of_its_kinds_once() {
        let signal = WorkSignal::default();
        let mut mail = signal.listener([JobKind::Mail]);
        let mut either = signal.listener([JobKind::CleanUp, JobKind::Mail]);
        let mut import = signal.listener([JobKind::ImportBatch]);
        let waited = |listener: &mut Listener, at_most| {
            let since = Instant::now();
            listener.wait(Duration::from_millis(at_most));
            since.elapsed() >= Duration::from_millis(at_most)
        };
        signal.notify([JobKind::Mail]);
        assert!(!waited(&mut mail, 60_000));
        assert!(!waited(&mut either, 60_000));
        for listener in [&mut mail, &mut either, &mut import] {
            assert!(waited(listener, 20));
        }
        signal.notify_all();
        for listener in [&mut mail, &mut either, &mut import] {
            assert!(!waited(listener, 60_000));
        }
    }
}

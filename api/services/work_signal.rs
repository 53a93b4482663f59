//! How the workers of this process learn that there is work.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Wakes the workers of this process; work that another process queued is found by polling.
#[derive(Clone, Default)]
pub struct WorkSignal {
    generation: Arc<(Mutex<u64>, Condvar)>,
}

/// Waits for a signal. Each listener receives every signal, however many others there are.
pub struct Listener {
    signal: WorkSignal,
    received: u64,
}

impl WorkSignal {
    /// Tells all listeners that there is work, or that the process stops.
    pub fn notify(&self) {
        let (generation, changed) = &*self.generation;
        *generation.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        changed.notify_all();
    }

    /// A listener that has received nothing yet.
    pub fn listener(&self) -> Listener {
        Listener {
            signal: self.clone(),
            received: 0,
        }
    }
}

impl Listener {
    /// Waits for a signal, at most so long; not at all where there was one since the last wait.
    pub fn wait(&mut self, at_most: Duration) {
        let (generation, changed) = &*self.signal.generation;
        let guard = generation.lock().unwrap_or_else(PoisonError::into_inner);
        let (guard, _) = changed
            .wait_timeout_while(guard, at_most, |generation| *generation == self.received)
            .unwrap_or_else(PoisonError::into_inner);
        self.received = *guard;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn every_listener_receives_each_signal_once() {
        let signal = WorkSignal::default();
        let (mut one, mut other) = (signal.listener(), signal.listener());
        signal.notify();
        let waited = |listener: &mut Listener, at_most| {
            let since = Instant::now();
            listener.wait(Duration::from_millis(at_most));
            since.elapsed() >= Duration::from_millis(at_most)
        };
        assert!(!waited(&mut one, 60_000));
        assert!(!waited(&mut other, 60_000));
        assert!(waited(&mut one, 20));
    }
}

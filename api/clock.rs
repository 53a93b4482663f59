//! The time, as the application sees it: the system's, or one that a test sets; and ids, which are always made
//! from the system's.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use uuid::Uuid;

use crate::domain::timestamp::Timestamp;

/// A new id, which sorts after those made before it: a UUID of version 7 (RFC 9562) from the system's
/// clock and randomness.
pub fn new_id<T: From<Uuid>>() -> T {
    Uuid::now_v7().into()
}

/// The id that sorts before all those made from then on.
pub fn first_id_at<T: From<Uuid>>(timestamp: Timestamp) -> T {
    let millis = u64::try_from(timestamp.as_microseconds() / 1_000).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &[0; 10])
        .into_uuid()
        .into()
}

/// Tells the time. Clones of a set clock tell the same time.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    set_to: Option<Arc<AtomicI64>>,
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that stands still until [`Clock::advance`] moves it: for tests.
    pub fn starting_at(timestamp: Timestamp) -> Self {
        Self {
            set_to: Some(Arc::new(AtomicI64::new(timestamp.as_microseconds()))),
        }
    }

    /// The time now, to the microsecond.
    pub fn now(&self) -> Timestamp {
        match &self.set_to {
            None => jiff::Timestamp::now().into(),
            Some(micros) => Timestamp::from_microseconds(micros.load(Ordering::SeqCst)),
        }
    }

    /// Moves a set clock forward, for tests; the system's clock is left alone.
    pub fn advance(&self, by: std::time::Duration) {
        if let Some(micros) = &self.set_to {
            let step = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
            micros.fetch_add(step, Ordering::SeqCst);
        }
    }
}

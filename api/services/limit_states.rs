//! How the sender of a request stands with the limits that the request met.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::domain::limits::{Limit, Quota};

/// How a subject stands with a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitState {
    pub limit: Limit,
    pub quota: Quota,
    /// Uses that are left.
    pub left: u32,
    /// How long until there is one more.
    pub next_in: Duration,
}

/// How the sender of a request stands with each limit that the request met. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct LimitStates(Arc<Mutex<BTreeMap<Limit, LimitState>>>);

impl LimitStates {
    /// Notes the latest states.
    pub fn note(&self, states: impl IntoIterator<Item = LimitState>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.extend(states.into_iter().map(|state| (state.limit, state)));
    }

    /// Forgets how the sender stands with limits that turned out not to bind them.
    pub fn forget(&self, limits: &[Limit]) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|limit, _| !limits.contains(limit));
    }

    /// The states noted so far, in the order of the limits' declaration.
    pub fn list(&self) -> Vec<LimitState> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.values().copied().collect()
    }
}

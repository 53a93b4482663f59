//! What time makes useless: sessions that ran out, results that expired, uploads that died.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::error::Result;
use crate::services::imports::results;
use crate::state::State;
use crate::store::{imports, sessions};

/// Reading checks the time itself, so that this need not be prompt.
const EVERY: Duration = Duration::from_secs(60);

/// Cleans up now and then until `stopping`.
pub fn work(state: &State, stopping: &AtomicBool) {
    let mut due = Instant::now();
    loop {
        let rings = state.bell.rings();
        if stopping.load(Ordering::Acquire) {
            return;
        }
        if due <= Instant::now() {
            due = Instant::now() + EVERY;
            if let Err(error) = once(state) {
                tracing::warn!(%error, "cleaning up did not work; it is tried again");
            }
        }
        state.bell.wait(rings, state.config.worker_poll);
    }
}

/// Cleans up once. Replicas may do so at the same time: each step is a conditional change.
///
/// # Errors
/// Where the database is away.
pub fn once(state: &State) -> Result<()> {
    let now = state.clock.now();
    let mut connection = state.pool.get()?;
    sessions::delete_expired(&mut connection, now)?;
    imports::delete_abandoned(&mut connection, now)?;
    while results::erase_expired(&mut connection, now)? > 0 {}
    Ok(())
}

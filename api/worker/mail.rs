//! The mail threads: take, send, again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::without_panic;
use crate::error::Result;
use crate::mail::sending::{Courier, Turn};
use crate::mail::transport::Setback;
use crate::state::State;

/// How long no mail is tried where the last one showed that none can leave: longer each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Sends mail until `stopping`.
pub fn work(state: &State, stopping: &AtomicBool) {
    let mut courier = state.courier();
    let mut bell = state.bell.listener();
    let mut pause = FIRST_PAUSE;
    while !stopping.load(Ordering::Acquire) {
        let wait = match without_panic(|| courier.next_turn()) {
            Ok(Turn::NotSent(Setback::Outage(_))) => {
                pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
                pause
            }
            Ok(Turn::Idle) => state.config.worker_poll,
            Ok(Turn::Wait(wait)) => wait,
            Ok(Turn::Taken) => Duration::ZERO,
            Ok(Turn::Sent | Turn::NotSent(_)) => {
                pause = FIRST_PAUSE;
                Duration::ZERO
            }
            Err(error) => {
                tracing::warn!(%error, "mail waits");
                state.config.worker_poll
            }
        };
        if !wait.is_zero() {
            bell.wait(wait);
        }
    }
}

/// Tries every mail that is due, in this thread.
///
/// # Errors
/// Where the database is away.
pub fn drain(courier: &mut Courier) -> Result<()> {
    while courier.next_at_once()?.is_some() {}
    Ok(())
}

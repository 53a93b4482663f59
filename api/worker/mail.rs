//! The mail threads: take, send, again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::without_panic;
use crate::error::Result;
use crate::mail::sending::{Courier, Turn};
use crate::mail::transport::Setback;
use crate::state::{Listener, State};

/// How long no mail is tried where the last one showed that none can leave: longer each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Sends mail until `stopping`.
pub fn work(state: &State, stopping: &AtomicBool) {
    let mut courier = state.courier();
    let mut bell = state.bell.listener();
    let mut pause = FIRST_PAUSE;
    while !stopping.load(Ordering::Acquire) {
        let turn = without_panic(|| courier.next_turn());
        if !matches!(turn, Ok(Turn::NotSent(Setback::Outage(_)))) {
            pause = FIRST_PAUSE;
        }
        match turn {
            Ok(
                Turn::Sent | Turn::Taken | Turn::NotSent(Setback::Passing(_) | Setback::Final(_)),
            ) => {}
            Ok(Turn::NotSent(Setback::Outage(_))) => {
                wait(&mut bell, pause, stopping);
                pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
            }
            Ok(Turn::Idle) => {
                courier.rest();
                bell.wait(state.config.worker_poll);
            }
            Ok(Turn::Wait(long)) => bell.wait(long),
            Err(error) => {
                tracing::warn!(%error, "mail waits");
                bell.wait(state.config.worker_poll);
            }
        }
    }
    courier.rest();
}

/// Waits even where the bell rings for others, unless it rings for the end.
fn wait(bell: &mut Listener, long: Duration, stopping: &AtomicBool) {
    let until = Instant::now() + long;
    while !stopping.load(Ordering::Acquire) {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        bell.wait(left);
    }
}

/// Tries every mail that is due, in this thread.
///
/// # Errors
/// Where the database is away.
pub fn drain(courier: &mut Courier) -> Result<()> {
    while courier.next_at_once()?.is_some() {}
    courier.rest();
    Ok(())
}

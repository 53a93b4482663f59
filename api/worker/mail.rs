//! The mail threads: take, send, again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::without_panic;
use crate::error::Result;
use crate::mail::sending::{MailSender, Step};
use crate::mail::transport::DeliveryError;
use crate::state::{Listener, State};

/// How long no mail is tried where the last one showed that none can leave: longer each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Sends mail until `stopping`.
pub fn work(state: &State, stopping: &AtomicBool) {
    let mut mail_sender = state.mail_sender();
    let mut signal = state.signal.listener();
    let mut pause = FIRST_PAUSE;
    while !stopping.load(Ordering::Acquire) {
        let turn = without_panic(|| mail_sender.next_turn());
        if !matches!(turn, Ok(Step::NotSent(DeliveryError::Unavailable(_)))) {
            pause = FIRST_PAUSE;
        }
        match turn {
            Ok(
                Step::Sent
                | Step::Taken
                | Step::NotSent(DeliveryError::Transient(_) | DeliveryError::Permanent(_)),
            ) => {}
            Ok(Step::NotSent(DeliveryError::Unavailable(_))) => {
                wait(&mut signal, pause, stopping);
                pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
            }
            Ok(Step::Idle) => {
                mail_sender.rest();
                signal.wait(state.services.config.worker_poll);
            }
            Ok(Step::Wait(long)) => signal.wait(long),
            Err(error) => {
                tracing::warn!(%error, "mail waits");
                signal.wait(state.services.config.worker_poll);
            }
        }
    }
    mail_sender.rest();
}

/// Waits even where the signal rings for others, unless it rings for the end.
fn wait(signal: &mut Listener, long: Duration, stopping: &AtomicBool) {
    let until = Instant::now() + long;
    while !stopping.load(Ordering::Acquire) {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        signal.wait(left);
    }
}

/// Tries every mail that is due, in this thread.
///
/// # Errors
/// Where the database is away.
pub fn drain(mail_sender: &mut MailSender) -> Result<()> {
    while mail_sender.next_at_once()?.is_some() {}
    mail_sender.rest();
    Ok(())
}

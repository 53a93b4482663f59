//! The import threads: claim, work, again.

use std::sync::atomic::{AtomicBool, Ordering};

use super::without_panic;
use crate::error::{Error, Result};
use crate::services::imports::execution::{self, ImportWorker, Step};
use crate::state::State;

/// Works on imports until `stopping`.
pub fn work(state: &State, stopping: &AtomicBool) {
    let worker_context = state.worker_context();
    let stop = || stopping.load(Ordering::Acquire);
    let mut signal = state.signal.listener();
    while !stop() {
        match without_panic(|| next_turn(&worker_context, &stop)) {
            Ok(Some(_)) => {}
            Ok(None) => signal.wait(state.services.config.worker_poll),
            Err(error @ Error::Unavailable(_)) => {
                tracing::warn!(%error, "imports wait until the database is back");
                signal.wait(state.services.config.worker_poll);
            }
            Err(error) => {
                tracing::error!(%error, "an import stands still; its lease runs out and it is tried again");
                signal.wait(state.services.config.worker_poll);
            }
        }
    }
}

/// Takes the next import, if there is one, and works on it as far as it gets.
///
/// # Errors
/// Where the database is away.
pub fn next_turn(worker_context: &ImportWorker, stop: &dyn Fn() -> bool) -> Result<Option<Step>> {
    let Some(claimed) = execution::claim_next(worker_context)? else {
        return Ok(None);
    };
    let turn = execution::carry_out(worker_context, &claimed, stop)?;
    tracing::info!(import = %claimed.id(), ?turn, "import");
    Ok(Some(turn))
}

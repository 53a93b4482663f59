//! The import threads: claim, work, again.

use std::sync::atomic::{AtomicBool, Ordering};

use super::without_panic;
use crate::error::{Error, Result};
use crate::services::imports::carrying_out::{self, Turn, Workshop};
use crate::state::State;

/// Works on imports until `stopping`.
pub fn work(state: &State, stopping: &AtomicBool) {
    let workshop = state.workshop();
    let stop = || stopping.load(Ordering::Acquire);
    let mut bell = state.bell.listener();
    while !stop() {
        match without_panic(|| next_turn(&workshop, &stop)) {
            Ok(Some(_)) => {}
            Ok(None) => bell.wait(state.config.worker_poll),
            Err(error @ Error::Unavailable(_)) => {
                tracing::warn!(%error, "imports wait until the database is back");
                bell.wait(state.config.worker_poll);
            }
            Err(error) => {
                tracing::error!(%error, "an import stands still; its lease runs out and it is tried again");
                bell.wait(state.config.worker_poll);
            }
        }
    }
}

/// Takes the next import, if there is one, and works on it as far as it gets.
///
/// # Errors
/// Where the database is away.
pub fn next_turn(workshop: &Workshop, stop: &dyn Fn() -> bool) -> Result<Option<Turn>> {
    let Some(claimed) = carrying_out::claim_next(workshop)? else {
        return Ok(None);
    };
    let turn = carrying_out::carry_out(workshop, &claimed, stop)?;
    tracing::info!(import = %claimed.id(), ?turn, "import");
    Ok(Some(turn))
}

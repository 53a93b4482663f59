//! The import threads: claim, work, again.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::Result;
use crate::services::imports::carrying_out::{self, Turn, Workshop};
use crate::state::State;

/// Works on imports until `stopping`.
pub fn work(state: &State, stopping: &AtomicBool) {
    let workshop = state.workshop();
    let stop = || stopping.load(Ordering::Acquire);
    loop {
        let rings = state.bell.rings();
        if stop() {
            return;
        }
        match next_turn(&workshop, &stop) {
            Ok(Some(_)) => {}
            Ok(None) => state.bell.wait(rings, state.config.worker_poll),
            Err(error) => {
                tracing::error!(%error, "an import stands still; its lease runs out and it is tried again");
                std::thread::sleep(state.config.worker_poll);
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

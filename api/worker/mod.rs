//! Background work: imports, mail, checks of domains, and cleaning up, all of it jobs of one queue. Any number of
//! processes share it by leases in the database.
//!
//! A new kind of work is a [`JobKind`](crate::domain::jobs::JobKind), a function that the [`Worker`]
//! calls for it, and a lane of the threads that do it.

mod cleanup;
mod failures;
mod runner;
mod threads;

pub use failures::MAX_FAILURES;
pub use runner::{DOMAINS, IMPORTS, MAILS, Step, Worker};
pub use threads::{Shutdown, Workers};

use crate::error::Result;
use crate::state::State;

/// Does whatever work there is, in this thread, and returns when there is none: for tests and benches,
/// which cannot clean up themselves.
///
/// # Errors
/// The first that any of it met.
pub fn drain(state: &State) -> Result<()> {
    run_all(&mut Worker::new(state, &IMPORTS))?;
    run_all(&mut Worker::new(state, &DOMAINS))?;
    run_all(&mut Worker::new(state, &MAILS).without_send_rate())?;
    cleanup::once(&state.services, &|| false)
}

/// Runs every job that is due.
///
/// # Errors
/// The first that any of them met.
fn run_all(worker: &mut Worker) -> Result<()> {
    loop {
        match worker.next(&|| false)? {
            Step::Idle => break,
            Step::Wait(long) => std::thread::sleep(long),
            Step::Taken | Step::Done | Step::HandedOver | Step::Outage => {}
        }
    }
    worker.rest();
    Ok(())
}

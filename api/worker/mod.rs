//! Background work: imports, and cleaning up. Any number of processes share it, each by leases in
//! the database.

mod cleanup;
mod imports;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use crate::error::{Error, Result};
use crate::services::imports::carrying_out::Turn;
use crate::state::State;

/// The worker threads of this process.
pub struct Workers {
    stopping: Arc<AtomicBool>,
    state: State,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    /// Starts as many import threads as the configuration says, and one that cleans up.
    ///
    /// # Errors
    /// Where the system gives no threads.
    pub fn start(state: &State) -> Result<Self> {
        let stopping = Arc::new(AtomicBool::new(false));
        let mut threads = Vec::new();
        for number in 0..state.config.import_workers {
            let (state, stopping) = (state.clone(), stopping.clone());
            threads.push(spawn(format!("import-{number}"), move || {
                imports::work(&state, &stopping);
            })?);
        }
        let (cleaner, stop) = (state.clone(), stopping.clone());
        threads.push(spawn("cleanup".to_owned(), move || {
            cleanup::work(&cleaner, &stop)
        })?);
        Ok(Self {
            stopping,
            state: state.clone(),
            threads,
        })
    }

    /// Lets each finish the batch it is at, hand its import over, and end.
    pub fn stop(self) {
        self.stopping.store(true, Ordering::Release);
        self.state.bell.ring();
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a worker thread ended in a panic");
            }
        }
    }
}

fn spawn(name: String, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name(name)
        .spawn(work)
        .map_err(Error::internal)
}

/// Does whatever work there is, in this thread, and returns when there is none: for tests, and for
/// commands that wait for their import.
///
/// # Errors
/// The first that any of it met.
pub fn drain(state: &State) -> Result<()> {
    let workshop = state.workshop();
    while let Some(turn) = imports::next_turn(&workshop, &|| false)? {
        if turn == Turn::HandedOver {
            break;
        }
    }
    cleanup::once(state)
}

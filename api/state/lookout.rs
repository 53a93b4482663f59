//! Asking the database how it is, and what waits there, when everybody else waits.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot};

use crate::error::{Error, Result};
use crate::services::unit_of_work::{Services, UnitOfWork};

/// A connection and a thread that no request and no worker takes: rows that somebody holds may keep all others busy, and
/// a server that is busy is not away. Clones share it.
#[derive(Clone)]
pub struct Lookout {
    services: Services,
    turn: Arc<Semaphore>,
}

/// Whoever asks wants to know how the server is now, not when the database is back.
const SOON: Duration = Duration::from_secs(1);

impl Lookout {
    /// One on the connection of these services.
    pub fn of(services: Services) -> Self {
        let turn = Arc::new(Semaphore::new(1));
        Self { services, turn }
    }

    /// Closes its connection, as [`crate::store::pool::Pool::close`] does.
    pub fn close(&self) {
        self.services.pool.close();
    }

    /// Runs `work`, after that of others who ask.
    ///
    /// # Errors
    /// The work's own, or `unavailable` where the database takes longer than anybody would wait.
    pub async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut UnitOfWork<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        tokio::time::timeout(SOON, self.ask_in_turn(work))
            .await
            .map_err(|_| Error::unavailable("the database does not respond"))?
    }

    /// The turn ends with the work, not with the patience of whoever asked.
    async fn ask_in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut UnitOfWork<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let turn = self.turn.clone().acquire_owned().await;
        let turn = turn.map_err(Error::internal)?;
        let (tell, told) = oneshot::channel();
        let services = self.services.clone();
        let look = move || {
            let found = services.run_as_system(work);
            drop(turn);
            // Nobody may be waiting any more.
            drop(tell.send(found));
        };
        let thread = std::thread::Builder::new().name("lookout".to_owned());
        thread.spawn(look).map_err(Error::unavailable)?;
        told.await.map_err(Error::internal)?
    }
}

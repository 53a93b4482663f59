//! How many calls are made at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use super::error::OutboundError;

/// Calls of one connection at a time.
const OF_CONNECTION: usize = 2;

/// Calls of all together at a time: each has a thread.
const IN_ALL: usize = 64;

/// The places for calls. Clones share them.
#[derive(Clone)]
pub struct Lanes {
    in_all: Arc<Semaphore>,
    of_connections: Arc<Mutex<HashMap<Uuid, Weak<Semaphore>>>>,
}

/// The place of a call, free again when it is dropped.
pub struct Place {
    _of_connection: OwnedSemaphorePermit,
    _in_all: OwnedSemaphorePermit,
}

impl Default for Lanes {
    fn default() -> Self {
        Self {
            in_all: Arc::new(Semaphore::new(IN_ALL)),
            of_connections: Arc::default(),
        }
    }
}

impl Lanes {
    /// Waits for a place of this connection, in turn, and then for one of all.
    ///
    /// # Errors
    /// Never: no places are taken away.
    pub async fn enter(&self, connection: Uuid) -> Result<Place, OutboundError> {
        let lane = self.lane(connection);
        let of_connection = lane.acquire_owned().await;
        let in_all = self.in_all.clone().acquire_owned().await;
        match (of_connection, in_all) {
            (Ok(of_connection), Ok(in_all)) => Ok(Place {
                _of_connection: of_connection,
                _in_all: in_all,
            }),
            _ => Err(OutboundError::Busy),
        }
    }

    /// The lane of a connection: it is there as long as somebody is in it or waits.
    fn lane(&self, connection: Uuid) -> Arc<Semaphore> {
        let mut lanes = self
            .of_connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = lanes.get(&connection).and_then(Weak::upgrade) {
            return lane;
        }
        lanes.retain(|_, lane| lane.strong_count() > 0);
        let lane = Arc::new(Semaphore::new(OF_CONNECTION));
        lanes.insert(connection, Arc::downgrade(&lane));
        lane
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_connection_has_two_places_and_others_theirs() {
        let (lanes, one, other) = (Lanes::default(), Uuid::now_v7(), Uuid::now_v7());
        let first = lanes.enter(one).await.unwrap();
        let _second = lanes.enter(one).await.unwrap();
        let soon = Duration::from_millis(20);
        assert!(tokio::time::timeout(soon, lanes.enter(one)).await.is_err());
        lanes.enter(other).await.unwrap();
        drop(first);
        lanes.enter(one).await.unwrap();
    }

    #[tokio::test]
    async fn all_together_have_so_many_and_no_lane_stays_behind() {
        let lanes = Lanes::default();
        let mut places = Vec::new();
        for _ in 0..IN_ALL {
            places.push(lanes.enter(Uuid::now_v7()).await.unwrap());
        }
        let soon = Duration::from_millis(20);
        let one_more = lanes.enter(Uuid::now_v7());
        assert!(tokio::time::timeout(soon, one_more).await.is_err());
        drop(places);
        lanes.enter(Uuid::now_v7()).await.unwrap();
        assert_eq!(lanes.of_connections.lock().unwrap().len(), 1);
    }
}

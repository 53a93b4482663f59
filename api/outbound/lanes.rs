//! How many calls are made at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use super::error::OutboundError;

/// Calls of one connection at a time.
const OF_CONNECTION: usize = 2;

/// Calls of all connections of one organization at a time.
const OF_ORGANIZATION: usize = 8;

/// Calls of all together at a time: each has a thread.
const IN_ALL: usize = 64;

/// Whose call it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asker {
    pub organization: Uuid,
    pub connection: Uuid,
}

/// The places for calls. Clones share them.
#[derive(Clone)]
pub struct Lanes {
    of_connections: Group,
    of_organizations: Group,
    in_all: Arc<Semaphore>,
}

/// The place of a call, free again when it is dropped.
pub struct Place {
    _held: [OwnedSemaphorePermit; 3],
}

impl Default for Lanes {
    fn default() -> Self {
        Self {
            of_connections: Group::with(OF_CONNECTION),
            of_organizations: Group::with(OF_ORGANIZATION),
            in_all: Arc::new(Semaphore::new(IN_ALL)),
        }
    }
}

impl Lanes {
    /// Waits for a place of the connection, in turn, then for one of the organization, and then for one of all: who
    /// waits for what is their own keeps nobody else waiting.
    ///
    /// # Errors
    /// Never: no places are taken away.
    pub async fn enter(&self, asker: Asker) -> Result<Place, OutboundError> {
        let of_connection = place(self.of_connections.lane(asker.connection)).await?;
        let of_organization = place(self.of_organizations.lane(asker.organization)).await?;
        let in_all = place(self.in_all.clone()).await?;
        Ok(Place {
            _held: [of_connection, of_organization, in_all],
        })
    }
}

async fn place(lane: Arc<Semaphore>) -> Result<OwnedSemaphorePermit, OutboundError> {
    lane.acquire_owned().await.map_err(|_| OutboundError::Busy)
}

/// The lanes of all connections, or of all organizations, each with so many places.
#[derive(Clone)]
struct Group {
    places: usize,
    lanes: Arc<Mutex<HashMap<Uuid, Weak<Semaphore>>>>,
}

impl Group {
    fn with(places: usize) -> Self {
        Self {
            places,
            lanes: Arc::default(),
        }
    }

    /// The lane of one: it is there as long as somebody is in it or waits.
    fn lane(&self, of: Uuid) -> Arc<Semaphore> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = lanes.get(&of).and_then(Weak::upgrade) {
            return lane;
        }
        lanes.retain(|_, lane| lane.strong_count() > 0);
        let lane = Arc::new(Semaphore::new(self.places));
        lanes.insert(of, Arc::downgrade(&lane));
        lane
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SOON: Duration = Duration::from_millis(20);

    fn somebody() -> Asker {
        of(Uuid::now_v7())
    }

    /// Another connection of an organization.
    fn of(organization: Uuid) -> Asker {
        Asker {
            organization,
            connection: Uuid::now_v7(),
        }
    }

    async fn has_to_wait(lanes: &Lanes, asker: Asker) -> bool {
        tokio::time::timeout(SOON, lanes.enter(asker))
            .await
            .is_err()
    }

    #[tokio::test]
    async fn a_connection_has_two_places_and_others_theirs() {
        let (lanes, one) = (Lanes::default(), somebody());
        let first = lanes.enter(one).await.unwrap();
        let _second = lanes.enter(one).await.unwrap();
        assert!(has_to_wait(&lanes, one).await);
        lanes.enter(somebody()).await.unwrap();
        lanes.enter(of(one.organization)).await.unwrap();
        drop(first);
        lanes.enter(one).await.unwrap();
    }

    #[tokio::test]
    async fn an_organization_has_eight_places_however_many_connections_it_has() {
        let (lanes, organization) = (Lanes::default(), Uuid::now_v7());
        let mut places = Vec::new();
        for _ in 0..OF_ORGANIZATION {
            places.push(lanes.enter(of(organization)).await.unwrap());
        }
        assert!(has_to_wait(&lanes, of(organization)).await);
        let waiting: Vec<_> = (0..IN_ALL).map(|_| lanes.enter(of(organization))).collect();
        let everybody = tokio::time::timeout(SOON, futures_util::future::join_all(waiting));
        assert!(everybody.await.is_err());
        lanes.enter(somebody()).await.unwrap();
        drop(places);
        lanes.enter(of(organization)).await.unwrap();
    }

    #[tokio::test]
    async fn all_together_have_so_many_and_no_lane_stays_behind() {
        let lanes = Lanes::default();
        let mut places = Vec::new();
        for _ in 0..IN_ALL {
            places.push(lanes.enter(somebody()).await.unwrap());
        }
        assert!(has_to_wait(&lanes, somebody()).await);
        drop(places);
        lanes.enter(somebody()).await.unwrap();
        for group in [&lanes.of_connections, &lanes.of_organizations] {
            assert_eq!(group.lanes.lock().unwrap().len(), 1);
        }
    }
}

//! Requests of one organization that are at work on the database at this moment: where its rows are held, they wait,
//! and leave threads and connections to everybody else.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout_at;

use crate::domain::ids::OrganizationId;
use crate::error::{Error, Result};

/// The places of this process; clones share them.
#[derive(Clone)]
pub struct OrganizationPlaces {
    per_organization: usize,
    semaphores: Arc<Mutex<HashMap<OrganizationId, Arc<Semaphore>>>>,
}

/// A place, until it is dropped.
pub struct OrganizationPlace {
    places: OrganizationPlaces,
    permit: Option<OwnedSemaphorePermit>,
}

impl OrganizationPlaces {
    /// Less than half of the requests that can be at work, which is less than one serving thread has of them. Of one or
    /// two it is one.
    pub fn among(requests: usize) -> Self {
        Self {
            per_organization: (requests.saturating_sub(1) / 2).max(1),
            semaphores: Arc::default(),
        }
    }

    /// A place for a request of this organization. It waits for it until `deadline`.
    ///
    /// # Errors
    /// `unavailable` where the organization's other requests keep all.
    pub async fn take(
        &self,
        organization: OrganizationId,
        deadline: Instant,
    ) -> Result<OrganizationPlace> {
        // Dropped last, also where the wait is given up: then nobody may be left who wants places of the organization.
        let mut place = OrganizationPlace {
            places: self.clone(),
            permit: None,
        };
        let free = self.of(organization).acquire_owned();
        let all_wait = |_| Error::unavailable("all requests of the organization wait");
        let permit = timeout_at(deadline.into(), free).await.map_err(all_wait)?;
        place.permit = Some(permit.map_err(Error::internal)?);
        Ok(place)
    }

    fn of(&self, organization: OrganizationId) -> Arc<Semaphore> {
        let mut semaphores = self.lock();
        let places = semaphores.entry(organization);
        places
            .or_insert_with(|| Arc::new(Semaphore::new(self.per_organization)))
            .clone()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<OrganizationId, Arc<Semaphore>>> {
        self.semaphores
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OrganizationPlace {
    fn drop(&mut self) {
        self.permit = None;
        let mut semaphores = self.places.lock();
        semaphores.retain(|_, places| Arc::strong_count(places) > 1);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::new_id;

    #[tokio::test]
    async fn an_organization_has_less_than_half_and_leaves_the_rest_to_others() {
        for (requests, expected) in [(1, 1), (2, 1), (4, 1), (5, 2), (9, 4)] {
            let places = OrganizationPlaces::among(requests);
            assert_eq!(places.per_organization, expected, "{requests}");
        }
        let places = OrganizationPlaces::among(9);
        let (one, other): (OrganizationId, OrganizationId) = (new_id(), new_id());
        let (soon, now) = (Instant::now() + Duration::from_secs(60), Instant::now());
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(places.take(one, soon).await.expect("a place is free"));
        }
        let refused = places.take(one, now).await.err();
        assert!(matches!(refused, Some(Error::Unavailable(_))));
        assert!(places.take(other, soon).await.is_ok());
        held.pop();
        assert!(places.take(one, soon).await.is_ok());
        held.clear();
        assert!(places.lock().is_empty());
    }
}

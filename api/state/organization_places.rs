//! Requests of one organization that are at work on the database at this moment: where its rows are held, they wait,
//! and leave threads and connections to everybody else.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout_at;

use crate::domain::ids::OrganizationId;
use crate::error::{Error, Result};

/// The fewest at a time of one organization.
const LEAST: usize = 2;

/// The places of this process; clones share them.
#[derive(Clone)]
pub struct OrganizationPlaces {
    of_one: usize,
    taken: Arc<Mutex<HashMap<OrganizationId, Arc<Semaphore>>>>,
}

/// A place, until it is dropped.
pub struct OrganizationPlace {
    places: OrganizationPlaces,
    permit: Option<OwnedSemaphorePermit>,
}

impl OrganizationPlaces {
    /// Less than half of the requests that can be at work, which is less than one serving thread has of them.
    pub fn among(requests: usize) -> Self {
        Self {
            of_one: (requests.saturating_sub(1) / 2).max(LEAST),
            taken: Arc::default(),
        }
    }

    /// A place for a request of this organization, for which it waits until then.
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
        let mut taken = self.lock();
        let free = taken.entry(organization);
        free.or_insert_with(|| Arc::new(Semaphore::new(self.of_one)))
            .clone()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<OrganizationId, Arc<Semaphore>>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OrganizationPlace {
    fn drop(&mut self) {
        self.permit = None;
        let mut taken = self.places.lock();
        taken.retain(|_, free| Arc::strong_count(free) > 1);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::new_id;

    #[tokio::test]
    async fn an_organization_has_less_than_half_and_leaves_the_rest_to_others() {
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

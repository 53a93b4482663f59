//! Questions to the domain name system that organizations ask this process at this moment: each waits for others'
//! name servers, so there are few of one organization.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::ids::OrganizationId;

/// The most at a time of one organization.
const MAX_OF_ONE: usize = 2;

/// The places of this process; clones share them.
#[derive(Clone, Default)]
pub struct Lookups(Arc<Mutex<HashMap<OrganizationId, usize>>>);

/// A place, until it is dropped.
pub struct LookupPlace {
    lookups: Lookups,
    organization: OrganizationId,
}

impl Lookups {
    /// A place for a question of this organization; none where it has as many as one gets.
    pub fn take(&self, organization: OrganizationId) -> Option<LookupPlace> {
        let mut taken = self.lock();
        let own = taken.entry(organization).or_default();
        if *own >= MAX_OF_ONE {
            return None;
        }
        *own += 1;
        Some(LookupPlace {
            lookups: self.clone(),
            organization,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<OrganizationId, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for LookupPlace {
    fn drop(&mut self) {
        let mut taken = self.lookups.lock();
        if let Some(own) = taken.get_mut(&self.organization) {
            *own -= 1;
        }
        taken.retain(|_, own| *own > 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::new_id;

    #[test]
    fn an_organization_has_two_places_and_leaves_those_of_others() {
        let lookups = Lookups::default();
        let (one, other): (OrganizationId, OrganizationId) = (new_id(), new_id());
        let first = lookups.take(one);
        let second = lookups.take(one);
        assert!(first.is_some() && second.is_some());
        assert!(lookups.take(one).is_none());
        assert!(lookups.take(other).is_some());
        drop(first);
        assert!(lookups.take(one).is_some());
        drop(second);
        assert!(lookups.lock().is_empty());
    }
}

//! What happened to a domain, published.

use crate::domain::events::{DomainEvent, EmailDomainEvent};
use crate::error::Result;
use crate::services::events;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::domains::Domain;

/// Publishes what happened to a domain.
pub(super) fn publish(
    tx: &mut UnitOfWork<'_>,
    domain: &Domain,
    event: EmailDomainEvent,
) -> Result<()> {
    events::publish(
        tx,
        DomainEvent::EmailDomain {
            organization: domain.organization_id,
            id: domain.id,
            domain: domain.domain.clone(),
            event,
        },
    )
}

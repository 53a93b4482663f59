//! What happened to a connection, told.

use crate::domain::events::{ConnectionEvent, DomainEvent};
use crate::error::Result;
use crate::services::events;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::sso_connections::SsoConnection;

/// Publishes an event of a connection.
pub(super) fn publish(
    tx: &mut UnitOfWork<'_>,
    connection: &SsoConnection,
    event: ConnectionEvent,
) -> Result<()> {
    let event = DomainEvent::Connection {
        organization: connection.organization_id,
        connection: connection.id,
        event,
    };
    events::publish(tx, event)
}

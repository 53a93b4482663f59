//! Domain events: published in the transaction of the change, and handed to every subscriber there.

use super::audit;
use super::unit_of_work::UnitOfWork;
use crate::domain::events::DomainEvent;
use crate::error::{Error, Result};
use crate::store::transaction;

/// What handles events in the transaction that publishes them: what it writes holds if and only if the
/// change does.
type Subscriber = fn(&mut UnitOfWork<'_>, &[DomainEvent]) -> Result<()>;

/// Everything that learns of events.
const SUBSCRIBERS: [Subscriber; 1] = [audit::append];

/// Publishes an event; call it in the transaction of the change.
///
/// # Errors
/// A subscriber's own, which undoes the change; `internal` outside of a transaction.
pub fn publish(tx: &mut UnitOfWork<'_>, event: DomainEvent) -> Result<()> {
    publish_all(tx, &[event])
}

/// Publishes what one change did to many, as [`publish`].
///
/// # Errors
/// As there.
pub fn publish_all(tx: &mut UnitOfWork<'_>, events: &[DomainEvent]) -> Result<()> {
    if events.is_empty() {
        return Ok(());
    }
    if !transaction::is_open(tx.connection)? {
        return Err(Error::internal("an event outside of a transaction"));
    }
    for subscriber in SUBSCRIBERS {
        subscriber(tx, events)?;
    }
    Ok(())
}

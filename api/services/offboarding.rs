//! The one way out of an organization: membership, seat, admin counter and places in groups, in the
//! caller's transaction.

use super::unit_of_work::UnitOfWork;
use super::{events, memberships};
use crate::domain::events::{DomainEvent, MemberEvent};
use crate::error::Result;
use crate::store::memberships::Membership;

/// How a membership ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Departure {
    /// The member left, or deleted the account.
    Left,
    /// The organization removed them, or took back the invitation that made their account.
    Removed,
    /// The organization deletes the account that it manages, and has published that.
    AccountDeleted,
}

/// Ends a locked membership and publishes it.
///
/// # Errors
/// `last_admin`.
pub(super) fn end(tx: &mut UnitOfWork<'_>, known: &Membership, departure: Departure) -> Result<()> {
    memberships::delete(tx, known)?;
    let (account_type, role) = (known.account_type, known.role);
    let event = match departure {
        Departure::Left => MemberEvent::Left { account_type, role },
        Departure::Removed => MemberEvent::Removed { account_type, role },
        Departure::AccountDeleted => return Ok(()),
    };
    let event = DomainEvent::Member {
        organization: known.organization_id,
        account: known.account_id,
        event,
    };
    events::publish(tx, event)
}

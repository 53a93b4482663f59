//! The events of single invitations.

use crate::domain::events::{DomainEvent, InvitationEvent, InvitationSummary};
use crate::error::Result;
use crate::services::events;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::invitations::Invitation;

/// Publishes what was done to an invitation: `event` is a variant of [`InvitationEvent`] that takes
/// the summary.
pub(super) fn publish(
    tx: &mut UnitOfWork<'_>,
    invitation: &Invitation,
    event: impl FnOnce(InvitationSummary) -> InvitationEvent,
) -> Result<()> {
    let summary = InvitationSummary {
        email: invitation.email.clone(),
        account_type: invitation.account_type,
    };
    events::publish(tx, event_of(invitation, event(summary)))
}

/// An event of this invitation.
pub(super) fn event_of(invitation: &Invitation, event: InvitationEvent) -> DomainEvent {
    DomainEvent::Invitation {
        organization: invitation.organization_id,
        invitation: invitation.id,
        event,
    }
}

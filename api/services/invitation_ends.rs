//! How an invitation ends, with the seat that is reserved for it, and its events.

use super::events;
use super::unit_of_work::UnitOfWork;
use crate::domain::events::{DomainEvent, InvitationEvent, InvitationSummary};
use crate::domain::ids::{InvitationId, MailId};
use crate::domain::invitations::{InvitationKind, InvitationStatus};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::store::invitations::Invitation;
use crate::store::{Connection, invitations, mailed_tokens, seats};

/// Publishes what was done to an invitation: `event` is a variant of [`InvitationEvent`] that takes
/// the summary.
pub fn publish(
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
pub fn event_of(invitation: &Invitation, event: InvitationEvent) -> DomainEvent {
    DomainEvent::Invitation {
        organization: invitation.organization_id,
        invitation: invitation.id,
        event,
    }
}

/// Ends a locked invitation and releases the seat that is reserved for it. Its mail is withdrawn if it
/// was not sent yet. A link to join stays known, so that its bearer learns how the invitation ended; a
/// link that sets a password is deleted.
///
/// # Errors
/// `unavailable` where the invitation was answered at the same moment.
pub fn end(
    tx: &mut UnitOfWork<'_>,
    invitation: &Invitation,
    to: InvitationStatus,
    at: Timestamp,
) -> Result<()> {
    if invitation.holds_seat() {
        let (organization, account_type) = (invitation.organization_id, invitation.account_type);
        seats::release_reserved(tx.connection, organization, account_type, 1)?;
    }
    end_keeping_seat(tx, invitation, to, at)
}

/// Ends a locked invitation as [`end`] does, but leaves the reserved seat to the caller, who turns it
/// into a member's.
///
/// # Errors
/// As `end`.
pub fn end_keeping_seat(
    tx: &mut UnitOfWork<'_>,
    invitation: &Invitation,
    to: InvitationStatus,
    at: Timestamp,
) -> Result<()> {
    if !invitations::end(tx.connection, invitation, to, at)? {
        return Err(Error::conflict(
            "the invitation was answered at the same moment",
        ));
    }
    let mail: Vec<MailId> = invitation.mail_id.into_iter().collect();
    tx.withdraw_mails(&mail)?;
    if invitation.kind == InvitationKind::NewAccount && to != InvitationStatus::Expired {
        mailed_tokens::delete_of_invitation(tx.connection, invitation.id)?;
    }
    Ok(())
}

/// Locks an invitation; none where it has been answered or revoked meanwhile.
pub fn lock_unended(connection: &mut Connection, id: InvitationId) -> Result<Option<Invitation>> {
    let locked = invitations::lock(connection, id)?;
    Ok(locked.filter(|invitation| match invitation.status {
        InvitationStatus::Pending | InvitationStatus::Expired => true,
        InvitationStatus::Accepted | InvitationStatus::Declined | InvitationStatus::Revoked => {
            false
        }
    }))
}

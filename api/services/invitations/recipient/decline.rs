//! Invitations declined by the people whom they were sent to.

use super::key::{JOIN_LINKS, find_by_secret, owner, require_addressed_to, require_mailbox};
use crate::domain::events::InvitationEvent;
use crate::domain::ids::InvitationId;
use crate::domain::invitations::{InvitationKind, InvitationStatus};
use crate::error::{Error, Result};
use crate::services::authentication::require_own_proof;
use crate::services::context::Principal;
use crate::services::invitation_ends::end;
use crate::services::invitation_ends::publish;
use crate::services::invitations::errors::{ended, expired, unknown};
use crate::services::invitations::lifecycle::lock;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::invitations::Invitation;
use crate::store::{accounts, invitations};

/// Declines one of the caller's own invitations.
///
/// # Errors
/// `invitation_unknown`, `invitation_for_another_address`, `invitation_ended`, `invitation_expired`;
/// `email_not_verified`.
pub fn decline_own(tx: &mut UnitOfWork<'_>, id: InvitationId) -> Result<()> {
    require_own_proof(tx)?;
    tx.transaction(|tx| {
        let caller = tx.context.principal.session()?.account.id;
        let account = accounts::lock(tx.connection, caller)?.ok_or_else(Error::not_signed_in)?;
        let invitation = invitations::lock(tx.connection, id)?.ok_or_else(unknown)?;
        require_addressed_to(&invitation, &account)?;
        require_mailbox(&account)?;
        decline(tx, &invitation)
    })
}

/// Declines the invitation behind a mailed secret, whose bearer needs no session.
///
/// # Errors
/// `invitation_unknown`, `invitation_ended`, `invitation_expired`.
pub fn decline_mailed(tx: &mut UnitOfWork<'_>, secret: &str) -> Result<()> {
    tx.transaction(|tx| {
        let known = find_by_secret(tx.connection, secret, JOIN_LINKS)?;
        let invitation = lock(tx.connection, &known)?.ok_or_else(unknown)?;
        let owner = owner(tx.connection, &invitation)?;
        tx.acting_as(Principal::Owner(owner), |tx| decline(tx, &invitation))
    })
}

/// Declines a locked invitation. Declining again changes nothing.
fn decline(tx: &mut UnitOfWork<'_>, invitation: &Invitation) -> Result<()> {
    let now = tx.now();
    match invitation.status_at(now) {
        InvitationStatus::Pending if invitation.kind == InvitationKind::Join => {
            end(tx, invitation, InvitationStatus::Declined, now)?;
            publish(tx, invitation, InvitationEvent::Declined)
        }
        InvitationStatus::Declined => Ok(()),
        // The account that was made is a member already.
        InvitationStatus::Pending => Err(ended(InvitationStatus::Accepted)),
        InvitationStatus::Expired => Err(expired()),
        status @ (InvitationStatus::Accepted | InvitationStatus::Revoked) => Err(ended(status)),
    }
}

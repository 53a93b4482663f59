//! Invitations taken back by those who sent them.

use super::errors::{ended, no_such_invitation};
use super::lifecycle::end;
use super::manage::{find_visible, load};
use super::publication::publish;
use super::view::InvitationView;
use crate::domain::events::InvitationEvent;
use crate::domain::ids::{AccountId, InvitationId};
use crate::domain::invitations::{InvitationKind, InvitationStatus};
use crate::domain::organization::Role;
use crate::error::{Code, Error, Result};
use crate::services::authorization::{Invite, Permit};
use crate::services::offboarding::{self, Departure};
use crate::services::unit_of_work::UnitOfWork;
use crate::store::invitations::Invitation;
use crate::store::memberships::Membership;
use crate::store::{
    account_deletion, accounts, invitations, managed_accounts, memberships as membership_store,
    organizations,
};

/// Ends an invitation. An account that it made and nobody has used is deleted with it.
///
/// # Errors
/// `not_found`; `invitation_ended` where it has ended, or where its account is in use; `last_admin`
/// where that account has been made the only admin.
pub fn revoke(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<Invite>,
    id: InvitationId,
) -> Result<InvitationView> {
    tx.transaction(|tx| {
        let invitation = lock(tx, permit, id)?;
        let now = tx.now();
        match invitation.status_at(now) {
            InvitationStatus::Pending | InvitationStatus::Expired => {}
            status @ (InvitationStatus::Accepted
            | InvitationStatus::Declined
            | InvitationStatus::Revoked) => return Err(ended(status)),
        }
        end(tx, &invitation, InvitationStatus::Revoked, now)?;
        if invitation.kind == InvitationKind::NewAccount
            && let Some(account) = invitation.account_id
        {
            delete_account_of(tx, permit, account)?;
        }
        publish(tx, &invitation, InvitationEvent::Revoked)?;
        load(tx, id)
    })
}

/// Locks the organization and the account before the invitation: the order that every transaction
/// keeps.
fn lock(tx: &mut UnitOfWork<'_>, permit: &Permit<Invite>, id: InvitationId) -> Result<Invitation> {
    let known = find_visible(tx.connection, permit, id)?;
    organizations::lock(tx.connection, permit.organization.id)?;
    match (known.account_id, known.kind) {
        // It may be deleted: a stronger lock later would wait for those who wait for the invitation.
        (Some(account), InvitationKind::NewAccount) => {
            account_deletion::lock_for_deletion(tx.connection, account)?;
        }
        (Some(account), InvitationKind::Join) => {
            accounts::lock(tx.connection, account)?;
        }
        (None, InvitationKind::NewAccount | InvitationKind::Join) => {}
    }
    invitations::lock(tx.connection, id)?.ok_or_else(no_such_invitation)
}

/// Deletes the locked account that an invitation made. One that another organization has a share in by now
/// stays, and nobody manages it any more.
fn delete_account_of(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<Invite>,
    id: AccountId,
) -> Result<()> {
    let organization = permit.organization.id;
    let Some(account) = accounts::find(tx.connection, id)? else {
        return Ok(());
    };
    if account.is_used() {
        return Err(in_use());
    }
    if let Some(membership) = membership_store::find(tx.connection, organization, id)? {
        require_may_remove(permit, &membership)?;
        offboarding::end(tx, &membership, Departure::Removed)?;
    }
    if !account_deletion::delete_unused(tx.connection, id, organization)? {
        managed_accounts::release(tx.connection, organization, id)?;
    }
    Ok(())
}

fn in_use() -> Error {
    Error::refused(
        Code::InvitationEnded,
        "The account is in use: the invitation counts as accepted. Remove the member instead.",
    )
}

fn require_may_remove(permit: &Permit<Invite>, membership: &Membership) -> Result<()> {
    let is_staff = membership.account_type.is_staff() || membership.role == Role::Admin;
    if permit.restricted_to_manager().is_some() && is_staff {
        return Err(Error::forbidden(
            "They have become staff or an admin meanwhile: only admins take that back.",
        ));
    }
    Ok(())
}

//! Invitations taken back: by those who sent them, and with the right of those to send them.

use std::collections::BTreeSet;

use super::errors::{ended, no_such_invitation};
use super::manage::{beyond_reach, find_visible, group_ids, group_not_managed, load};
use super::view::InvitationView;
use crate::domain::events::InvitationEvent;
use crate::domain::ids::{AccountId, InvitationId, OrganizationId};
use crate::domain::invitations::{InvitationKind, InvitationStatus};
use crate::domain::organization::Role;
use crate::error::{Code, Error, Result};
use crate::services::authorization::{Invite, Permit};
use crate::services::invitation_ends::publish;
use crate::services::invitation_ends::{end, lock_unended};
use crate::services::offboarding::{self, Departure};
use crate::services::unit_of_work::UnitOfWork;
use crate::store::invitations::Invitation;
use crate::store::memberships::Membership;
use crate::store::{
    account_deletion, accounts, invitations, managed_accounts, member_list,
    memberships as membership_store, organizations,
};

/// Ends an invitation. An account that it made and nobody has used is deleted with it.
///
/// # Errors
/// `not_found`; `invitation_ended` where it has ended, or where its account is in use; `last_admin`
/// where that account has been made the only admin; `forbidden` where the caller manages its groups, or the member
/// whom it made, no more.
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
        let groups = group_ids(tx.connection, id)?;
        permit
            .require_within_reach(tx.connection, &groups, invitation.account_type)
            .map_err(beyond_reach)?;
        if invitation.kind == InvitationKind::NewAccount
            && let Some(account) = invitation.account_id
        {
            require_may_delete(tx, permit, account)?;
        }
        take_back(tx, &invitation)?;
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

/// Revokes what somebody has offered to future staff of an organization, which is locked: they may not let staff in
/// any more, and those who wait for an opportunity do not become staff by them. An account that is in use stays: its
/// invitation counts as accepted.
///
/// # Errors
/// `unavailable` where one is answered at the same moment.
pub fn revoke_of_staff_by(
    tx: &mut UnitOfWork<'_>,
    organization: OrganizationId,
    sender: AccountId,
) -> Result<()> {
    let known = invitations::unended_of_staff_by(tx.connection, organization, sender)?;
    let accounts: BTreeSet<_> = known.iter().filter_map(|one| one.account_id).collect();
    for account in accounts {
        account_deletion::lock_for_deletion(tx.connection, account)?;
    }
    let mut locked = Vec::new();
    for invitation in known {
        locked.extend(lock_unended(tx.connection, invitation.id)?);
    }
    for invitation in locked {
        if !is_in_use(tx, &invitation)? {
            take_back(tx, &invitation)?;
        }
    }
    Ok(())
}

/// Revokes what an operator has offered to future staff of organizations that they do not administer themselves; call
/// it in the transaction that takes the operator's right away.
///
/// # Errors
/// As [`revoke_of_staff_by`].
pub fn revoke_of_staff_by_operator(tx: &mut UnitOfWork<'_>, operator: AccountId) -> Result<()> {
    for organization in invitations::organizations_with_staff_by(tx.connection, operator)? {
        organizations::lock(tx.connection, organization)?;
        let membership = membership_store::find(tx.connection, organization, operator)?;
        if !membership.is_some_and(|membership| membership.is_active_admin()) {
            revoke_of_staff_by(tx, organization, operator)?;
        }
    }
    Ok(())
}

/// Whether the invitation made an account that somebody uses.
fn is_in_use(tx: &mut UnitOfWork<'_>, invitation: &Invitation) -> Result<bool> {
    let made = (invitation.kind == InvitationKind::NewAccount).then_some(invitation.account_id);
    let account = match made.flatten() {
        Some(account) => accounts::find(tx.connection, account)?,
        None => None,
    };
    Ok(account.is_some_and(|account| account.is_used()))
}

/// Ends a locked invitation, deletes the locked account that it made, and publishes it.
fn take_back(tx: &mut UnitOfWork<'_>, invitation: &Invitation) -> Result<()> {
    let now = tx.now();
    end(tx, invitation, InvitationStatus::Revoked, now)?;
    if invitation.kind == InvitationKind::NewAccount
        && let Some(account) = invitation.account_id
    {
        delete_account(tx, invitation.organization_id, account)?;
    }
    publish(tx, invitation, InvitationEvent::Revoked)
}

/// Deletes the locked account that an invitation made, and that nobody has used. One that another organization has a
/// share in by now stays, and nobody manages it any more.
fn delete_account(
    tx: &mut UnitOfWork<'_>,
    organization: OrganizationId,
    id: AccountId,
) -> Result<()> {
    if let Some(membership) = membership_store::find(tx.connection, organization, id)? {
        offboarding::end(tx, &membership, Departure::Removed)?;
    }
    if !account_deletion::delete_unused(tx.connection, id, organization)? {
        managed_accounts::release(tx.connection, organization, id)?;
    }
    Ok(())
}

/// Refuses an account that is in use, or that has become one which the caller may not remove.
fn require_may_delete(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<Invite>,
    id: AccountId,
) -> Result<()> {
    let account = accounts::find(tx.connection, id)?;
    if account.is_some_and(|account| account.is_used()) {
        return Err(in_use());
    }
    match membership_store::find(tx.connection, permit.organization.id, id)? {
        Some(membership) => require_may_remove(tx, permit, &membership),
        None => Ok(()),
    }
}

fn in_use() -> Error {
    Error::refused(
        Code::InvitationEnded,
        "The account is in use: the invitation counts as accepted. Remove the member instead.",
    )
}

fn require_may_remove(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<Invite>,
    membership: &Membership,
) -> Result<()> {
    let Some(manager) = permit.restricted_to_manager() else {
        return Ok(());
    };
    if membership.account_type.is_staff() || membership.role == Role::Admin {
        return Err(Error::forbidden(
            "They have become staff or an admin meanwhile: only admins take that back.",
        ));
    }
    let (organization, account) = (permit.organization.id, membership.account_id);
    let reached = member_list::within_reach(tx.connection, organization, manager, &[account])?;
    if reached.is_empty() {
        return Err(group_not_managed());
    }
    Ok(())
}

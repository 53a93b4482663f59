//! How invitations end, and what ends with them.

use crate::domain::events::InvitationEvent;
use crate::domain::ids::{AccountId, InvitationId, OrganizationId};
use crate::domain::invitations::{InvitationKind, InvitationStatus};
use crate::error::Result;
use crate::services::context::Principal;
use crate::services::invitation_ends::{end, lock_unended, publish};
use crate::services::unit_of_work::UnitOfWork;
use crate::store::invitations::Invitation;
use crate::store::{Connection, accounts, invitations};

/// Stores that a locked invitation has expired, and publishes it: the system does so, whoever meets
/// it. Its link can still ask for a new one.
///
/// # Errors
/// As `end`.
pub(super) fn expire(tx: &mut UnitOfWork<'_>, invitation: &Invitation) -> Result<()> {
    let at = invitation.expires_at;
    end(tx, invitation, InvitationStatus::Expired, at)?;
    tx.acting_as(Principal::System, |tx| {
        publish(tx, invitation, InvitationEvent::Expired)
    })
}

/// How many invitations [`expire_overdue`] reads at once.
const BATCH: i64 = 100;

/// Stores the expiry of all invitations that have expired and releases their seats. Any number of
/// processes may do so at once. Ends early where `stop` says so.
pub fn expire_overdue(tx: &mut UnitOfWork<'_>, stop: &dyn Fn() -> bool) -> Result<()> {
    let mut after = None;
    while !stop() {
        let overdue = invitations::overdue(tx.connection, tx.now(), after, BATCH)?;
        let Some(last) = overdue.last().copied() else {
            return Ok(());
        };
        for (_, id) in overdue {
            // One that cannot be handled does not keep the others waiting.
            if let Err(error) = tx.transaction(|tx| expire_if_overdue(tx, id)) {
                tracing::error!(%error, invitation = %id, "the expiry of an invitation is not stored");
            }
        }
        after = Some(last);
    }
    Ok(())
}

/// Checks again under the lock: the invitation may have been answered or renewed meanwhile.
fn expire_if_overdue(tx: &mut UnitOfWork<'_>, id: InvitationId) -> Result<()> {
    let now = tx.now();
    let locked = invitations::lock(tx.connection, id)?;
    let overdue = locked.filter(|invitation| {
        invitation.status == InvitationStatus::Pending
            && invitation.status_at(now) == InvitationStatus::Expired
    });
    match overdue {
        Some(invitation) => expire(tx, &invitation),
        None => Ok(()),
    }
}

/// Accepts the invitations that made an account, because its owner has begun to use it; call it in the
/// transaction that gives the account its password.
///
/// # Errors
/// As `end`.
pub fn accept_by_use(tx: &mut UnitOfWork<'_>, account: AccountId) -> Result<()> {
    for id in invitations::unended_of_account(tx.connection, account, None)? {
        if let Some(invitation) = lock_unended(tx.connection, id)?
            && invitation.kind == InvitationKind::NewAccount
        {
            let now = tx.now();
            end(tx, &invitation, InvitationStatus::Accepted, now)?;
            publish(tx, &invitation, InvitationEvent::Accepted)?;
        }
    }
    Ok(())
}

/// Revokes what the organization has offered to somebody who leaves it or is removed from it, so that
/// no old link lets them in again. Call it in the transaction that has locked the account and ends the
/// membership, before that.
///
/// # Errors
/// As `end`.
pub fn revoke_of_member(
    tx: &mut UnitOfWork<'_>,
    organization: OrganizationId,
    account: AccountId,
) -> Result<()> {
    revoke_of(tx, account, Some(organization))
}

/// Revokes what any organization has offered to an account; call it in the transaction that has locked the
/// account and deletes it, before that.
///
/// # Errors
/// As `end`.
pub fn revoke_of_account(tx: &mut UnitOfWork<'_>, account: AccountId) -> Result<()> {
    revoke_of(tx, account, None)
}

fn revoke_of(
    tx: &mut UnitOfWork<'_>,
    account: AccountId,
    organization: Option<OrganizationId>,
) -> Result<()> {
    for id in invitations::unended_of_account(tx.connection, account, organization)? {
        if let Some(invitation) = lock_unended(tx.connection, id)? {
            revoke(tx, &invitation)?;
        }
    }
    Ok(())
}

/// Whether any organization has invited the account, and nobody has answered yet.
///
/// # Errors
/// `unavailable` where the database is away.
pub fn is_invited(tx: &mut UnitOfWork<'_>, account: AccountId) -> Result<bool> {
    let unended = invitations::unended_of_account(tx.connection, account, None)?;
    Ok(!unended.is_empty())
}

/// Revokes a locked invitation, and publishes it.
///
/// # Errors
/// As `end`.
pub(super) fn revoke(tx: &mut UnitOfWork<'_>, invitation: &Invitation) -> Result<()> {
    let now = tx.now();
    end(tx, invitation, InvitationStatus::Revoked, now)?;
    publish(tx, invitation, InvitationEvent::Revoked)
}

/// Locks what any organization has offered to a locked account, and tells which organizations these are,
/// for a transaction that goes on to lock their seats.
pub fn lock_of_account(tx: &mut UnitOfWork<'_>, account: AccountId) -> Result<Vec<OrganizationId>> {
    let mut organizations = Vec::new();
    for id in invitations::unended_of_account(tx.connection, account, None)? {
        let locked = lock_unended(tx.connection, id)?;
        organizations.extend(locked.map(|invitation| invitation.organization_id));
    }
    Ok(organizations)
}

/// Locks an invitation after the account that it was sent to, the order that every transaction keeps;
/// none where it is deleted.
pub(super) fn lock(connection: &mut Connection, known: &Invitation) -> Result<Option<Invitation>> {
    if let Some(account) = known.account_id {
        accounts::lock(connection, account)?;
    }
    invitations::lock(connection, known.id)
}

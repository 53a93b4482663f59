//! How invitations end, and what goes with them.

use serde_json::json;

use crate::domain::audit::AuditAction;
use crate::domain::ids::{AccountId, InvitationId, MailId, OrganizationId};
use crate::domain::invitations::{InvitationKind, InvitationStatus};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::services::act::Act;
use crate::services::audit::{self, Event, Subject};
use crate::store::invitations::Invitation;
use crate::store::{Connection, accounts, invitations, mailed_tokens, mails, seats, transaction};

/// Ends an invitation that is locked, and gives the seat back that waits for it. What its mail says
/// does not hold any more, so it does not leave if it is still here. A link to join stays known, so
/// that whoever follows it is told how it ended; one that sets a password is killed.
pub(super) fn end(
    connection: &mut Connection,
    invitation: &Invitation,
    to: InvitationStatus,
    now: Timestamp,
) -> Result<()> {
    if invitation.holds_seat() {
        let (organization, account_type) = (invitation.organization_id, invitation.account_type);
        seats::release_reserved(connection, organization, account_type, 1)?;
    }
    end_beside_seat(connection, invitation, to, now)
}

/// As [`end`], where the caller turns the reserved seat into a member's.
pub(super) fn end_beside_seat(
    connection: &mut Connection,
    invitation: &Invitation,
    to: InvitationStatus,
    now: Timestamp,
) -> Result<()> {
    if !invitations::end(connection, invitation, to, now)? {
        return Err(Error::unavailable(
            "the invitation was answered at the same moment",
        ));
    }
    let mail: Vec<MailId> = invitation.mail_id.into_iter().collect();
    mails::withdraw(connection, &mail)?;
    if invitation.kind == InvitationKind::NewAccount && to != InvitationStatus::Expired {
        mailed_tokens::delete_of_invitation(connection, invitation.id)?;
    }
    Ok(())
}

/// Writes down that an invitation has expired; its link can still ask for a new one.
pub(super) fn expire(connection: &mut Connection, invitation: &Invitation) -> Result<()> {
    let at = invitation.expires_at;
    end(connection, invitation, InvitationStatus::Expired, at)
}

/// How many are settled at a time.
const BATCH: i64 = 100;

/// Settles invitations that have expired: written down as such, their seats given back. Any number of
/// processes may do so at once. Tells how many were settled.
///
/// # Errors
/// Where the database is away.
pub fn settle_expired(connection: &mut Connection, now: Timestamp) -> Result<usize> {
    let due = invitations::overdue(connection, now, BATCH)?;
    let mut settled = 0;
    for id in &due {
        // One that cannot be settled does not keep the others waiting.
        match transaction(connection, |connection| settle(connection, *id, now)) {
            Ok(()) => settled += 1,
            Err(error) => tracing::error!(%error, invitation = %id, "an invitation is not settled"),
        }
    }
    Ok(settled)
}

fn settle(connection: &mut Connection, id: InvitationId, now: Timestamp) -> Result<()> {
    match invitations::lock(connection, id)? {
        Some(invitation)
            if invitation.status == InvitationStatus::Pending
                && invitation.status_at(now) == InvitationStatus::Expired =>
        {
            expire(connection, &invitation)
        }
        // Answered or renewed meanwhile.
        _ => Ok(()),
    }
}

/// Notes that the owner of an account that an invitation made has begun to use it; call it in the
/// transaction that gives the account its password.
///
/// # Errors
/// Where the database is away.
pub fn note_account_used(connection: &mut Connection, account: AccountId, act: &Act) -> Result<()> {
    for id in invitations::unended_of_account(connection, account, None)? {
        let Some(invitation) = lock_unended(connection, id)? else {
            continue;
        };
        if invitation.kind == InvitationKind::NewAccount {
            end(connection, &invitation, InvitationStatus::Accepted, act.at)?;
            record(
                connection,
                act,
                &invitation,
                AuditAction::InvitationAccepted,
            )?;
        }
    }
    Ok(())
}

/// Takes back whatever the organization has offered to somebody who leaves it or is removed from it:
/// no old link lets them in again. Call it in the transaction of the offboarding, before the membership
/// ends.
///
/// # Errors
/// Where the database is away.
pub fn end_for_departure(
    connection: &mut Connection,
    organization: OrganizationId,
    account: AccountId,
    act: &Act,
) -> Result<()> {
    take_back(connection, account, Some(organization), act)
}

/// Takes back whatever any organization has offered to an account; call it in the transaction that
/// deletes the account, before that.
///
/// # Errors
/// Where the database is away.
pub fn end_all_of_account(
    connection: &mut Connection,
    account: AccountId,
    act: &Act,
) -> Result<()> {
    take_back(connection, account, None, act)
}

fn take_back(
    connection: &mut Connection,
    account: AccountId,
    organization: Option<OrganizationId>,
    act: &Act,
) -> Result<()> {
    accounts::lock(connection, account)?;
    for id in invitations::unended_of_account(connection, account, organization)? {
        if let Some(invitation) = lock_unended(connection, id)? {
            end(connection, &invitation, InvitationStatus::Revoked, act.at)?;
            record(connection, act, &invitation, AuditAction::InvitationRevoked)?;
        }
    }
    Ok(())
}

fn lock_unended(connection: &mut Connection, id: InvitationId) -> Result<Option<Invitation>> {
    let locked = invitations::lock(connection, id)?;
    Ok(locked.filter(|invitation| {
        matches!(
            invitation.status,
            InvitationStatus::Pending | InvitationStatus::Expired
        )
    }))
}

/// Writes down in the organization's log what was done to an invitation.
pub(super) fn record(
    connection: &mut Connection,
    act: &Act,
    invitation: &Invitation,
    action: AuditAction,
) -> Result<()> {
    let details = json!({ "email": invitation.email, "account_type": invitation.account_type });
    let subject = Subject::Invitation(invitation.id);
    let event = Event::within(invitation.organization_id, action, subject, details);
    audit::record(connection, act, event)
}

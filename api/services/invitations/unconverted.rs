//! [`accept_by_use`], [`revoke_of_member`] and [`revoke_of_account`] for services that have no unit of
//! work yet.
//!
//! [`accept_by_use`]: super::accept_by_use
//! [`revoke_of_member`]: super::revoke_of_member
//! [`revoke_of_account`]: super::revoke_of_account

use serde_json::json;

use super::lifecycle::{end, lock_unended};
use crate::domain::audit::AuditAction;
use crate::domain::ids::{AccountId, OrganizationId};
use crate::domain::invitations::{InvitationKind, InvitationStatus};
use crate::error::Result;
use crate::services::act::Act;
use crate::services::audit::{self, Event, Subject};
use crate::store::invitations::Invitation;
use crate::store::{Connection, accounts, invitations};

/// Accepts the invitations that made an account.
pub fn note_account_used(connection: &mut Connection, account: AccountId, act: &Act) -> Result<()> {
    for id in invitations::unended_of_account(connection, account, None)? {
        if let Some(invitation) = lock_unended(connection, id)?
            && invitation.kind == InvitationKind::NewAccount
        {
            end(connection, &invitation, InvitationStatus::Accepted, act.at)?;
            let action = AuditAction::InvitationAccepted;
            record(connection, act, &invitation, action)?;
        }
    }
    Ok(())
}

/// Revokes what the organization has offered to the account.
pub fn end_for_departure(
    connection: &mut Connection,
    organization: OrganizationId,
    account: AccountId,
    act: &Act,
) -> Result<()> {
    revoke_of(connection, account, Some(organization), act)
}

/// Revokes what any organization has offered to the account.
pub fn end_all_of_account(
    connection: &mut Connection,
    account: AccountId,
    act: &Act,
) -> Result<()> {
    revoke_of(connection, account, None, act)
}

fn revoke_of(
    connection: &mut Connection,
    account: AccountId,
    organization: Option<OrganizationId>,
    act: &Act,
) -> Result<()> {
    accounts::lock(connection, account)?;
    for id in invitations::unended_of_account(connection, account, organization)? {
        if let Some(invitation) = lock_unended(connection, id)? {
            end(connection, &invitation, InvitationStatus::Revoked, act.at)?;
            let action = AuditAction::InvitationRevoked;
            record(connection, act, &invitation, action)?;
        }
    }
    Ok(())
}

fn record(
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

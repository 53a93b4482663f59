//! Invitations as those who sent them manage them: list, find and resend.

use super::errors::no_such_invitation;
use super::lifecycle::lock;
use super::renewal::renew;
use super::view::InvitationView;
use crate::domain::email_address::EmailAddress;
use crate::domain::ids::{GroupId, InvitationId, OrganizationId};
use crate::error::{Code, Error, Result};
use crate::services::authorization::{Invite, Permission, Permit, ReadInvitations};
use crate::services::limits::{self, Limit, LimitRequest};
use crate::services::trust;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::invitations::{Invitation, InvitationQuery};
use crate::store::{Connection, invitations};

/// A page of invitations, the newest first; staff see those that they sent.
pub fn list(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ReadInvitations>,
    mut query: InvitationQuery,
) -> Result<Vec<InvitationView>> {
    query.sender = permit.restricted_to_manager();
    let (organization, now) = (permit.organization.id, tx.now());
    let found = invitations::list(tx.connection, organization, &query, now)?;
    InvitationView::of_all(tx.connection, found, now)
}

/// One invitation.
///
/// # Errors
/// `not_found` where there is none, or none that the caller may see.
pub fn find(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ReadInvitations>,
    id: InvitationId,
) -> Result<InvitationView> {
    let found = find_visible(tx.connection, permit, id)?;
    InvitationView::of(tx.connection, found, tx.now())
}

/// Refuses an invitation that the caller may not see, before a stored response tells of it.
///
/// # Errors
/// `not_found`.
pub fn require_visible(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<Invite>,
    id: InvitationId,
) -> Result<()> {
    find_visible(tx.connection, permit, id).map(|_| ())
}

/// An invitation that the permit lets its account see: staff see those that they sent.
///
/// # Errors
/// `not_found` otherwise.
pub(super) fn find_visible<P: Permission>(
    connection: &mut Connection,
    permit: &Permit<P>,
    id: InvitationId,
) -> Result<Invitation> {
    let sender = permit.restricted_to_manager();
    invitations::find_in_organization(connection, permit.organization.id, id, sender)?
        .ok_or_else(no_such_invitation)
}

/// The view of an invitation as it is stored now.
///
/// # Errors
/// `not_found` where it is deleted.
pub(super) fn load(tx: &mut UnitOfWork<'_>, id: InvitationId) -> Result<InvitationView> {
    let found = invitations::find(tx.connection, id)?.ok_or_else(no_such_invitation)?;
    InvitationView::of(tx.connection, found, tx.now())
}

/// Sends a new link, which replaces the old one, and gives the invitation its whole time again.
///
/// # Errors
/// `not_found`; `invitation_ended` where it was answered or revoked; `already_member` where the person
/// has joined in another way; `no_seat` where it had expired and no seat is free; `forbidden` where the
/// caller may not add people to its groups; `email_not_verified` of the sender; `rate_limited`.
pub fn resend(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<Invite>,
    id: InvitationId,
) -> Result<InvitationView> {
    tx.transaction(|tx| {
        let known = find_visible(tx.connection, permit, id)?;
        trust::require_verified_sender(tx)?;
        let locked = lock(tx.connection, &known)?;
        let invitation = locked.ok_or_else(no_such_invitation)?;
        let groups = group_ids(tx.connection, id)?;
        permit
            .require_within_reach(tx.connection, &groups, invitation.account_type)
            .map_err(beyond_reach)?;
        renew(tx, &invitation)?;
        limits::take(tx, &uses(&invitation.email, permit.organization.id))?;
        load(tx, id)
    })
}

/// The request names no groups, so that none of its fields is at fault.
pub(super) fn beyond_reach(error: Error) -> Error {
    match error.code() {
        Code::ValidationFailed => group_not_managed(),
        _ => error,
    }
}

/// The refusal of an invitation to a group that the caller does not manage any more.
pub fn group_not_managed() -> Error {
    Error::forbidden(
        "You do not manage all groups of this invitation any more. Ask their managers, or an admin.",
    )
}

pub(super) fn group_ids(connection: &mut Connection, id: InvitationId) -> Result<Vec<GroupId>> {
    let mut groups = invitations::groups_of(connection, &[id])?;
    let groups = groups.remove(&id).unwrap_or_default();
    Ok(groups.into_iter().map(|(group, _)| group).collect())
}

fn uses(email: &EmailAddress, organization: OrganizationId) -> [LimitRequest; 2] {
    [
        LimitRequest::one(Limit::MailToAddress, format!("invitation {email}")),
        LimitRequest::one(Limit::Invitations, organization.to_string()),
    ]
}

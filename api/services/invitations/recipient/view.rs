//! Invitations as the people see them whom they were sent to.

use super::key::{ALL_LINKS, find_by_secret};
use crate::domain::ids::GroupId;
use crate::domain::invitations::InvitationStatus;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::services::invitations::errors::{ended, unknown};
use crate::services::invitations::inviter::username_of_inviter;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::invitations::Invitation;
use crate::store::organizations::Organization;
use crate::store::{Connection, invitations, organizations};

/// An invitation as the person sees it whom it was sent to.
pub struct ReceivedInvitation {
    pub invitation: Invitation,
    pub status: InvitationStatus,
    pub organization: Organization,
    pub groups: Vec<(GroupId, String)>,
    pub invited_by: Option<String>,
}

impl ReceivedInvitation {
    fn of(
        connection: &mut Connection,
        invitation: Invitation,
        organization: Organization,
        now: Timestamp,
    ) -> Result<Self> {
        Ok(Self {
            status: invitation.status_at(now),
            groups: groups_of(connection, &invitation)?,
            invited_by: username_of_inviter(connection, &invitation)?,
            organization,
            invitation,
        })
    }
}

/// Shows the invitation behind a mailed secret; nothing changes. One that has expired is shown too.
///
/// # Errors
/// `invitation_unknown`; `invitation_ended` where it was declined or revoked.
pub fn preview(tx: &mut UnitOfWork<'_>, secret: &str) -> Result<ReceivedInvitation> {
    let invitation = find_by_secret(tx.connection, secret, ALL_LINKS)?;
    match invitation.status_at(tx.now()) {
        status @ (InvitationStatus::Declined | InvitationStatus::Revoked) => Err(ended(status)),
        InvitationStatus::Pending | InvitationStatus::Accepted | InvitationStatus::Expired => {
            let organization = organization_of(tx.connection, &invitation)?;
            ReceivedInvitation::of(tx.connection, invitation, organization, tx.now())
        }
    }
}

/// How many of their own invitations a person is shown.
const MAX_OWN: i64 = 200;

/// The invitations that wait for the caller's answer, the newest first. An account whose address is not
/// verified is shown none: anybody may have typed that address.
///
/// # Errors
/// As `Principal::session`.
pub fn of_caller(tx: &mut UnitOfWork<'_>) -> Result<Vec<ReceivedInvitation>> {
    let now = tx.now();
    let account = &tx.context.principal.session()?.account;
    if account.email_verified_at.is_none() {
        return Ok(Vec::new());
    }
    invitations::open_of_account(tx.connection, account.id, now, MAX_OWN)?
        .into_iter()
        .map(|(invitation, organization)| {
            ReceivedInvitation::of(tx.connection, invitation, organization, now)
        })
        .collect()
}

/// The organization that invites.
///
/// # Errors
/// `invitation_unknown` where it is deleted.
pub(super) fn organization_of(
    connection: &mut Connection,
    invitation: &Invitation,
) -> Result<Organization> {
    organizations::find(connection, invitation.organization_id)?.ok_or_else(unknown)
}

/// The groups that come with an invitation: id and name.
pub(super) fn groups_of(
    connection: &mut Connection,
    invitation: &Invitation,
) -> Result<Vec<(GroupId, String)>> {
    let mut groups = invitations::groups_of(connection, &[invitation.id])?;
    Ok(groups.remove(&invitation.id).unwrap_or_default())
}

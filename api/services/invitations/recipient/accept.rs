//! Invitations accepted by the people whom they were sent to.

use super::key::{
    InvitationKey, JOIN_LINKS, find_by_secret, require_addressed_to, require_mailbox,
};
use super::view::{groups_of, organization_of};
use crate::domain::events::{AddedBy, InvitationEvent, JoinedBy};
use crate::domain::ids::{AccountId, GroupId, InvitationId};
use crate::domain::invitations::{InvitationKind, InvitationStatus};
use crate::domain::organization::{JoinedVia, MembershipStatus, Role};
use crate::error::{Code, Error, Result};
use crate::services::admission::{self, Admission, SeatSource};
use crate::services::authentication::{require_own_proof, require_still_signed_in};
use crate::services::invitation_ends::publish;
use crate::services::invitation_ends::{end, end_keeping_seat};
use crate::services::invitations::errors::{ended, expired, unknown};
use crate::services::invite_codes::pending_joins;
use crate::services::trust;
use crate::services::unit_of_work::UnitOfWork;
use crate::services::verification::verify_email;
use crate::store::accounts::Account;
use crate::store::invitations::Invitation;
use crate::store::organizations::Organization;
use crate::store::{accounts, invitations, memberships};

/// What came of accepting.
pub struct Acceptance {
    pub invitation: InvitationId,
    pub organization: Organization,
    pub groups: Vec<(GroupId, String)>,
    /// Whether the person joined by it; otherwise they were a member before.
    pub joined: bool,
}

/// Accepts an invitation as the account that it was sent to. Accepting again changes nothing.
///
/// # Errors
/// `invitation_unknown`, `invitation_for_another_address`, `invitation_ended`, `invitation_expired`;
/// `email_not_verified` where only the id is given and the address is not verified, or where somebody else has
/// set the password; `forbidden` where the caller is a deactivated member.
pub fn accept(tx: &mut UnitOfWork<'_>, key: &InvitationKey) -> Result<Acceptance> {
    let caller = tx.context.principal.session()?.account.id;
    match accept_once(tx, key, caller) {
        // They have joined in another way at the same moment: the second try sees the membership.
        Err(error) if error.code() == Code::AlreadyMember => accept_once(tx, key, caller),
        accepted => accepted,
    }
}

/// Accepts the invitation of a mailed secret for its account, whose owner has come by single sign-on.
///
/// # Errors
/// As [`accept`].
pub fn accept_carried(tx: &mut UnitOfWork<'_>, secret: &str, account: AccountId) -> Result<()> {
    let key = InvitationKey::Token(secret.to_owned());
    accept_once(tx, &key, account).map(drop)
}

fn accept_once(
    tx: &mut UnitOfWork<'_>,
    key: &InvitationKey,
    caller: AccountId,
) -> Result<Acceptance> {
    tx.transaction(|tx| {
        let (invitation, account) = lock(tx, key, caller)?;
        let joined = match invitation.status_at(tx.now()) {
            InvitationStatus::Pending => join(tx, &invitation, &account)?,
            InvitationStatus::Accepted if is_member(tx, &invitation, &account)? => false,
            InvitationStatus::Expired => return Err(expired()),
            status @ (InvitationStatus::Accepted
            | InvitationStatus::Declined
            | InvitationStatus::Revoked) => return Err(ended(status)),
        };
        match key {
            InvitationKey::Token(_) => {
                verify_email(tx, &account)?;
            }
            InvitationKey::Id(_) => {}
        }
        Ok(Acceptance {
            invitation: invitation.id,
            organization: organization_of(tx.connection, &invitation)?,
            groups: groups_of(tx.connection, &invitation)?,
            joined,
        })
    })
}

/// Locks the caller's account, then the invitation, which has to be theirs to accept. Pending joins end
/// with a secret, which verifies the address: their codes are locked before the account, and all seats
/// that may be taken in the order of their organizations.
fn lock(
    tx: &mut UnitOfWork<'_>,
    key: &InvitationKey,
    caller: AccountId,
) -> Result<(Invitation, Account)> {
    let id = match key {
        InvitationKey::Token(secret) => {
            pending_joins::lock(tx, caller)?;
            find_by_secret(tx.connection, secret, JOIN_LINKS)?.id
        }
        InvitationKey::Id(id) => *id,
    };
    let account = accounts::lock(tx.connection, caller)?.ok_or_else(Error::not_signed_in)?;
    let invitation = invitations::lock(tx.connection, id)?.ok_or_else(unknown)?;
    require_still_signed_in(tx)?;
    require_addressed_to(&invitation, &account)?;
    match key {
        InvitationKey::Id(_) => {
            require_own_proof(tx)?;
            require_mailbox(&account)?;
        }
        InvitationKey::Token(_) => {
            require_own_password(&invitation, &account)?;
            pending_joins::lock_seats(tx, account.id, invitation.organization_id)?;
        }
    }
    Ok((invitation, account))
}

/// Refuses a password that another organization has set: its admins would be in this one too, by a link that
/// the owner follows.
fn require_own_password(invitation: &Invitation, account: &Account) -> Result<()> {
    if account.is_managed_by(invitation.organization_id) {
        return Ok(());
    }
    trust::require_own_password(account)
}

fn is_member(tx: &mut UnitOfWork<'_>, invitation: &Invitation, account: &Account) -> Result<bool> {
    let membership = memberships::find(tx.connection, invitation.organization_id, account.id)?;
    Ok(membership.is_some_and(|member| member.status == MembershipStatus::Active))
}

/// Admits the person, or adds the groups to a member; tells whether they joined.
fn join(tx: &mut UnitOfWork<'_>, invitation: &Invitation, account: &Account) -> Result<bool> {
    let groups = groups_of(tx.connection, invitation)?;
    let groups: Vec<GroupId> = groups.into_iter().map(|(group, _)| group).collect();
    let membership = memberships::find(tx.connection, invitation.organization_id, account.id)?;
    match membership.map(|member| member.status) {
        Some(MembershipStatus::Deactivated) => return Err(deactivated()),
        Some(MembershipStatus::Active) => {
            add_groups(tx, invitation, account, &groups)?;
            return Ok(false);
        }
        None if invitation.kind == InvitationKind::NewAccount => {
            return Err(ended(InvitationStatus::Revoked));
        }
        None => {}
    }
    admit(tx, invitation, account, &groups)?;
    Ok(true)
}

fn add_groups(
    tx: &mut UnitOfWork<'_>,
    invitation: &Invitation,
    account: &Account,
    groups: &[GroupId],
) -> Result<()> {
    let now = tx.now();
    end(tx, invitation, InvitationStatus::Accepted, now)?;
    let organization = invitation.organization_id;
    publish(tx, invitation, InvitationEvent::Accepted)?;
    for group in groups {
        let group = (organization, *group);
        admission::add_to_group(tx, group, &[account.id], AddedBy::Invitation)?;
    }
    Ok(())
}

/// Turns the seat that is reserved for the invitation into the new member's.
fn admit(
    tx: &mut UnitOfWork<'_>,
    invitation: &Invitation,
    account: &Account,
    groups: &[GroupId],
) -> Result<()> {
    let now = tx.now();
    end_keeping_seat(tx, invitation, InvitationStatus::Accepted, now)?;
    publish(tx, invitation, InvitationEvent::Accepted)?;
    let admission = Admission {
        organization: invitation.organization_id,
        account_type: invitation.account_type,
        role: Role::Member,
        via: JoinedVia::Invitation,
        groups: groups.to_vec(),
        seats: SeatSource::Reserved,
    };
    let by = JoinedBy::Invitation(invitation.id);
    admission::admit(tx, &[(account, by)], &admission)?;
    if invitation.account_type.is_staff() {
        // The address is verified, before or by the token.
        trust::end_other_sessions(tx, &[account.id])?;
    }
    Ok(())
}

fn deactivated() -> Error {
    Error::forbidden(
        "Your membership of this organization is deactivated. Ask the people who run it to \
         reactivate it.",
    )
}

//! Invitations, as those who got them answer: looked at, accepted, declined, renewed.

use serde_json::json;

use super::lifecycle::{end, end_beside_seat, record};
use super::{ended, expired, links, sender_name, unknown};
use crate::crypto::token::{Token, TokenKind};
use crate::domain::audit::AuditAction;
use crate::domain::email_address::EmailAddress;
use crate::domain::ids::{GroupId, InvitationId};
use crate::domain::invitations::{InvitationKind, InvitationStatus};
use crate::domain::organization::{JoinedVia, MembershipStatus, Role};
use crate::domain::timestamp::Timestamp;
use crate::error::{Code, Error, Result};
use crate::mail::Outbox;
use crate::services::accounts::verify_email;
use crate::services::act::Act;
use crate::services::admission::{self, SeatSource};
use crate::services::audit::{self, Event, Subject};
use crate::services::invite_codes::redemption;
use crate::services::sessions::SignedIn;
use crate::store::accounts::Account;
use crate::store::invitations::Invitation;
use crate::store::memberships::Admission;
use crate::store::organizations::Organization;
use crate::store::{
    Connection, accounts, invitations, mailed_tokens, memberships, organizations, transaction,
};

/// An invitation, as the person sees it that it was sent to.
pub struct ReceivedInvitation {
    pub invitation: Invitation,
    pub status: InvitationStatus,
    pub organization: Organization,
    pub groups: Vec<(GroupId, String)>,
    pub invited_by: Option<String>,
}

/// By what somebody names the invitation that they accept.
pub enum Joining {
    /// The secret of the mail: whoever has it reads the mailbox.
    ByToken(String),
    /// One of the caller's own invitations.
    ById(InvitationId),
}

/// What came of accepting.
pub struct Acceptance {
    pub invitation: InvitationId,
    pub organization: Organization,
    pub groups: Vec<(GroupId, String)>,
    /// Whether the person came in by it; they were in before otherwise.
    pub joined: bool,
}

/// The invitation behind a secret of one of these kinds.
fn mailed(connection: &mut Connection, text: &str, kinds: &[TokenKind]) -> Result<InvitationId> {
    for kind in kinds {
        let Some(token) = Token::presented(*kind, text) else {
            continue;
        };
        let known = mailed_tokens::find(connection, *kind, &token.hash())?;
        if let Some(id) = known.and_then(|token| token.invitation_id) {
            return Ok(id);
        }
    }
    Err(unknown())
}

/// Links to join, and those of new accounts that set a password.
const ANY_KIND: [TokenKind; 2] = [TokenKind::Invitation, TokenKind::SetPassword];

/// Shows the invitation behind a mailed secret; nothing changes. One that has expired is shown too.
///
/// # Errors
/// `invitation_unknown`; `invitation_ended` where it was declined or taken back.
pub fn preview(
    connection: &mut Connection,
    token: &str,
    now: Timestamp,
) -> Result<ReceivedInvitation> {
    let id = mailed(connection, token, &ANY_KIND)?;
    let invitation = invitations::find(connection, id)?.ok_or_else(unknown)?;
    match invitation.status_at(now) {
        status @ (InvitationStatus::Declined | InvitationStatus::Revoked) => Err(ended(status)),
        _ => {
            let organization = organization_of(connection, &invitation)?;
            show(connection, invitation, organization, now)
        }
    }
}

fn show(
    connection: &mut Connection,
    invitation: Invitation,
    organization: Organization,
    now: Timestamp,
) -> Result<ReceivedInvitation> {
    Ok(ReceivedInvitation {
        status: invitation.status_at(now),
        groups: groups_of(connection, &invitation)?,
        invited_by: sender_name(connection, &invitation)?,
        organization,
        invitation,
    })
}

fn organization_of(connection: &mut Connection, invitation: &Invitation) -> Result<Organization> {
    organizations::find(connection, invitation.organization_id)?.ok_or_else(unknown)
}

fn groups_of(
    connection: &mut Connection,
    invitation: &Invitation,
) -> Result<Vec<(GroupId, String)>> {
    let mut groups = invitations::groups_of(connection, &[invitation.id])?;
    Ok(groups.remove(&invitation.id).unwrap_or_default())
}

/// How many of one's own invitations are shown.
const MAX_OWN: i64 = 200;

/// What waits for the caller's answer, the newest first. An account that has not proved its address
/// may be anybody's who typed it: it is shown nothing.
pub fn of_caller(
    connection: &mut Connection,
    caller: &SignedIn,
) -> Result<Vec<ReceivedInvitation>> {
    if caller.account.email_verified_at.is_none() {
        return Ok(Vec::new());
    }
    let now = caller.act.at;
    invitations::open_of_account(connection, caller.account.id, now, MAX_OWN)?
        .into_iter()
        .map(|(invitation, organization)| show(connection, invitation, organization, now))
        .collect()
}

/// Accepts an invitation as the account that it was sent to. Accepting again changes nothing.
///
/// # Errors
/// `invitation_unknown`, `invitation_for_another_address`, `invitation_ended`, `invitation_expired`;
/// `email_not_verified` where only the id is given and nothing has proved the mailbox; `forbidden`
/// where the caller is a deactivated member.
pub fn accept(
    connection: &mut Connection,
    caller: &SignedIn,
    joining: &Joining,
) -> Result<Acceptance> {
    match accept_now(connection, caller, joining) {
        // They have come in by another door at the same moment: now that is seen.
        Err(error) if error.code() == Code::AlreadyMember => {
            accept_now(connection, caller, joining)
        }
        answer => answer,
    }
}

fn accept_now(
    connection: &mut Connection,
    caller: &SignedIn,
    joining: &Joining,
) -> Result<Acceptance> {
    let act = &caller.act;
    transaction(connection, |connection| {
        let id = match joining {
            Joining::ByToken(token) => mailed(connection, token, &[TokenKind::Invitation])?,
            Joining::ById(id) => *id,
        };
        let account =
            accounts::lock(connection, caller.account.id)?.ok_or_else(Error::not_signed_in)?;
        let invitation = invitations::lock(connection, id)?.ok_or_else(unknown)?;
        require_addressed_to(&invitation, &account)?;
        match joining {
            Joining::ById(_) => require_verified(&account)?,
            Joining::ByToken(_) => redemption::lock_pending_joins(connection, account.id)?,
        }
        let joined = match invitation.status_at(act.at) {
            InvitationStatus::Pending => join(connection, &invitation, &account, act)?,
            InvitationStatus::Accepted if is_in(connection, &invitation, &account)? => false,
            InvitationStatus::Expired => return Err(expired()),
            status => return Err(ended(status)),
        };
        if matches!(joining, Joining::ByToken(_)) {
            verify_email(connection, &account, act)?;
        }
        Ok(Acceptance {
            invitation: id,
            organization: organization_of(connection, &invitation)?,
            groups: groups_of(connection, &invitation)?,
            joined,
        })
    })
}

fn require_addressed_to(invitation: &Invitation, account: &Account) -> Result<()> {
    if invitation.account_id == Some(account.id) {
        return Ok(());
    }
    Err(Error::refused(
        Code::InvitationForAnotherAddress,
        "This invitation is for another address. Sign in with the address that it was sent to.",
    ))
}

fn require_verified(account: &Account) -> Result<()> {
    if account.email_verified_at.is_some() {
        return Ok(());
    }
    Err(Error::refused(
        Code::EmailNotVerified,
        "Nothing has proved yet that this address is yours. Follow the link in the invitation's \
         mail, or verify the address first.",
    ))
}

fn is_in(connection: &mut Connection, invitation: &Invitation, account: &Account) -> Result<bool> {
    let membership = memberships::find(connection, invitation.organization_id, account.id)?;
    Ok(membership.is_some_and(|member| member.status == MembershipStatus::Active))
}

/// Lets the person in, or adds the groups where they are in already; tells whether they came in.
fn join(
    connection: &mut Connection,
    invitation: &Invitation,
    account: &Account,
    act: &Act,
) -> Result<bool> {
    let organization = invitation.organization_id;
    let groups = groups_of(connection, invitation)?;
    let groups: Vec<GroupId> = groups.into_iter().map(|(group, _)| group).collect();
    let membership = memberships::find(connection, organization, account.id)?;
    let joined = match membership.map(|member| member.status) {
        Some(MembershipStatus::Deactivated) => return Err(deactivated()),
        Some(MembershipStatus::Active) => {
            end(connection, invitation, InvitationStatus::Accepted, act.at)?;
            admission::join_groups(connection, &[account.id], organization, &groups)?;
            false
        }
        None if invitation.kind == InvitationKind::NewAccount => {
            return Err(ended(InvitationStatus::Revoked));
        }
        None => {
            end_beside_seat(connection, invitation, InvitationStatus::Accepted, act.at)?;
            let admission = Admission {
                organization,
                account_type: invitation.account_type,
                role: Role::Member,
                joined_via: JoinedVia::Invitation,
                joined_at: act.at,
            };
            let who = std::slice::from_ref(account);
            admission::admit(connection, who, &admission, &groups, SeatSource::Reserved)?;
            true
        }
    };
    record(connection, act, invitation, AuditAction::InvitationAccepted)?;
    if joined {
        record_joined(connection, invitation, account, act)?;
    }
    Ok(joined)
}

fn record_joined(
    connection: &mut Connection,
    invitation: &Invitation,
    account: &Account,
    act: &Act,
) -> Result<()> {
    let details = json!({
        "via": JoinedVia::Invitation,
        "invitation_id": invitation.id,
        "account_type": invitation.account_type,
    });
    let subject = Subject::Account(account.id);
    let organization = invitation.organization_id;
    let event = Event::within(organization, AuditAction::MemberJoined, subject, details);
    audit::record(connection, act, event)
}

fn deactivated() -> Error {
    Error::forbidden(
        "Your membership of this organization is deactivated. Ask the people who run it to \
         reactivate it.",
    )
}

/// Declines one of the caller's own invitations.
///
/// # Errors
/// As [`accept`].
pub fn decline_own(connection: &mut Connection, caller: &SignedIn, id: InvitationId) -> Result<()> {
    transaction(connection, |connection| {
        let invitation = invitations::lock(connection, id)?.ok_or_else(unknown)?;
        require_addressed_to(&invitation, &caller.account)?;
        require_verified(&caller.account)?;
        decline(connection, &invitation, &caller.act)
    })
}

/// Declines the invitation behind a mailed secret: whoever has that needs no session.
///
/// # Errors
/// `invitation_unknown`, `invitation_ended`, `invitation_expired`.
pub fn decline_mailed(
    connection: &mut Connection,
    token: &str,
    act: impl FnOnce(&Account) -> Act,
) -> Result<()> {
    transaction(connection, |connection| {
        let id = mailed(connection, token, &[TokenKind::Invitation])?;
        let invitation = invitations::lock(connection, id)?.ok_or_else(unknown)?;
        let act = act(&recipient(connection, &invitation)?);
        decline(connection, &invitation, &act)
    })
}

fn recipient(connection: &mut Connection, invitation: &Invitation) -> Result<Account> {
    let account = invitation.account_id.ok_or_else(unknown)?;
    accounts::find(connection, account)?.ok_or_else(unknown)
}

fn decline(connection: &mut Connection, invitation: &Invitation, act: &Act) -> Result<()> {
    match invitation.status_at(act.at) {
        InvitationStatus::Pending if invitation.kind == InvitationKind::Join => {
            end(connection, invitation, InvitationStatus::Declined, act.at)?;
            record(connection, act, invitation, AuditAction::InvitationDeclined)
        }
        InvitationStatus::Declined => Ok(()),
        // The account that was made is a member already.
        InvitationStatus::Pending => Err(ended(InvitationStatus::Accepted)),
        InvitationStatus::Expired => Err(expired()),
        status => Err(ended(status)),
    }
}

/// The address that a mailed secret was sent to, so that mails to it can be limited.
///
/// # Errors
/// `invitation_unknown`.
pub fn address_of(connection: &mut Connection, token: &str) -> Result<EmailAddress> {
    let id = mailed(connection, token, &ANY_KIND)?;
    let invitation = invitations::find(connection, id)?.ok_or_else(unknown)?;
    Ok(invitation.email)
}

/// Sends a new link in the place of one that has expired, to the same mailbox; nothing where the old
/// one is still good, or where there is nothing to be invited to any more. Which of these it was is
/// not told: the answer reaches whoever holds an old mail.
///
/// # Errors
/// `invitation_unknown`.
pub fn renew(
    connection: &mut Connection,
    outbox: &Outbox,
    token: &str,
    act: impl FnOnce(&Account) -> Act,
    now: Timestamp,
) -> Result<()> {
    let renewed = transaction(connection, |connection| {
        let id = mailed(connection, token, &ANY_KIND)?;
        let invitation = invitations::lock(connection, id)?.ok_or_else(unknown)?;
        if invitation.status_at(now) != InvitationStatus::Expired {
            return Ok(());
        }
        let act = act(&recipient(connection, &invitation)?);
        links::renew(connection, outbox, &invitation, now)?;
        record(connection, &act, &invitation, AuditAction::InvitationResent)
    });
    match renewed {
        Err(error)
            if matches!(
                error.code(),
                Code::NoSeat | Code::AlreadyMember | Code::InvitationEnded
            ) =>
        {
            Ok(())
        }
        renewed => renewed,
    }
}

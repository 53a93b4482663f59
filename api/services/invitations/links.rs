//! The links of invitations: made, mailed, and made anew.

use super::{ended, sender_name};
use crate::crypto::token::{Token, TokenHash, TokenKind};
use crate::domain::ids::MailId;
use crate::domain::invitations::{InvitationKind, InvitationStatus, ValidDays};
use crate::domain::organization::MembershipStatus;
use crate::domain::timestamp::Timestamp;
use crate::error::{Code, Error, Result};
use crate::mail::outbox::QueuedMail;
use crate::mail::{MailContent, Outbox};
use crate::services::admission::{already_member, no_seat};
use crate::store::accounts::Account;
use crate::store::invitations::{Invitation, Reopened};
use crate::store::mailed_tokens::MailedToken;
use crate::store::organizations::Organization;
use crate::store::{
    Connection, accounts, invitations, mailed_tokens, mails, memberships, organizations, seats,
};

/// Who an invitation comes from, as its mail tells.
pub(super) struct From<'a> {
    pub organization: &'a Organization,
    pub person: Option<&'a str>,
}

/// A link that is on its way.
pub(super) struct Sent {
    pub mail: Option<MailId>,
    pub token: (TokenHash, MailedToken),
}

/// Makes the invitation's link and queues the mail with it. The caller keeps the token.
pub(super) fn send(
    connection: &mut Connection,
    outbox: &Outbox,
    from: &From<'_>,
    invitation: &Invitation,
    to: &Account,
    now: Timestamp,
) -> Result<Sent> {
    let kind = match invitation.kind {
        InvitationKind::NewAccount => TokenKind::SetPassword,
        InvitationKind::Join => TokenKind::Invitation,
    };
    let token = Token::generate(kind)?;
    let mail = QueuedMail {
        to,
        language: Some(invitation.language),
        organization: Some(from.organization.id),
        // Each link is a cause of its own.
        cause: format!("invitation {} link {}", invitation.id, invitation.links),
        content: content(outbox, from, invitation, to, &token),
    };
    Ok(Sent {
        mail: outbox.queue(connection, &mail, now)?,
        token: (
            token.hash(),
            MailedToken {
                kind,
                account_id: to.id,
                invitation_id: Some(invitation.id),
                created_at: now,
                expires_at: invitation.expires_at,
            },
        ),
    })
}

fn content(
    outbox: &Outbox,
    from: &From<'_>,
    invitation: &Invitation,
    to: &Account,
    token: &Token,
) -> MailContent {
    let organization = from.organization.name.clone();
    let invited_by = from.person.map(str::to_owned);
    let note = invitation.note.as_ref().map(ToString::to_string);
    let expires_at = invitation.expires_at;
    match invitation.kind {
        InvitationKind::NewAccount => MailContent::SignInInstructions {
            organization,
            invited_by,
            note,
            login: to.email.to_string(),
            link: outbox.links.set_password(token),
            expires_at,
        },
        InvitationKind::Join => MailContent::JoinLink {
            organization,
            invited_by,
            note,
            link: outbox.links.invitation(token),
            expires_at,
        },
    }
}

/// Gives an invitation that is locked, pending or expired, a new link and its whole time again. The
/// old link is dead from now on, and its mail does not leave any more if it is still here.
///
/// # Errors
/// `invitation_ended` where there is nothing left to accept, `already_member` where the person has
/// come in by another door, `no_seat` where the seat was given back and none is free.
pub(super) fn renew(
    connection: &mut Connection,
    outbox: &Outbox,
    invitation: &Invitation,
    now: Timestamp,
) -> Result<()> {
    match invitation.status_at(now) {
        InvitationStatus::Pending | InvitationStatus::Expired => {}
        status => return Err(ended(status)),
    }
    let to = recipient(connection, invitation)?;
    if invitation.status == InvitationStatus::Expired {
        take_up_again(connection, invitation)?;
    }
    let valid_for = ValidDays::new(invitation.valid_days).unwrap_or_default();
    let renewed = Invitation {
        links: invitation.links + 1,
        expires_at: valid_for.after(now),
        ..invitation.clone()
    };
    mailed_tokens::delete_of_invitation(connection, invitation.id)?;
    let old_mails: Vec<MailId> = invitation.mail_id.into_iter().collect();
    mails::withdraw(connection, &old_mails)?;
    let organization = organizations::find(connection, invitation.organization_id)?
        .ok_or_else(|| Error::not_found("organization"))?;
    let person = sender_name(connection, invitation)?;
    let from = From {
        organization: &organization,
        person: person.as_deref(),
    };
    let sent = send(connection, outbox, &from, &renewed, &to, now)?;
    mailed_tokens::insert_all(connection, &[sent.token])?;
    let reopened = Reopened {
        status: InvitationStatus::Pending,
        expires_at: renewed.expires_at,
        links: renewed.links,
        mail_id: sent.mail,
        ended_at: None,
    };
    invitations::reopen(connection, invitation.id, &reopened)
}

/// Whose answer is waited for.
fn recipient(connection: &mut Connection, invitation: &Invitation) -> Result<Account> {
    let gone = || ended(InvitationStatus::Revoked);
    let account = invitation.account_id.ok_or_else(gone)?;
    let account = accounts::find(connection, account)?.ok_or_else(gone)?;
    let membership = memberships::find(connection, invitation.organization_id, account.id)?;
    match (invitation.kind, membership) {
        (InvitationKind::NewAccount, _) if account.is_used() => {
            Err(ended(InvitationStatus::Accepted))
        }
        (InvitationKind::NewAccount, Some(member)) if member.status == MembershipStatus::Active => {
            Ok(account)
        }
        (InvitationKind::NewAccount, _) => Err(gone()),
        (InvitationKind::Join, Some(_)) => Err(already_member()),
        (InvitationKind::Join, None) => Ok(account),
    }
}

/// An expired one takes a seat again, and gives way to a newer one to the same address.
fn take_up_again(connection: &mut Connection, invitation: &Invitation) -> Result<()> {
    let organization = invitation.organization_id;
    if invitation.kind == InvitationKind::Join
        && seats::reserve_up_to(connection, organization, invitation.account_type, 1)? == 0
    {
        return Err(no_seat());
    }
    let address = std::slice::from_ref(&invitation.email);
    if invitations::pending_among(connection, organization, address)?.is_empty() {
        return Ok(());
    }
    Err(Error::refused(
        Code::InvitationEnded,
        "A newer invitation to this address is pending.",
    ))
}

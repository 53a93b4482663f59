//! The links of invitations: generated and mailed.

use super::inviter::Inviter;
use crate::crypto::token::{Token, TokenHash, TokenKind};
use crate::domain::ids::MailId;
use crate::domain::invitations::InvitationKind;
use crate::error::Result;
use crate::mail::MailContent;
use crate::mail::links::Links;
use crate::mail::outbox::QueuedMail;
use crate::services::sign_on_requirement::names_of;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::accounts::Account;
use crate::store::invitations::Invitation;
use crate::store::mailed_tokens::MailedToken;

/// A link whose mail is queued.
pub(super) struct QueuedLink {
    pub mail: Option<MailId>,
    pub token: (TokenHash, MailedToken),
}

/// Generates the link of an invitation and queues the mail with it. The caller stores the token.
pub(super) fn queue(
    tx: &mut UnitOfWork<'_>,
    inviter: &Inviter,
    (invitation, to): (&Invitation, &Account),
) -> Result<QueuedLink> {
    let (mail, token) = prepare(tx, inviter, (invitation, to))?;
    let mail = tx.queue_mail(&mail)?;
    Ok(QueuedLink { mail, token })
}

/// As [`queue`], of several invitations.
pub(super) fn queue_all(
    tx: &mut UnitOfWork<'_>,
    inviter: &Inviter,
    invitations: &[(Invitation, &Account)],
) -> Result<Vec<QueuedLink>> {
    let (mut mails, mut tokens) = (Vec::new(), Vec::new());
    for (invitation, to) in invitations {
        let (mail, token) = prepare(tx, inviter, (invitation, to))?;
        mails.push(mail);
        tokens.push(token);
    }
    let queued = tx.queue_mails(&mails)?.into_iter().zip(tokens);
    Ok(queued
        .map(|(mail, token)| QueuedLink { mail, token })
        .collect())
}

/// The mail of a new link, and its token to store.
fn prepare<'a>(
    tx: &UnitOfWork<'_>,
    inviter: &Inviter,
    (invitation, to): (&Invitation, &'a Account),
) -> Result<(QueuedMail<'a>, (TokenHash, MailedToken))> {
    let token = Token::generate(token_kind(invitation.kind))?;
    let link = link_to(&tx.services.outbox.links, inviter, (invitation, to, &token));
    let stored = (token.hash(), mailed(tx, invitation, to));
    Ok((mail(inviter, invitation, to, link), stored))
}

fn mailed(tx: &UnitOfWork<'_>, invitation: &Invitation, to: &Account) -> MailedToken {
    MailedToken {
        kind: token_kind(invitation.kind),
        account_id: to.id,
        invitation_id: Some(invitation.id),
        created_at: tx.now(),
        expires_at: invitation.expires_at,
        used_at: None,
    }
}

fn mail<'a>(
    inviter: &Inviter,
    invitation: &Invitation,
    to: &'a Account,
    link: String,
) -> QueuedMail<'a> {
    QueuedMail {
        to,
        language: Some(invitation.language),
        priority: None,
        organization: Some(inviter.organization.id),
        // Each link is a cause of its own, so that each gets its mail.
        cause: format!("invitation {} link {}", invitation.id, invitation.links),
        content: content(inviter, invitation, to, link),
    }
}

const fn token_kind(kind: InvitationKind) -> TokenKind {
    match kind {
        InvitationKind::NewAccount => TokenKind::SetPassword,
        InvitationKind::Join => TokenKind::Invitation,
    }
}

/// Where single sign-on is required, a password opens nothing of the organization: a new account is opened by the flow of
/// a connection, which carries the token.
fn link_to(
    links: &Links,
    inviter: &Inviter,
    (invitation, to, token): (&Invitation, &Account, &Token),
) -> String {
    let address = to.email.as_str();
    match (invitation.kind, inviter.connections.as_slice()) {
        (InvitationKind::Join, _) => links.invitation(token),
        (InvitationKind::NewAccount, []) => links.set_password(token),
        (InvitationKind::NewAccount, [only]) => links.start_invited(only.id, (address, token)),
        (InvitationKind::NewAccount, _) => links.sign_in_invited(address, token),
    }
}

fn content(inviter: &Inviter, invitation: &Invitation, to: &Account, link: String) -> MailContent {
    let organization = inviter.organization.name.clone();
    let invited_by = inviter.username.clone();
    let note = invitation.note.as_ref().map(ToString::to_string);
    let expires_at = invitation.expires_at;
    let connections = names_of(&inviter.connections);
    match invitation.kind {
        InvitationKind::NewAccount => MailContent::SignInInstructions {
            organization,
            invited_by,
            note,
            login: to.email.to_string(),
            connections,
            link,
            expires_at,
        },
        InvitationKind::Join => MailContent::JoinLink {
            organization,
            invited_by,
            note,
            connections,
            link,
            expires_at,
        },
    }
}

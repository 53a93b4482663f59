//! How recipients name an invitation, and what their key proves.

use crate::crypto::token::{Token, TokenKind};
use crate::domain::email_address::EmailAddress;
use crate::domain::ids::{InvitationId, OrganizationId};
use crate::domain::invitations::InvitationStatus;
use crate::error::Result;
use crate::services::invitations::errors::{
    ended, expired, for_another_address, mailbox_unproved, unknown,
};
use crate::services::trust;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::accounts::Account;
use crate::store::invitations::Invitation;
use crate::store::{Connection, accounts, invitations, mailed_tokens};

/// How a recipient names an invitation.
#[derive(Clone)]
pub enum InvitationKey {
    /// The secret of the mail, which proves that its bearer reads the mailbox.
    Token(String),
    /// The id of one of the caller's own invitations.
    Id(InvitationId),
}

/// The kind of the links that are answered: those to join.
pub(super) const JOIN_LINKS: &[TokenKind] = &[TokenKind::Invitation];

/// Links to join, and links of new accounts, which set a password.
pub(super) const ALL_LINKS: &[TokenKind] = &[TokenKind::Invitation, TokenKind::SetPassword];

/// The invitation behind a secret of one of these kinds.
///
/// # Errors
/// `invitation_unknown`.
pub(super) fn find_by_secret(
    connection: &mut Connection,
    secret: &str,
    kinds: &[TokenKind],
) -> Result<Invitation> {
    for kind in kinds {
        let Some(token) = Token::presented(*kind, secret) else {
            continue;
        };
        let known = mailed_tokens::find(connection, *kind, &token.hash())?;
        if let Some(id) = known.and_then(|token| token.invitation_id) {
            return invitations::find(connection, id)?.ok_or_else(unknown);
        }
    }
    Err(unknown())
}

/// The address that a mailed secret was sent to, so that mails to it can be limited.
///
/// # Errors
/// `invitation_unknown`.
pub fn address_of(tx: &mut UnitOfWork<'_>, secret: &str) -> Result<EmailAddress> {
    let invitation = find_by_secret(tx.connection, secret, ALL_LINKS)?;
    Ok(invitation.email)
}

/// The invitation to an organization that somebody carries by a mailed secret, which waits or was accepted, with the
/// account that it is for.
///
/// # Errors
/// `invitation_unknown`, also of another organization's; `invitation_expired`, `invitation_ended`.
pub fn carried(
    tx: &mut UnitOfWork<'_>,
    (secret, organization): (&str, OrganizationId),
) -> Result<(Invitation, Account)> {
    let invitation = find_by_secret(tx.connection, secret, ALL_LINKS)?;
    if invitation.organization_id != organization {
        return Err(unknown());
    }
    match invitation.status_at(tx.now()) {
        InvitationStatus::Pending | InvitationStatus::Accepted => {}
        InvitationStatus::Expired => return Err(expired()),
        status @ (InvitationStatus::Declined | InvitationStatus::Revoked) => {
            return Err(ended(status));
        }
    }
    let account = owner(tx.connection, &invitation)?;
    Ok((invitation, account))
}

/// The account that an invitation was sent to, which a secret from its mail proves to be the bearer's.
///
/// # Errors
/// `invitation_unknown` where the account is deleted.
pub(super) fn owner(connection: &mut Connection, invitation: &Invitation) -> Result<Account> {
    let account = invitation.account_id.ok_or_else(unknown)?;
    accounts::find(connection, account)?.ok_or_else(unknown)
}

/// Refuses an account other than the one that the invitation was sent to.
///
/// # Errors
/// `invitation_for_another_address`.
pub(super) fn require_addressed_to(invitation: &Invitation, account: &Account) -> Result<()> {
    if invitation.account_id == Some(account.id) {
        return Ok(());
    }
    Err(for_another_address())
}

/// Refuses a session that does not prove the mailbox ([`trust::has_mailbox`]): whoever has set the password could
/// answer in the owner's place.
///
/// # Errors
/// `email_not_verified`.
pub(super) fn require_mailbox(account: &Account) -> Result<()> {
    trust::require_own_password(account)?;
    match account.email_verified_at {
        Some(_) => Ok(()),
        None => Err(mailbox_unproved()),
    }
}

//! Passwords: changed by who knows the old one, set by who shows a link from their mailbox
//! (PRODUCT 3.3).
//!
//! Hashing happens between these functions, never in them: a connection is not held meanwhile.

use std::time::Duration;

use serde_json::json;

use super::accounts::{verify_email, wrong_credentials};
use super::act::Act;
use super::audit::{self, Event, Subject};
use super::invitations;
use super::sessions::SignedIn;
use crate::clock::new_id;
use crate::crypto::token::{Token, TokenKind};
use crate::domain::audit::AuditAction;
use crate::domain::email_address::EmailAddress;
use crate::domain::ids::MailId;
use crate::domain::timestamp::Timestamp;
use crate::error::{Code, Error, Result};
use crate::mail::outbox::QueuedMail;
use crate::mail::{MailContent, Outbox};
use crate::store::accounts::{self, Account};
use crate::store::mailed_tokens::{self, MailedToken};
use crate::store::{Connection, sessions, transaction};

/// How long a link for a forgotten password is good.
pub const RESET_LIFETIME: Duration = Duration::from_secs(60 * 60);

/// Changes the caller's password, who has just proved the current one, ends every other session, and
/// kills the links that would set another. The owner is told by mail.
///
/// # Errors
/// `wrong_credentials` where the password has been changed meanwhile.
pub fn change(
    connection: &mut Connection,
    outbox: &Outbox,
    caller: &SignedIn,
    new: &str,
) -> Result<()> {
    let (account, act) = (&caller.account, &caller.act);
    transaction(connection, |connection| {
        let known = account.password_hash.as_deref().unwrap_or_default();
        if !accounts::replace_password_hash(connection, account.id, known, new)? {
            return Err(wrong_credentials());
        }
        accounts::clear_must_change_password(connection, account.id)?;
        mailed_tokens::delete_of_account(connection, account.id, TokenKind::SetPassword)?;
        let ended = sessions::delete_all(connection, account.id, Some(caller.session))?;
        let details = json!({ "ended_sessions": ended });
        let subject = Subject::Account(account.id);
        let event = Event::outside(AuditAction::AccountPasswordChanged, subject, details);
        audit::record(connection, act, event)?;
        tell_of_change(connection, outbox, account, act.at)
    })
}

fn tell_of_change(
    connection: &mut Connection,
    outbox: &Outbox,
    account: &Account,
    now: Timestamp,
) -> Result<()> {
    let mail = QueuedMail {
        to: account,
        language: None,
        organization: None,
        cause: format!("password changed {} {}", account.id, new_id::<MailId>()),
        content: MailContent::PasswordChanged {
            login: account.email.to_string(),
            by_organization: None,
            at: now,
        },
    };
    outbox.queue(connection, &mail, now)?;
    Ok(())
}

/// Has a link to choose a new password mailed to this address, if it has an account that can use it.
/// Whoever asks does not learn whether. Links that were mailed before stay good for their hour:
/// asking must not take from the owner what they have in their hands.
///
/// # Errors
/// Where the database is away.
pub fn forgot(
    connection: &mut Connection,
    outbox: &Outbox,
    email: &EmailAddress,
    now: Timestamp,
) -> Result<()> {
    let account = accounts::find_by_email(connection, email)?
        .filter(|account| account.deactivated_at.is_none() && !account.generated_address);
    let Some(account) = account else {
        return Ok(());
    };
    let token = Token::generate(TokenKind::SetPassword)?;
    let expires_at = now.plus(RESET_LIFETIME);
    let mail = QueuedMail {
        to: &account,
        language: None,
        organization: None,
        cause: format!("password forgotten {} {}", account.id, new_id::<MailId>()),
        content: MailContent::PasswordReset {
            link: outbox.links.set_password(&token),
            expires_at,
        },
    };
    let kept = MailedToken {
        kind: TokenKind::SetPassword,
        account_id: account.id,
        invitation_id: None,
        created_at: now,
        expires_at,
    };
    transaction(connection, |connection| {
        mailed_tokens::insert(connection, &token.hash(), &kept)?;
        outbox.queue(connection, &mail, now)?;
        Ok(())
    })
}

/// Refuses a link that sets no password any more, before anybody hashes one for it.
///
/// # Errors
/// `token_invalid`; `account_deactivated`, which only who has the mailbox learns.
pub fn require_good(connection: &mut Connection, presented: &str, now: Timestamp) -> Result<()> {
    bearer(connection, presented, now).map(|_| ())
}

fn bearer(
    connection: &mut Connection,
    presented: &str,
    now: Timestamp,
) -> Result<(Token, Account)> {
    let token = Token::presented(TokenKind::SetPassword, presented).ok_or_else(not_good)?;
    let known = mailed_tokens::find(connection, TokenKind::SetPassword, &token.hash())?
        .ok_or_else(not_good)?;
    if known.expires_at <= now {
        return Err(match known.invitation_id {
            Some(_) => invitation_over(),
            None => not_good(),
        });
    }
    let account = accounts::find(connection, known.account_id)?.ok_or_else(not_good)?;
    if account.deactivated_at.is_some() {
        return Err(deactivated());
    }
    Ok((token, account))
}

/// Sets the password by a mailed link, which is good once. That proves the mailbox; every other such
/// link is dead by it, every session ends, and the owner is told by mail, unless it is the first
/// password of an account that was made for them.
///
/// # Errors
/// `token_invalid` where it was used, replaced or has expired; `account_deactivated`.
pub fn reset(
    connection: &mut Connection,
    outbox: &Outbox,
    presented: &str,
    hash: &str,
    act: impl FnOnce(&Account) -> Act,
    now: Timestamp,
) -> Result<()> {
    let (token, account) = bearer(connection, presented, now)?;
    let act = act(&account);
    transaction(connection, |connection| {
        // The account before its links: of two links that are used at once, one waits for the other.
        if !accounts::set_own_password(connection, account.id, hash)? {
            // Deactivated at this moment, or gone with the invitation that had made it.
            let now_refused = bearer(connection, presented, now).err();
            return Err(now_refused.unwrap_or_else(deactivated));
        }
        if !mailed_tokens::consume(connection, TokenKind::SetPassword, &token.hash(), now)? {
            return Err(not_good());
        }
        mailed_tokens::delete_of_account(connection, account.id, TokenKind::SetPassword)?;
        let ended = sessions::delete_all(connection, account.id, None)?;
        let details = json!({ "ended_sessions": ended });
        let subject = Subject::Account(account.id);
        let event = Event::outside(AuditAction::AccountPasswordReset, subject, details);
        audit::record(connection, &act, event)?;
        invitations::note_account_used(connection, account.id, &act)?;
        verify_email(connection, &account, &act)?;
        match account.password_hash {
            Some(_) => tell_of_change(connection, outbox, &account, now),
            None => Ok(()),
        }
    })
}

fn not_good() -> Error {
    Error::refused(
        Code::TokenInvalid,
        "This link was used, was replaced by another, or has expired. Ask for a new one at \
         /v1/auth/password/forgot.",
    )
}

fn invitation_over() -> Error {
    Error::refused(
        Code::TokenInvalid,
        "The invitation that this link belongs to has expired. Ask for a new link at \
         /v1/invitations/renew: it goes to the same mailbox.",
    )
}

pub(super) fn deactivated() -> Error {
    Error::refused(
        Code::AccountDeactivated,
        "This account is deactivated. Ask the people who run your organization.",
    )
}

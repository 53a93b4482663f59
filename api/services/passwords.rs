//! Passwords: changed by a person who knows the old one, set by a person who shows a link from their
//! mailbox (`docs/accounts.md`).
//!
//! Hashing happens between these functions, never in them: no connection is held meanwhile.

use std::time::Duration;

use super::authentication::require_own_proof;
use super::context::Principal;
use super::credentials;
use super::events;
use super::invitations;
use super::invite_codes::pending_joins;
use super::known_networks;
use super::limits::{self, Limit, LimitRequest};
use super::mailed_links;
use super::unit_of_work::UnitOfWork;
use super::verification::verify_email;
use crate::clock::new_id;
use crate::crypto::token::{Token, TokenKind};
use crate::domain::client_address::Client;
use crate::domain::email_address::EmailAddress;
use crate::domain::events::{AccountEvent, DomainEvent};
use crate::domain::ids::MailId;
use crate::domain::jobs::Priority;
use crate::error::{Code, Error, Result};
use crate::mail::MailContent;
use crate::mail::mailbox_limit::SendTime;
use crate::mail::outbox::QueuedMail;
use crate::store::accounts::{self, Account};
use crate::store::{account_passwords, mailed_tokens, sessions};

/// How long a link for a forgotten password is good.
const RESET_LIFETIME: Duration = Duration::from_secs(60 * 60);

/// Changes the signed-in person's password, ends every other session, and revokes the links that would
/// set another. The owner is told by mail. `proved` is the account whose password they have just given.
///
/// # Errors
/// `wrong_credentials` where the password has been changed meanwhile; `session_confined` in a session that was made by an
/// identity provider.
pub fn change(tx: &mut UnitOfWork<'_>, proved: &Account, new: &str) -> Result<()> {
    require_own_proof(tx)?;
    let current = tx.context.principal.session()?.session;
    tx.transaction(|tx| {
        let id = proved.id;
        if !account_passwords::change(tx.connection, proved, new)? {
            return Err(Error::wrong_password("/current_password"));
        }
        mailed_tokens::delete_of_account(tx.connection, id, TokenKind::SetPassword)?;
        let ended_sessions = sessions::delete_all(tx.connection, id, Some(current))?;
        publish(tx, proved, AccountEvent::PasswordChanged { ended_sessions })?;
        mail_change(tx, proved)
    })
}

fn publish(tx: &mut UnitOfWork<'_>, account: &Account, event: AccountEvent) -> Result<()> {
    let account = account.id;
    events::publish(tx, DomainEvent::Account { account, event })
}

fn mail_change(tx: &mut UnitOfWork<'_>, account: &Account) -> Result<()> {
    let now = tx.now();
    let mail = QueuedMail {
        to: account,
        language: None,
        priority: None,
        organization: None,
        cause: format!("password changed {} {}", account.id, new_id::<MailId>()),
        content: MailContent::PasswordChanged {
            login: account.email.to_string(),
            by_organization: None,
            connections: String::new(),
            at: now,
        },
    };
    tx.queue_mail(&mail)?;
    Ok(())
}

/// Mails a link to choose a new password to this address, if it has an account that can use it. The
/// client does not learn whether. Links that were mailed before stay good for their hour: a stranger
/// who asks must not take them from the owner.
///
/// Where the client has used up its mails, those beside it are not refused: their mails go behind what others
/// wait for.
///
/// # Errors
/// `rate_limited` after too many mails to the address.
pub fn forgot(tx: &mut UnitOfWork<'_>, email: &EmailAddress, client: &Client) -> Result<()> {
    tx.transaction(|tx| {
        let by_client = LimitRequest::by_client(Limit::MailFromClient, client);
        match limits::take(tx, &by_client) {
            Ok(()) => mail_in_turn(tx, email),
            Err(refused) if refused.code() == Code::RateLimited => mail_behind(tx, email),
            Err(error) => Err(error),
        }
    })
}

/// Counts the mail before the account is looked up.
fn mail_in_turn(tx: &mut UnitOfWork<'_>, email: &EmailAddress) -> Result<()> {
    limits::take(tx, &[to_address(email)])?;
    match who_forgot(tx, email)? {
        Some(account) => mail_link(tx, &account, None),
        None => Ok(()),
    }
}

/// Counts the mail to an account only, so that a flood of made-up addresses leaves nothing behind. The client
/// does not learn that the address has had its mails: that would tell of the account.
fn mail_behind(tx: &mut UnitOfWork<'_>, email: &EmailAddress) -> Result<()> {
    let Some(account) = who_forgot(tx, email)? else {
        return Ok(());
    };
    let counted = limits::take(tx, &[to_address(email)]);
    tx.context.limit_states.forget(&[Limit::MailToAddress]);
    match counted {
        Ok(()) => mail_link(tx, &account, Some(Priority::Bulk)),
        Err(refused) if refused.code() == Code::RateLimited => Ok(()),
        Err(error) => Err(error),
    }
}

fn to_address(email: &EmailAddress) -> LimitRequest {
    LimitRequest::one(Limit::MailToAddress, email.as_str())
}

fn who_forgot(tx: &mut UnitOfWork<'_>, email: &EmailAddress) -> Result<Option<Account>> {
    let account = accounts::find_by_email(tx.connection, email)?;
    Ok(account.filter(|account| account.deactivated_at.is_none() && !account.generated_address))
}

fn mail_link(tx: &mut UnitOfWork<'_>, account: &Account, priority: Option<Priority>) -> Result<()> {
    let (token, expires_at) =
        mailed_links::issue(tx, TokenKind::SetPassword, account.id, RESET_LIFETIME)?;
    let mail = QueuedMail {
        to: account,
        language: None,
        priority,
        organization: None,
        cause: format!("password forgotten {} {}", account.id, new_id::<MailId>()),
        content: MailContent::PasswordReset {
            link: tx.services.outbox.links.set_password(&token),
            expires_at,
        },
    };
    tx.queue_limited_mail(&mail, SendTime::Now)?;
    Ok(())
}

/// Refuses a link that sets no password any more, before a password is hashed for it, and gives its account.
///
/// # Errors
/// `token_invalid`; `account_deactivated`, which only the owner of the mailbox learns.
pub fn require_good(tx: &mut UnitOfWork<'_>, presented: &str) -> Result<Account> {
    bearer(tx, presented).map(|(_, account)| account)
}

fn bearer(tx: &mut UnitOfWork<'_>, presented: &str) -> Result<(Token, Account)> {
    let token = Token::presented(TokenKind::SetPassword, presented).ok_or_else(not_good)?;
    let known = mailed_tokens::find(tx.connection, TokenKind::SetPassword, &token.hash())?
        .ok_or_else(not_good)?;
    if known.expires_at <= tx.now() {
        return Err(match known.invitation_id {
            Some(_) => invitation_over(),
            None => not_good(),
        });
    }
    let account = accounts::find(tx.connection, known.account_id)?.ok_or_else(not_good)?;
    if account.deactivated_at.is_some() {
        return Err(Error::account_deactivated());
    }
    Ok((token, account))
}

/// Sets the password by a mailed link, which is good once. That proves the mailbox; it revokes every
/// other such link and ends every session; where it is the first proof of the mailbox, API keys too. The owner is told by mail, unless it is the first password
/// of an account that was created for them.
///
/// # Errors
/// `token_invalid` where it was used, replaced or has expired; `account_deactivated`.
pub fn reset(tx: &mut UnitOfWork<'_>, presented: &str, hash: &str, client: &Client) -> Result<()> {
    let (token, account) = bearer(tx, presented)?;
    tx.acting_as(Principal::Owner(account.clone()), |tx| {
        tx.transaction(|tx| {
            pending_joins::lock(tx, account.id)?;
            // The account before its links: of two links that are used at once, one waits for the
            // other.
            if !account_passwords::set_own(tx.connection, account.id, hash)? {
                // Deactivated at this moment, or gone with the invitation that had made it.
                let refusal = bearer(tx, presented).err();
                return Err(refusal.unwrap_or_else(Error::account_deactivated));
            }
            use_up(tx, &token, &account)?;
            known_networks::remember(tx, account.id, client)?;
            let ended_sessions = end_sessions(tx, &account)?;
            publish(tx, &account, AccountEvent::PasswordReset { ended_sessions })?;
            invitations::accept_by_use(tx, account.id)?;
            verify_email(tx, &account)?;
            match account.password_hash {
                Some(_) => mail_change(tx, &account),
                None => Ok(()),
            }
        })
    })
}

/// Ends every session; where nothing had proved the mailbox, API keys and identities too.
fn end_sessions(tx: &mut UnitOfWork<'_>, account: &Account) -> Result<usize> {
    if account.email_verified_at.is_none() {
        return credentials::revoke_before_first_proof(tx, account.id, None);
    }
    sessions::delete_all(tx.connection, account.id, None)
}

/// Uses a link up and revokes the account's others.
fn use_up(tx: &mut UnitOfWork<'_>, token: &Token, account: &Account) -> Result<()> {
    let (kind, now) = (TokenKind::SetPassword, tx.now());
    if !mailed_tokens::consume(tx.connection, kind, &token.hash(), now)? {
        return Err(not_good());
    }
    mailed_tokens::delete_of_account(tx.connection, account.id, kind)?;
    // The reader of the mailbox has the account now.
    mailed_tokens::delete_of_account(tx.connection, account.id, TokenKind::DisownAccount)
}

/// The refusal of a link that sets no password any more.
pub fn not_good() -> Error {
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

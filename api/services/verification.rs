//! Links that verify an address (PRODUCT 3.3).

use std::time::Duration;

use super::accounts::verify_email;
use super::act::Act;
use super::invite_codes::redemption::SettledJoin;
use super::passwords::deactivated;
use super::sessions::SignedIn;
use crate::clock::new_id;
use crate::crypto::token::{Token, TokenKind};
use crate::domain::ids::MailId;
use crate::domain::timestamp::Timestamp;
use crate::error::{Code, Error, Result};
use crate::mail::outbox::QueuedMail;
use crate::mail::{MailContent, Outbox};
use crate::store::accounts::{self, Account};
use crate::store::mailed_tokens::{self, MailedToken};
use crate::store::{Connection, transaction};

/// How long a link is good.
pub const LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Has a link mailed that verifies the account's address; call it in the transaction of what asks
/// for it.
///
/// # Errors
/// Where the database is away.
pub fn send(
    connection: &mut Connection,
    outbox: &Outbox,
    account: &Account,
    now: Timestamp,
) -> Result<()> {
    let token = Token::generate(TokenKind::VerifyEmail)?;
    let expires_at = now.plus(LIFETIME);
    let kept = MailedToken {
        kind: TokenKind::VerifyEmail,
        account_id: account.id,
        invitation_id: None,
        created_at: now,
        expires_at,
    };
    mailed_tokens::insert(connection, &token.hash(), &kept)?;
    let mail = QueuedMail {
        to: account,
        language: None,
        organization: None,
        cause: format!("verify address {} {}", account.id, new_id::<MailId>()),
        content: MailContent::VerifyEmail {
            link: outbox.links.verify_email(&token),
            expires_at,
        },
    };
    outbox.queue(connection, &mail, now)?;
    Ok(())
}

/// Whether there is anything to verify: Rollcall mails nothing to addresses that it made up.
pub fn is_wanted(account: &Account) -> bool {
    account.email_verified_at.is_none() && !account.generated_address
}

/// Has a new link mailed to the caller and kills the old ones; does nothing where the address is
/// verified.
///
/// # Errors
/// Where the database is away.
pub fn resend(connection: &mut Connection, outbox: &Outbox, caller: &SignedIn) -> Result<()> {
    let account = &caller.account;
    if !is_wanted(account) {
        return Ok(());
    }
    transaction(connection, |connection| {
        mailed_tokens::delete_of_account(connection, account.id, TokenKind::VerifyEmail)?;
        send(connection, outbox, account, caller.act.at)
    })
}

/// A verified account, and how the joins that waited for it have ended.
pub struct Verified {
    pub account: Account,
    pub joins: Vec<SettledJoin>,
}

/// Verifies an address by a mailed link, which is good once.
///
/// # Errors
/// `token_invalid` where it was used, replaced or has expired; `account_deactivated`.
pub fn verify(
    connection: &mut Connection,
    presented: &str,
    act: impl FnOnce(&Account) -> Act,
    now: Timestamp,
) -> Result<Verified> {
    let token = Token::presented(TokenKind::VerifyEmail, presented).ok_or_else(not_good)?;
    let known = mailed_tokens::find(connection, TokenKind::VerifyEmail, &token.hash())?
        .ok_or_else(not_good)?;
    let account = accounts::find(connection, known.account_id)?.ok_or_else(not_good)?;
    if account.deactivated_at.is_some() {
        return Err(deactivated());
    }
    let act = act(&account);
    transaction(connection, |connection| {
        if !mailed_tokens::consume(connection, TokenKind::VerifyEmail, &token.hash(), now)? {
            return Err(not_good());
        }
        let joins = verify_email(connection, &account, &act)?;
        Ok(Verified { account, joins })
    })
}

fn not_good() -> Error {
    Error::refused(
        Code::TokenInvalid,
        "This link was used, was replaced by another, or has expired. If the address is not verified \
         yet, sign in and ask for a new one at /v1/auth/email/resend.",
    )
}

//! Verifying the address of an account: links that are mailed for it, and what follows from it
//! (`docs/accounts.md`).

use std::time::Duration;

use super::admission;
use super::context::Principal;
use super::events;
use super::invite_codes::redemption::{self, SettledJoin};
use super::limits::{self, Limit, LimitRequest};
use super::mailed_links;
use super::unit_of_work::UnitOfWork;
use crate::clock::new_id;
use crate::crypto::token::{Token, TokenKind};
use crate::domain::events::{AccountEvent, AddedBy, DomainEvent};
use crate::domain::ids::{AccountId, MailId};
use crate::error::{Code, Error, Result};
use crate::mail::MailContent;
use crate::mail::outbox::QueuedMail;
use crate::store::accounts::{self, Account};
use crate::store::mailed_tokens;
use crate::store::pending_groups;

/// How long a link is good.
const LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Queues a mail with a link that verifies the account's address; call it in the transaction of what
/// asks for it.
pub fn send(tx: &mut UnitOfWork<'_>, account: &Account) -> Result<()> {
    let (token, expires_at) =
        mailed_links::issue(tx, TokenKind::VerifyEmail, account.id, LIFETIME)?;
    let mail = QueuedMail {
        to: account,
        language: None,
        organization: None,
        cause: format!("verify address {} {}", account.id, new_id::<MailId>()),
        content: MailContent::VerifyEmail {
            link: tx.services.outbox.links.verify_email(&token),
            expires_at,
        },
    };
    tx.queue_mail(&mail)?;
    Ok(())
}

/// Whether there is anything to verify: Rollcall mails nothing to addresses that it generated.
fn is_wanted(account: &Account) -> bool {
    account.email_verified_at.is_none() && !account.generated_address
}

/// Mails a new link to the signed-in person and revokes the old ones; does nothing where the address is
/// verified.
///
/// # Errors
/// `rate_limited` after too many mails to the address.
pub fn resend(tx: &mut UnitOfWork<'_>) -> Result<()> {
    let account = tx.context.principal.session()?.account.clone();
    if !is_wanted(&account) {
        return Ok(());
    }
    tx.transaction(|tx| {
        let mail = format!("verify {}", account.email);
        limits::take(tx, &[LimitRequest::one(Limit::MailToAddress, mail)])?;
        mailed_tokens::delete_of_account(tx.connection, account.id, TokenKind::VerifyEmail)?;
        send(tx, &account)
    })
}

/// A verified account, and the outcomes of the joins that were pending until then.
pub struct Verified {
    pub account: Account,
    pub joins: Vec<SettledJoin>,
}

/// Verifies an address by a mailed link, which is good once.
///
/// # Errors
/// `token_invalid` where it was used, replaced or has expired; `account_deactivated`.
pub fn verify(tx: &mut UnitOfWork<'_>, presented: &str) -> Result<Verified> {
    let token = Token::presented(TokenKind::VerifyEmail, presented).ok_or_else(not_good)?;
    let hash = token.hash();
    let known = mailed_tokens::find(tx.connection, TokenKind::VerifyEmail, &hash)?;
    let id = known.ok_or_else(not_good)?.account_id;
    let owner = accounts::find(tx.connection, id)?.ok_or_else(not_good)?;
    tx.acting_as(Principal::Owner(owner), |tx| {
        tx.transaction(|tx| {
            let now = tx.now();
            redemption::lock_pending_joins(tx, id)?;
            // The account before its links, as whoever deletes links locks them.
            let account = accounts::lock(tx.connection, id)?.ok_or_else(not_good)?;
            if account.deactivated_at.is_some() {
                return Err(Error::account_deactivated());
            }
            if !mailed_tokens::consume(tx.connection, TokenKind::VerifyEmail, &hash, now)? {
                return Err(not_good());
            }
            let joins = verify_email(tx, &account)?;
            Ok(Verified { account, joins })
        })
    })
}

/// Marks the address as verified and settles the joins that were pending until then; call it in the
/// transaction that uses up the mailed secret which the owner has shown.
pub fn verify_email(tx: &mut UnitOfWork<'_>, account: &Account) -> Result<Vec<SettledJoin>> {
    let now = tx.now();
    if !accounts::verify_email(tx.connection, account.id, now)? {
        return Ok(Vec::new());
    }
    let event = DomainEvent::Account {
        account: account.id,
        event: AccountEvent::EmailVerified,
    };
    events::publish(tx, event)?;
    let mut verified = account.clone();
    verified.email_verified_at = Some(now);
    join_pending_groups(tx, account.id)?;
    redemption::settle_pending_joins(tx, &verified)
}

/// Adds the person to the groups that they were invited to before the address was verified.
fn join_pending_groups(tx: &mut UnitOfWork<'_>, account: AccountId) -> Result<()> {
    for group in pending_groups::take(tx.connection, account)? {
        admission::add_to_group(tx, group, &[account], AddedBy::Invitation)?;
    }
    Ok(())
}

fn not_good() -> Error {
    Error::refused(
        Code::TokenInvalid,
        "This link was used, was replaced by another, or has expired. If the address is not verified \
         yet, sign in and ask for a new one at /v1/auth/email/resend.",
    )
}

//! Links that are mailed to verify an address.

use std::time::Duration;

use crate::clock::new_id;
use crate::crypto::token::TokenKind;
use crate::domain::email_address::EmailAddress;
use crate::domain::ids::MailId;
use crate::domain::password::PasswordOrigin;
use crate::error::{Code, Error, Result};
use crate::mail::MailContent;
use crate::mail::mailbox_limit::SendTime;
use crate::mail::outbox::QueuedMail;
use crate::services::limits::{self, Limit, LimitRequest};
use crate::services::mailed_links;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::accounts::Account;
use crate::store::mailed_tokens;

/// How long a link is good.
const LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How long the link is good by which the reader of the mailbox says that they have not registered: mail is
/// not read every week.
const DISOWNING_LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// What a mail with a link to verify an address is counted as, whoever asks for it.
pub fn mail_to(email: &EmailAddress) -> LimitRequest {
    LimitRequest::one(Limit::MailToAddress, format!("verify {email}"))
}

/// Counts the first link to an address, and tells when it may leave. Where the address has had its mails,
/// because accounts with it were registered and deleted, it waits: nobody keeps others from registering.
pub fn count_first(tx: &mut UnitOfWork<'_>, email: &EmailAddress) -> Result<SendTime> {
    Ok(match limits::take_or_wait(tx, &[mail_to(email)])? {
        None => SendTime::Now,
        Some(then) => SendTime::At(then),
    })
}

/// Queues a mail, which was counted, with a link that verifies the account's address, and one for somebody who
/// has not registered; call it in the transaction of what asks for it.
pub fn send(tx: &mut UnitOfWork<'_>, account: &Account, send_time: SendTime) -> Result<()> {
    let id = account.id;
    let (token, expires_at) = mailed_links::issue(tx, TokenKind::VerifyEmail, id, LIFETIME)?;
    let (disowning, _) = mailed_links::issue(tx, TokenKind::DisownAccount, id, DISOWNING_LIFETIME)?;
    let mail = QueuedMail {
        to: account,
        language: None,
        priority: None,
        organization: None,
        cause: format!("verify address {} {}", account.id, new_id::<MailId>()),
        content: MailContent::VerifyEmail {
            link: tx.services.outbox.links.verify_email(&token),
            aside_link: tx.services.outbox.links.not_me(&disowning),
            expires_at,
        },
    };
    tx.queue_limited_mail(&mail, send_time)?;
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
/// `rate_limited` after too many mails to the address; `password_change_required` where an organization set the
/// password.
pub fn resend(tx: &mut UnitOfWork<'_>) -> Result<()> {
    let account = tx.context.principal.session()?.account.clone();
    if !is_wanted(&account) {
        return Ok(());
    }
    if account.password_origin == PasswordOrigin::Assigned {
        return Err(password_assigned());
    }
    tx.transaction(|tx| {
        limits::take(tx, &[mail_to(&account.email)])?;
        mailed_tokens::delete_of_account(tx.connection, account.id, TokenKind::VerifyEmail)?;
        send(tx, &account, SendTime::Now)
    })
}

/// The refusal of a session that whoever set the password may have begun: they would have mail sent to an address
/// that they do not own.
pub fn password_assigned() -> Error {
    Error::refused(
        Code::PasswordChangeRequired,
        "An organization has set the password of this account. Choose your own first, at \
         /v1/auth/password/change, or by a link from /v1/auth/password/forgot, which verifies the address too.",
    )
}

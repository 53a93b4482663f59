//! Verifying the address of an account: links that are mailed for it, and what follows from it
//! (`docs/accounts.md`).

use std::time::Duration;

use super::admission;
use super::context::Principal;
use super::events;
use super::invite_codes::redemption::{self, SettledJoin};
use super::limits::{self, Limit, LimitRequest};
use super::mailed_links;
use super::sessions;
use super::sign_in::{self, Comparison, PasswordCheck};
use super::unit_of_work::UnitOfWork;
use crate::clock::new_id;
use crate::crypto::token::{Token, TokenHash, TokenKind};
use crate::domain::client_address::Client;
use crate::domain::email_address::EmailAddress;
use crate::domain::events::{AccountEvent, AddedBy, DomainEvent};
use crate::domain::ids::{AccountId, MailId};
use crate::domain::password::PasswordOrigin;
use crate::domain::timestamp::Timestamp;
use crate::error::{Code, Error, Result};
use crate::mail::MailContent;
use crate::mail::mailbox_limit::SendTime;
use crate::mail::outbox::QueuedMail;
use crate::store::accounts::{self, Account};
use crate::store::mailed_tokens;
use crate::store::pending_groups;

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

/// A verified account, and the outcomes of the joins that were pending until then.
pub struct Verified {
    pub account: Account,
    pub joins: Vec<SettledJoin>,
}

/// A link that was mailed to verify an address, and what its bearer shows beside it.
pub struct PresentedLink {
    pub token: String,
    /// The refresh token of a browser's cookie.
    pub refresh_token: Option<String>,
    pub with_password: bool,
    pub client: Client,
}

/// What shows that the bearer of a link has registered the account. The link alone shows only that somebody
/// reads the mailbox: they would verify the account of whoever registered with their address.
#[derive(Clone)]
pub enum Registrant {
    /// A session of the account.
    Session,
    /// Its password, by the hash that it was compared with.
    Password(Option<String>),
}

/// What a [`Registrant`] takes.
pub enum Identification {
    Done(Registrant),
    /// The password has to be right.
    Check(PasswordCheck),
}

/// Begins to find out whether the bearer of a link has registered the account.
///
/// # Errors
/// `token_invalid`, also of a link that was used; `not_signed_in` where nothing is shown beside the link;
/// `rate_limited`.
pub fn identify(tx: &mut UnitOfWork<'_>, link: &PresentedLink) -> Result<Identification> {
    let Link {
        account, used_at, ..
    } = find_link(tx, &link.token)?;
    if is_signed_in(tx, account.id, link.refresh_token.as_deref())? {
        return Ok(Identification::Done(Registrant::Session));
    }
    if used_at.is_some() {
        return Err(not_good());
    }
    if link.with_password {
        let check = sign_in::begin(tx, account.email.as_str(), &link.client, None)?;
        return Ok(Identification::Check(check));
    }
    Err(link_alone())
}

/// The refusal of a link beside which nothing shows who has registered.
pub fn link_alone() -> Error {
    Error::refused(
        Code::NotSignedIn,
        "Sign in with the address that this link was mailed to, or send the account's password as \
         `password`: the link alone verifies nothing. If you have not registered, follow the other link of \
         the mail.",
    )
}

fn is_signed_in(
    tx: &mut UnitOfWork<'_>,
    account: AccountId,
    refresh_token: Option<&str>,
) -> Result<bool> {
    if let Principal::Session(session) = &tx.context.principal
        && session.account.id == account
    {
        return Ok(true);
    }
    match refresh_token {
        Some(token) => Ok(sessions::account_of(tx, token)? == Some(account)),
        None => Ok(false),
    }
}

/// Ends the check of the password.
///
/// # Errors
/// As [`sign_in::complete_confirmation`].
pub fn complete_identification(
    tx: &mut UnitOfWork<'_>,
    check: PasswordCheck,
    comparison: Result<Comparison>,
) -> Result<Registrant> {
    let account = sign_in::complete_confirmation(tx, check, comparison, "/password")?;
    Ok(Registrant::Password(account.password_hash))
}

/// A link that verifies the address of whoever registered it.
struct Link {
    hash: TokenHash,
    account: Account,
    used_at: Option<Timestamp>,
}

fn find_link(tx: &mut UnitOfWork<'_>, presented: &str) -> Result<Link> {
    let token = Token::presented(TokenKind::VerifyEmail, presented).ok_or_else(not_good)?;
    let hash = token.hash();
    let known = mailed_tokens::find(tx.connection, TokenKind::VerifyEmail, &hash)?
        .filter(|known| known.expires_at > tx.now())
        .ok_or_else(not_good)?;
    let account = accounts::find(tx.connection, known.account_id)?.ok_or_else(not_good)?;
    Ok(Link {
        hash,
        account,
        used_at: known.used_at,
    })
}

/// Verifies an address by a mailed link, for the person who registered the account. The link stays until it
/// expires: a session of the account that shows it again gets the same answer, everybody else
/// `token_invalid`.
///
/// # Errors
/// `token_invalid` where it was replaced or has expired; `account_deactivated`; `wrong_credentials` where
/// the password has been changed meanwhile.
pub fn verify(
    tx: &mut UnitOfWork<'_>,
    presented: &str,
    registrant: &Registrant,
) -> Result<Verified> {
    let owner = find_link(tx, presented)?.account;
    let id = owner.id;
    let actor = acting(tx, owner);
    tx.acting_as(actor, |tx| {
        tx.transaction(|tx| {
            redemption::lock_pending_joins(tx, id)?;
            // The account before its links, as whoever deletes links locks them.
            let account = accounts::lock(tx.connection, id)?.ok_or_else(not_good)?;
            require_still(registrant, &account)?;
            if account.deactivated_at.is_some() {
                return Err(Error::account_deactivated());
            }
            // A link that was replaced meanwhile is good no more.
            let link = find_link(tx, presented)?;
            require_unused(registrant, &link)?;
            let now = tx.now();
            mailed_tokens::mark_used(tx.connection, &link.hash, now)?;
            let joins = verify_email(tx, &account)?;
            Ok(Verified { account, joins })
        })
    })
}

/// The session that shows the link stays where a join that waited ends the others.
fn acting(tx: &UnitOfWork<'_>, owner: Account) -> Principal {
    match &tx.context.principal {
        Principal::Session(session) if session.account.id == owner.id => {
            Principal::Session(session.clone())
        }
        Principal::Session(_)
        | Principal::Owner(_)
        | Principal::ApiKey(_)
        | Principal::Anonymous
        | Principal::CommandLine
        | Principal::System => Principal::Owner(owner),
    }
}

/// A link is good once; a session of the account that shows it again gets the same answer.
fn require_unused(registrant: &Registrant, link: &Link) -> Result<()> {
    match (registrant, link.used_at) {
        (Registrant::Session, _) | (Registrant::Password(_), None) => Ok(()),
        (Registrant::Password(_), Some(_)) => Err(not_good()),
    }
}

/// Comparing took a while: a password that was changed meanwhile shows nothing any more.
fn require_still(registrant: &Registrant, account: &Account) -> Result<()> {
    match registrant {
        Registrant::Session => Ok(()),
        Registrant::Password(hash) if *hash == account.password_hash => Ok(()),
        Registrant::Password(_) => Err(Error::wrong_password("/password")),
    }
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
    join_pending_groups(tx, account.id)?;
    // As it is now: a link may have set its password in this transaction.
    match accounts::find(tx.connection, account.id)? {
        Some(verified) => redemption::settle_pending_joins(tx, &verified),
        None => Ok(Vec::new()),
    }
}

/// Adds the person to the groups that they were invited to before the address was verified.
fn join_pending_groups(tx: &mut UnitOfWork<'_>, account: AccountId) -> Result<()> {
    for group in pending_groups::take(tx.connection, account)? {
        admission::add_to_group(tx, group, &[account], AddedBy::Invitation)?;
    }
    Ok(())
}

/// The refusal of a link that verifies no address any more.
pub fn not_good() -> Error {
    Error::refused(
        Code::TokenInvalid,
        "This link was used, was replaced by another, or has expired. If the address is not verified \
         yet, sign in and ask for a new one at /v1/auth/email/resend.",
    )
}

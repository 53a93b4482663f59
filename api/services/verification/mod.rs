//! Verifying the address of an account: links that are mailed for it, and what follows from it
//! (`docs/accounts.md`).

mod link;
mod mailing;
mod registrant;

use super::admission;
use super::context::Principal;
use super::events;
use super::invite_codes::pending_joins::{self, SettledJoin};
use super::unit_of_work::UnitOfWork;
use crate::domain::events::{AccountEvent, AddedBy, DomainEvent};
use crate::domain::ids::AccountId;
use crate::error::{Error, Result};
use crate::store::accounts::{self, Account};
use crate::store::mailed_tokens;
use crate::store::pending_groups;
use link::{Link, find_link};

pub use link::not_good;
pub use mailing::{count_first, mail_to, password_assigned, resend, send};
pub use registrant::{PresentedLink, Registrant, complete_identification, identify, link_alone};

/// A verified account, and the outcomes of the joins that were pending until then.
pub struct Verified {
    pub account: Account,
    pub joins: Vec<SettledJoin>,
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
            pending_joins::lock(tx, id)?;
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

/// Who acts for the owner of an account: their own session, which stays where what they do ends the others.
pub(super) fn acting(tx: &UnitOfWork<'_>, owner: Account) -> Principal {
    match &tx.context.principal {
        Principal::Session(session) if session.account.id == owner.id => {
            Principal::Session(session.clone())
        }
        Principal::Session(_)
        | Principal::Owner(_)
        | Principal::ApiKey(_)
        | Principal::SetupLink(_)
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
        Some(verified) => pending_joins::settle(tx, &verified),
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

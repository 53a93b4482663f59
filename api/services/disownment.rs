//! "This was not me": the reader of a mailbox gets rid of what somebody else registered with its address
//! (`docs/accounts.md#verifying-an-address`).

use super::context::Principal;
use super::departures::{self, Author};
use super::unit_of_work::UnitOfWork;
use super::{credentials, events, organization_deletion};
use crate::crypto::token::{Token, TokenKind};
use crate::domain::events::{AccountEvent, DomainEvent};
use crate::error::{Code, Error, Result};
use crate::store::accounts::{self, Account};
use crate::store::{Attempt, account_passwords, mailed_tokens, pending_joins};

/// Deletes an account that registered itself and whose address was never verified, by a mailed link that is
/// good once. Another account loses its password, its sessions and the API keys that it created: so does one
/// without which an organization with other members would have no admin.
///
/// # Errors
/// `token_invalid` where the link was used or has expired, or its account is gone.
pub fn disown(tx: &mut UnitOfWork<'_>, presented: &str) -> Result<()> {
    let token = Token::presented(TokenKind::DisownAccount, presented).ok_or_else(not_good)?;
    let known = mailed_tokens::find(tx.connection, TokenKind::DisownAccount, &token.hash())?;
    let id = known.ok_or_else(not_good)?.account_id;
    let account = accounts::find(tx.connection, id)?.ok_or_else(not_good)?;
    tx.acting_as(Principal::Owner(account.clone()), |tx| {
        tx.transaction(|tx| {
            if !delete_unverified(tx, &account, &token)? {
                secure(tx, &account, &token)?;
            }
            Ok(())
        })
    })
}

/// `false`, and nothing changed, where the account is not one to delete.
fn delete_unverified(tx: &mut UnitOfWork<'_>, account: &Account, token: &Token) -> Result<bool> {
    if !account.is_unverified_registration() {
        return Ok(false);
    }
    let deleted = tx.attempt(|tx| match delete(tx, account, token) {
        Ok(true) => Ok(Attempt::Keep(())),
        Ok(false) => Ok(Attempt::Undo(())),
        Err(error) if keeps_its_place(&error) => Ok(Attempt::Undo(())),
        Err(error) => Err(error),
    })?;
    Ok(deleted == Attempt::Keep(()))
}

/// Whether an organization would be left without an admin, or without one for emergencies.
fn keeps_its_place(error: &Error) -> bool {
    matches!(error.code(), Code::LastAdmin | Code::EmergencyAdminRequired)
}

/// `false` where the address has been verified meanwhile.
fn delete(tx: &mut UnitOfWork<'_>, account: &Account, token: &Token) -> Result<bool> {
    organization_deletion::delete_those_of_one(tx, account.id)?;
    match departures::lock_for_deletion(tx, account.id) {
        Err(error) if error.code() == Code::NotFound => return Err(not_good()),
        locked => locked?,
    }
    let current = accounts::find(tx.connection, account.id)?.ok_or_else(not_good)?;
    if !current.is_unverified_registration() {
        return Ok(false);
    }
    use_up(tx, token)?;
    publish(tx, account, true)?;
    departures::delete_account(tx, account.id, Author::Owner)?;
    Ok(true)
}

/// Shuts whoever knows the password out. The owner of the mailbox can set another.
fn secure(tx: &mut UnitOfWork<'_>, account: &Account, token: &Token) -> Result<()> {
    accounts::lock(tx.connection, account.id)?.ok_or_else(not_good)?;
    use_up(tx, token)?;
    account_passwords::remove(tx.connection, account.id)?;
    mailed_tokens::delete_of_account(tx.connection, account.id, TokenKind::VerifyEmail)?;
    pending_joins::delete_of_account(tx.connection, account.id)?;
    credentials::revoke_all(tx, account.id)?;
    publish(tx, account, false)
}

fn use_up(tx: &mut UnitOfWork<'_>, token: &Token) -> Result<()> {
    let (kind, now) = (TokenKind::DisownAccount, tx.now());
    if mailed_tokens::consume(tx.connection, kind, &token.hash(), now)? {
        return Ok(());
    }
    Err(not_good())
}

fn publish(tx: &mut UnitOfWork<'_>, account: &Account, deleted: bool) -> Result<()> {
    let event = AccountEvent::Disowned {
        email: account.email.clone(),
        deleted,
    };
    let account = account.id;
    events::publish(tx, DomainEvent::Account { account, event })
}

/// The refusal of a link that disowns no account any more.
pub fn not_good() -> Error {
    Error::refused(
        Code::TokenInvalid,
        "This link was used or has expired, or there is no such account any more. If somebody else uses your \
         address, ask for a new password at /v1/auth/password/forgot: setting it shuts them out.",
    )
}

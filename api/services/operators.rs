//! The operators of the installation (`docs/permissions.md`).

use super::unit_of_work::UnitOfWork;
use super::{credentials, events, invitations};
use crate::crypto::token::TokenKind;
use crate::domain::email_address::EmailAddress;
use crate::domain::events::{AccountEvent, DomainEvent};
use crate::domain::ids::AccountId;
use crate::domain::username::Username;
use crate::error::{Code, Error, Result};
use crate::store::accounts::{self, Account};
use crate::store::{mailed_tokens, operators, pending_joins, sessions};

/// Who is to be an operator, with the hash of their password.
pub struct NewOperator {
    pub email: EmailAddress,
    pub username: Username,
    pub password_hash: String,
}

/// Creates an operator and tells whether the account is new. An account that has the address already
/// may be anybody's, since registration proves no mailbox: it gets the new password and is open, and nothing
/// that others had of it opens it any more (`promote`).
pub fn create(tx: &mut UnitOfWork<'_>, new: NewOperator) -> Result<bool> {
    let mut account = Account::new(new.email, new.username, tx.now());
    account.password_hash = Some(new.password_hash.clone());
    account.operator = true;
    tx.transaction(|tx| {
        let is_new = accounts::insert(tx.connection, &account)?;
        let id = if is_new {
            account.id
        } else {
            promote(tx, &account.email, &new.password_hash)?
        };
        let event = AccountEvent::MadeOperator {
            email: account.email,
            new_account: is_new,
        };
        events::publish(tx, DomainEvent::Account { account: id, event })?;
        Ok(is_new)
    })
}

/// The links that were mailed to an account and that open, verify or delete it.
const LINKS: [TokenKind; 3] = [
    TokenKind::VerifyEmail,
    TokenKind::DisownAccount,
    TokenKind::SetPassword,
];

/// Makes the account that has the address an operator. No organization manages it any more; sessions, API keys,
/// mailed links and joins that wait are gone.
fn promote(
    tx: &mut UnitOfWork<'_>,
    email: &EmailAddress,
    password_hash: &str,
) -> Result<AccountId> {
    let known = accounts::find_by_email(tx.connection, email)?
        .ok_or_else(|| Error::internal("the account has just vanished"))?;
    operators::promote(tx.connection, known.id, password_hash)?;
    for kind in LINKS {
        mailed_tokens::delete_of_account(tx.connection, known.id, kind)?;
    }
    pending_joins::delete_of_account(tx.connection, known.id)?;
    credentials::revoke_all(tx, known.id)?;
    Ok(known.id)
}

/// Takes the right of the operator with this address away, ends the sessions, and revokes what they have offered to
/// future staff of organizations of others. The account stays: its owner signs in as before.
///
/// # Errors
/// `not_found` where the address is no operator's.
pub fn revoke(tx: &mut UnitOfWork<'_>, email: EmailAddress) -> Result<()> {
    tx.transaction(|tx| {
        let known = accounts::find_by_email(tx.connection, &email)?.ok_or_else(no_such_operator)?;
        // Organizations are locked before accounts.
        invitations::revoke_of_staff_by_operator(tx, known.id)?;
        if !operators::revoke(tx.connection, known.id)? {
            return Err(no_such_operator());
        }
        let ended_sessions = sessions::delete_all(tx.connection, known.id, None)?;
        let event = AccountEvent::OperatorRevoked {
            email,
            ended_sessions,
        };
        let account = known.id;
        events::publish(tx, DomainEvent::Account { account, event })
    })
}

fn no_such_operator() -> Error {
    Error::refused(
        Code::NotFound,
        "No operator has this address. `rollcall operator list` names them.",
    )
}

/// The operators, by their addresses.
pub fn list(tx: &mut UnitOfWork<'_>) -> Result<Vec<Account>> {
    operators::list(tx.connection)
}

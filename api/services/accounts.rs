//! Accounts: registered, signed in with, renamed, given a new password (PRODUCT 3.3).
//!
//! Hashing happens between these functions, never in them: a connection is not held meanwhile.

use serde_json::json;

use super::act::Act;
use super::audit::{self, Event, Subject};
use super::sessions::{self, Granted, SignedIn};
use crate::crypto::password_hash::Verdict;
use crate::domain::audit::Action;
use crate::domain::email_address::EmailAddress;
use crate::domain::username::Username;
use crate::error::{Code, Error, Result};
use crate::store::accounts::{self, Account};
use crate::store::memberships::{self, Membership};
use crate::store::organizations::Organization;
use crate::store::sessions as session_store;
use crate::store::{Connection, transaction};

/// Who registers, with the hash of the password they chose.
pub struct Registration {
    pub email: EmailAddress,
    pub username: Username,
    pub password_hash: String,
}

/// Makes an account and signs its owner in.
///
/// # Errors
/// `email_taken` where the address has an account.
pub fn register(
    connection: &mut Connection,
    registration: Registration,
    act: impl FnOnce(&Account) -> Act,
    now: crate::domain::instant::Instant,
    user_agent: Option<String>,
) -> Result<Granted> {
    let mut account = Account::new(registration.email, registration.username, now);
    account.password_hash = Some(registration.password_hash);
    account.last_active_at = now;
    let act = act(&account);
    transaction(connection, |connection| {
        if !accounts::insert(connection, &account)? {
            return Err(email_taken());
        }
        let subject = Subject::Account(account.id);
        let event = Event::outside(Action::AccountRegistered, subject, json!({}));
        audit::record(connection, &act, event)?;
        sessions::start_in_transaction(connection, account, &act, user_agent)
    })
}

fn email_taken() -> Error {
    Error::refused(
        Code::EmailTaken,
        "An account with this address exists already. Sign in, or ask for a new password.",
    )
}

/// The account that an address belongs to, for signing in: no answer tells whether there is one.
pub fn find_for_sign_in(
    connection: &mut Connection,
    email: Option<&EmailAddress>,
) -> Result<Option<Account>> {
    match email {
        Some(email) => accounts::find_by_email(connection, email),
        None => Ok(None),
    }
}

/// The account, if the password was right.
///
/// # Errors
/// `wrong_credentials`, the same for an unknown address, a wrong password and no password yet.
pub fn require_right(account: Option<Account>, verdict: Verdict) -> Result<Account> {
    match (account, verdict) {
        (Some(account), Verdict::Right | Verdict::RightButOutdated) => Ok(account),
        _ => Err(wrong_credentials()),
    }
}

/// The one answer to every sign-in that does not prove its password.
pub(super) fn wrong_credentials() -> Error {
    Error::refused(
        Code::WrongCredentials,
        "The address or the password is wrong.",
    )
}

/// Keeps a hash at today's cost in the place of an older one, unless the password has changed
/// meanwhile; gives the account as it is then.
pub fn keep_rehash(
    connection: &mut Connection,
    mut account: Account,
    new: String,
) -> Result<Account> {
    let known = account.password_hash.as_deref().unwrap_or_default();
    if accounts::replace_password_hash(connection, account.id, known, &new)? {
        account.password_hash = Some(new);
    }
    Ok(account)
}

/// Changes the caller's password, who has just proved the current one, and ends every other
/// session.
///
/// # Errors
/// `wrong_credentials` where the password has been changed meanwhile.
pub fn change_password(connection: &mut Connection, caller: &SignedIn, new: &str) -> Result<()> {
    let account = &caller.account;
    transaction(connection, |connection| {
        let known = account.password_hash.as_deref().unwrap_or_default();
        if !accounts::replace_password_hash(connection, account.id, known, new)? {
            return Err(wrong_credentials());
        }
        accounts::clear_must_change_password(connection, account.id)?;
        let ended = session_store::delete_all(connection, account.id, Some(caller.session))?;
        let subject = Subject::Account(account.id);
        let details = json!({ "ended_sessions": ended });
        let event = Event::outside(Action::AccountPasswordChanged, subject, details);
        audit::record(connection, &caller.act, event)
    })
}

/// Gives the caller another name.
pub fn rename(
    connection: &mut Connection,
    caller: &SignedIn,
    username: &Username,
) -> Result<Account> {
    let id = caller.account.id;
    transaction(connection, |connection| {
        accounts::rename(connection, id, username)?;
        let details = json!({ "username": username });
        let event = Event::outside(Action::AccountUpdated, Subject::Account(id), details);
        audit::record(connection, &caller.act, event)?;
        accounts::find(connection, id)?.ok_or_else(Error::not_signed_in)
    })
}

/// The caller's memberships with their organizations.
pub fn memberships(
    connection: &mut Connection,
    caller: &SignedIn,
) -> Result<Vec<(Organization, Membership)>> {
    memberships::of_account(connection, caller.account.id)
}

/// Makes an operator with this password. An account that has the address already may be anybody's,
/// since registration proves no mailbox: it gets the new password, loses its sessions, and is no
/// organization's to manage any more. Tells whether the account is new.
///
/// # Errors
/// Where the database is away.
pub fn make_operator(
    connection: &mut Connection,
    email: EmailAddress,
    username: Username,
    password_hash: String,
    act: &Act,
) -> Result<bool> {
    transaction(connection, |connection| {
        let mut account = Account::new(email.clone(), username, act.at);
        account.password_hash = Some(password_hash.clone());
        account.operator = true;
        let is_new = accounts::insert(connection, &account)?;
        if !is_new {
            account = accounts::find_by_email(connection, &email)?
                .ok_or_else(|| Error::internal("the account has just vanished"))?;
            accounts::turn_into_operator(connection, account.id, &password_hash)?;
            session_store::delete_all(connection, account.id, None)?;
        }
        let subject = Subject::Account(account.id);
        let details = json!({ "email": email, "new_account": is_new });
        let event = Event::outside(Action::OperatorCreated, subject, details);
        audit::record(connection, act, event)?;
        Ok(is_new)
    })
}

//! Accounts: registered, signed in with, renamed, their mailbox proved (PRODUCT 3.3).
//!
//! Hashing happens between these functions, never in them: a connection is not held meanwhile.

use serde_json::json;

use super::act::Act;
use super::audit::{self, Event, Subject};
use super::invite_codes::redemption::{self, Redeemed, SettledJoin};
use super::sessions::{self, IssuedSession, SignedIn};
use super::verification;
use crate::crypto::password_hash::Verdict;
use crate::domain::audit::AuditAction;
use crate::domain::email_address::EmailAddress;
use crate::domain::invite_code::InviteCode;
use crate::domain::language::Language;
use crate::domain::timestamp::Timestamp;
use crate::domain::username::Username;
use crate::error::{Code, Error, Result};
use crate::mail::Outbox;
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
    pub language: Language,
    /// Where they join at once.
    pub invite_code: Option<InviteCode>,
    pub user_agent: Option<String>,
}

/// A new account, signed in, and what came of its invite code.
pub struct Registered {
    pub issued: IssuedSession,
    pub joined: Option<Redeemed>,
}

/// Makes an account, joins it where its invite code leads, signs its owner in, and has a link to
/// verify the address mailed: all of it, or nothing.
///
/// # Errors
/// `email_taken` where the address has an account; those of [`redemption::redeem`].
pub fn register(
    connection: &mut Connection,
    outbox: &Outbox,
    registration: Registration,
    act: impl FnOnce(&Account) -> Act,
    now: Timestamp,
) -> Result<Registered> {
    let mut account = Account::new(registration.email, registration.username, now);
    account.password_hash = Some(registration.password_hash);
    account.last_active_at = now;
    account.language = registration.language;
    let act = act(&account);
    transaction(connection, |connection| {
        if !accounts::insert(connection, &account)? {
            return Err(email_taken());
        }
        let subject = Subject::Account(account.id);
        let event = Event::outside(AuditAction::AccountRegistered, subject, json!({}));
        audit::record(connection, &act, event)?;
        let joined = registration
            .invite_code
            .map(|code| redemption::redeem(connection, &code, &account, &act))
            .transpose()?;
        verification::send(connection, outbox, &account, now)?;
        let user_agent = registration.user_agent;
        let issued = sessions::start_in_transaction(connection, account, &act, user_agent)?;
        Ok(Registered { issued, joined })
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
pub fn verify_password(account: Option<Account>, verdict: Verdict) -> Result<Account> {
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

/// What may change of one's own account; absent fields stay.
#[derive(Clone, Debug, Default)]
pub struct AccountChanges {
    pub username: Option<Username>,
    pub language: Option<Language>,
}

/// Changes the caller's account, and gives it as it is then.
///
/// # Errors
/// Where the database is away.
pub fn update(
    connection: &mut Connection,
    caller: &SignedIn,
    changes: &AccountChanges,
) -> Result<Account> {
    let id = caller.account.id;
    let mut details = serde_json::Map::new();
    transaction(connection, |connection| {
        if let Some(username) = &changes.username {
            accounts::rename(connection, id, username)?;
            details.insert("username".to_owned(), json!(username));
        }
        if let Some(language) = changes.language {
            accounts::set_language(connection, id, language)?;
            details.insert("language".to_owned(), json!(language));
        }
        if !details.is_empty() {
            let subject = Subject::Account(id);
            let event = Event::outside(AuditAction::AccountUpdated, subject, details.into());
            audit::record(connection, &caller.act, event)?;
        }
        accounts::find(connection, id)?.ok_or_else(Error::not_signed_in)
    })
}

/// Notes that the mailbox is the account's owner's, who has just shown a secret that was mailed
/// there, and has the joins that waited for it take effect. Call it in the transaction that uses the
/// secret up.
///
/// # Errors
/// Where the database is away.
pub fn verify_email(
    connection: &mut Connection,
    account: &Account,
    act: &Act,
) -> Result<Vec<SettledJoin>> {
    if !accounts::verify_email(connection, account.id, act.at)? {
        return Ok(Vec::new());
    }
    let subject = Subject::Account(account.id);
    let event = Event::outside(AuditAction::AccountEmailVerified, subject, json!({}));
    audit::record(connection, act, event)?;
    let mut proved = account.clone();
    proved.email_verified_at = Some(act.at);
    redemption::take_effect(connection, &proved, act)
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
        let event = Event::outside(AuditAction::OperatorCreated, subject, details);
        audit::record(connection, act, event)?;
        Ok(is_new)
    })
}

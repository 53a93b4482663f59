//! Passwords checked: to sign in, and once more by a person who is signed in (`docs/limits.md`).
//!
//! A check is counted before the account is looked up, and given back unless a password was tried and
//! is wrong. Hashing happens between these functions, never in them: no connection is held meanwhile.

use super::limits::{self, Limit, LimitRequest};
use super::sessions::{self, IssuedSession};
use super::unit_of_work::UnitOfWork;
use crate::crypto::password_hash::Verdict;
use crate::domain::email_address::EmailAddress;
use crate::error::{Code, Error, Result};
use crate::store::accounts::{self, Account};

/// A password check that has been counted.
pub struct PasswordCheck {
    account: Option<Account>,
    uses: Vec<LimitRequest>,
}

/// What comparing a password with the stored hash gave.
pub struct Comparison {
    pub verdict: Verdict,
    /// The password at today's cost, where the stored hash is outdated.
    pub rehash: Option<String>,
}

impl PasswordCheck {
    /// The hash to compare with; none where there is no account, or no password yet.
    pub fn stored_hash(&self) -> Option<String> {
        self.account.as_ref()?.password_hash.clone()
    }
}

/// Begins to sign in by an address, as somebody typed it.
///
/// # Errors
/// `rate_limited`.
pub fn begin(tx: &mut UnitOfWork<'_>, email: &str, client: &str) -> Result<PasswordCheck> {
    let address = EmailAddress::parse(email).ok();
    let uses = tries(address.as_ref().map_or(email, EmailAddress::as_str), client);
    limits::take(tx, &uses)?;
    let account = match address {
        Some(address) => accounts::find_by_email(tx.connection, &address)?,
        None => None,
    };
    Ok(PasswordCheck { account, uses })
}

/// What a try is counted as, whether or not there is such an account. The client is counted together
/// with the address too, so that failures from elsewhere do not lock the owner out.
fn tries(address: &str, client: &str) -> Vec<LimitRequest> {
    vec![
        LimitRequest::one(Limit::SignInAccount, format!("{client} {address}")),
        LimitRequest::one(Limit::SignInAddress, address),
        LimitRequest::one(Limit::SignInClient, client),
    ]
}

/// Begins to check the password of the signed-in person once more.
///
/// # Errors
/// `rate_limited`.
pub fn begin_confirmation(tx: &mut UnitOfWork<'_>) -> Result<PasswordCheck> {
    let account = tx.context.principal.session()?.account.clone();
    let uses = vec![LimitRequest::one(
        Limit::PasswordCheck,
        account.id.to_string(),
    )];
    limits::take(tx, &uses)?;
    Ok(PasswordCheck {
        account: Some(account),
        uses,
    })
}

/// Signs in, if the password is right.
///
/// # Errors
/// `wrong_credentials`, the same for an unknown address, a wrong password and no password yet;
/// `account_deactivated`; what made the comparison fail.
pub fn complete(
    tx: &mut UnitOfWork<'_>,
    check: PasswordCheck,
    comparison: Result<Comparison>,
    user_agent: Option<String>,
) -> Result<IssuedSession> {
    let uses = check.uses.clone();
    let (account, rehash) = verified(tx, check, comparison)?;
    let started = tx.transaction(|tx| {
        let account = keep_rehash(tx, account, rehash)?;
        let issued = sessions::start(tx, account, user_agent)?;
        limits::refund(tx, &uses)?;
        Ok(issued)
    });
    if started.is_err() {
        limits::refund(tx, &uses)?;
    }
    started
}

/// Ends the check of a signed-in person's password, and gives the account as it was checked.
///
/// # Errors
/// `wrong_credentials`; what made the comparison fail.
pub fn complete_confirmation(
    tx: &mut UnitOfWork<'_>,
    check: PasswordCheck,
    comparison: Result<Comparison>,
) -> Result<Account> {
    let uses = check.uses.clone();
    let (account, _) = verified(tx, check, comparison)?;
    limits::refund(tx, &uses)?;
    Ok(account)
}

/// The account, if the password is right. Every failure but a wrong password is given back: it was no
/// guess.
fn verified(
    tx: &mut UnitOfWork<'_>,
    check: PasswordCheck,
    comparison: Result<Comparison>,
) -> Result<(Account, Option<String>)> {
    let verified = comparison.and_then(|Comparison { verdict, rehash }| match verdict {
        Verdict::Right | Verdict::RightButOutdated => {
            let account = check.account.ok_or_else(Error::wrong_credentials)?;
            Ok((account, rehash))
        }
        Verdict::Wrong => Err(Error::wrong_credentials()),
    });
    if verified
        .as_ref()
        .is_err_and(|error| error.code() != Code::WrongCredentials)
    {
        limits::refund(tx, &check.uses)?;
    }
    verified
}

/// Stores a hash at today's cost in the place of an older one, unless the password has changed
/// meanwhile; gives the account as it is then.
fn keep_rehash(
    tx: &mut UnitOfWork<'_>,
    mut account: Account,
    rehash: Option<String>,
) -> Result<Account> {
    let (Some(new), Some(known)) = (rehash, account.password_hash.as_deref()) else {
        return Ok(account);
    };
    if accounts::replace_password_hash(tx.connection, account.id, known, &new)? {
        account.password_hash = Some(new);
    }
    Ok(account)
}

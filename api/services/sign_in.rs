//! Passwords checked: to sign in, and once more by a person who is signed in (`docs/limits.md`).
//!
//! A check is counted before the account is looked up, and given back unless a password was tried and
//! is wrong. Hashing happens between these functions, never in them: no connection is held meanwhile.

use super::known_devices::{self, KnownDevice};
use super::known_networks;
use super::limits::{self, Limit, LimitRequest};
use super::sessions::{self, IssuedSession};
use super::unit_of_work::UnitOfWork;
use crate::crypto::password_hash::Verdict;
use crate::domain::client_address::Client;
use crate::domain::email_address::EmailAddress;
use crate::error::{Code, Error, Result};
use crate::store::account_passwords;
use crate::store::accounts::{self, Account};

/// A password check that has been counted.
pub struct PasswordCheck {
    /// The address as it was typed, or the account that is signed in.
    subject: String,
    account: Option<Box<Account>>,
    uses: Vec<LimitRequest>,
    /// Where somebody signs in by it; none where somebody is signed in already.
    place: Option<SignInPlace>,
}

/// Where somebody signs in.
#[derive(Clone)]
struct SignInPlace {
    client: Client,
    device: Option<KnownDevice>,
}

/// What shows who somebody is, or the password that has to.
pub enum Challenge<T> {
    /// It is shown.
    Passed(T),
    /// The password has to be right.
    Password(PasswordCheck),
}

/// What comparing a password with the stored hash gave.
pub struct Comparison {
    pub verdict: Verdict,
    /// The password at today's cost, where the stored hash is outdated.
    pub rehash: Option<String>,
}

impl PasswordCheck {
    /// Whose password is checked, whether or not there is such an account.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The hash to compare with; none where there is no account, or no password yet.
    pub fn stored_hash(&self) -> Option<String> {
        self.account.as_ref()?.password_hash.clone()
    }
}

/// Begins to sign in by an address, as somebody typed it, on a device that may have a token of an earlier sign-in.
///
/// # Errors
/// `rate_limited`.
pub fn begin(
    tx: &mut UnitOfWork<'_>,
    email: &str,
    client: &Client,
    device_token: Option<&str>,
) -> Result<PasswordCheck> {
    let address = EmailAddress::parse(email).ok();
    let typed = address.as_ref().map_or(email, EmailAddress::as_str);
    let account = match &address {
        Some(address) => accounts::find_by_email(tx.connection, address)?.map(Box::new),
        None => None,
    };
    let device = match (&account, device_token) {
        (Some(account), Some(token)) => known_devices::recognise(tx, account.id, token)?,
        (None, _) | (_, None) => None,
    };
    let subject = subject(typed, account.as_deref());
    let uses = match &device {
        Some(device) => take_on_device(tx, &subject, device)?,
        None => take_on_network(tx, &subject, client, account.as_deref())?,
    };
    let client = client.clone();
    Ok(PasswordCheck {
        subject: typed.to_owned(),
        account,
        uses,
        place: Some(SignInPlace { client, device }),
    })
}

/// Whose password a try is about. A new password begins the count anew: guesses at another tell nothing of it.
fn subject(address: &str, account: Option<&Account>) -> String {
    let password = account.and_then(|account| account.password_hash.as_deref());
    format!("{address} {}", password.unwrap_or_default())
}

/// Takes a try of a device on which the owner has signed in. Nobody else has its token, so it has tries of its own
/// only.
fn take_on_device(
    tx: &mut UnitOfWork<'_>,
    subject: &str,
    device: &KnownDevice,
) -> Result<Vec<LimitRequest>> {
    let tried = LimitRequest::one(Limit::SignInAccount, device.subject()).to(subject);
    let uses = vec![tried];
    limits::take(tx, &uses)?;
    Ok(uses)
}

/// Takes a try of somebody of whom only the network is seen.
fn take_on_network(
    tx: &mut UnitOfWork<'_>,
    subject: &str,
    client: &Client,
    account: Option<&Account>,
) -> Result<Vec<LimitRequest>> {
    let mut uses = tries_here(subject, client);
    limits::take(tx, &uses)?;
    let shared = tries_with_others(subject, client);
    match limits::take(tx, &shared) {
        Ok(()) => uses.extend(shared),
        Err(error) if error.code() != Code::RateLimited => return Err(error),
        // Others have used it up, elsewhere or beside the owner, who is to get in all the same.
        Err(_) if is_at_home(tx, account, client)? => {
            tx.context.limit_states.forget(&SHARED);
        }
        Err(refused) => {
            limits::refund(tx, &uses)?;
            tx.context.limit_states.forget(&[Limit::SignInAccount]);
            return Err(refused);
        }
    }
    Ok(uses)
}

/// What a try is counted as, whether or not there is such an account: by the client together with the
/// address, so that failures from elsewhere do not lock the owner out.
fn tries_here(subject: &str, client: &Client) -> Vec<LimitRequest> {
    LimitRequest::by_client(Limit::SignInAccount, client)
        .into_iter()
        .map(|request| request.to(subject))
        .collect()
}

/// Limits that strangers share with the owner of an account.
const SHARED: [Limit; 2] = [Limit::SignInAddress, Limit::SignInClient];

/// What a try is counted as besides.
fn tries_with_others(subject: &str, client: &Client) -> Vec<LimitRequest> {
    let mut tries = vec![LimitRequest::one(Limit::SignInAddress, subject)];
    tries.extend(LimitRequest::by_client(Limit::SignInClient, client));
    tries
}

/// Whether the owner of the account has signed in from here before.
fn is_at_home(tx: &mut UnitOfWork<'_>, account: Option<&Account>, client: &Client) -> Result<bool> {
    match account {
        Some(account) => known_networks::is_known(tx, account.id, client),
        None => Ok(false),
    }
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
        subject: account.email.to_string(),
        account: Some(Box::new(account)),
        uses,
        place: None,
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
    let (uses, place) = (check.uses.clone(), check.place.clone());
    let (account, rehash) = verified(tx, check, comparison)?;
    let started = tx.transaction(|tx| {
        let account = keep_rehash(tx, account, rehash)?;
        let mut issued = sessions::start(tx, account, user_agent)?;
        if let Some(SignInPlace { client, device }) = &place {
            let account = issued.account.id;
            known_networks::remember(tx, account, client)?;
            issued.device_token = Some(known_devices::issue(tx, account, device.as_ref())?);
        }
        limits::refund(tx, &uses)?;
        Ok(issued)
    });
    if started.is_err() {
        limits::refund(tx, &uses)?;
    }
    started
}

/// Ends the check of the password of somebody who is known, and gives the account as it was checked. The
/// pointer is that of the field with the password.
///
/// # Errors
/// `wrong_credentials`; what made the comparison fail.
pub fn complete_confirmation(
    tx: &mut UnitOfWork<'_>,
    check: PasswordCheck,
    comparison: Result<Comparison>,
    pointer: &'static str,
) -> Result<Account> {
    let uses = check.uses.clone();
    let (account, _) = verified(tx, check, comparison).map_err(|error| {
        if error.code() == Code::WrongCredentials {
            Error::wrong_password(pointer)
        } else {
            error
        }
    })?;
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
            Ok((*account, rehash))
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
    if account_passwords::replace_hash(tx.connection, account.id, known, &new)? {
        account.password_hash = Some(new);
    }
    Ok(account)
}

//! Who shows a link: whoever registered the account, or somebody else who reads the mailbox.

use super::link::{Link, find_link, not_good};
use crate::domain::client_address::Client;
use crate::domain::ids::AccountId;
use crate::error::{Code, Error, Result};
use crate::services::context::Principal;
use crate::services::sessions;
use crate::services::sign_in::{self, Challenge, Comparison, PasswordCheck};
use crate::services::unit_of_work::UnitOfWork;

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

/// Begins to find out whether the bearer of a link has registered the account.
///
/// # Errors
/// `token_invalid`, also of a link that was used; `not_signed_in` where nothing is shown beside the link;
/// `rate_limited`.
pub fn identify(tx: &mut UnitOfWork<'_>, link: &PresentedLink) -> Result<Challenge<Registrant>> {
    let Link {
        account, used_at, ..
    } = find_link(tx, &link.token)?;
    if is_signed_in(tx, account.id, link.refresh_token.as_deref())? {
        return Ok(Challenge::Passed(Registrant::Session));
    }
    if used_at.is_some() {
        return Err(not_good());
    }
    if link.with_password {
        let check = sign_in::begin(tx, account.email.as_str(), &link.client, None)?;
        return Ok(Challenge::Password(check));
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

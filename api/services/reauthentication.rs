//! The password once more, before what cannot be undone (`docs/accounts.md`).

use std::time::Duration;

use super::sign_in::{self, Challenge, Comparison, PasswordCheck};
use super::unit_of_work::UnitOfWork;
use crate::error::{Code, Error, Result};

/// How long a sign-in stands for the password.
const RECENT: Duration = Duration::from_secs(5 * 60);

/// Proof that the person with the session has lately shown the password of the account.
#[derive(Clone, Copy, Debug)]
pub struct Reauthenticated(());

/// Begins to make sure that the session is in the hands of its owner: by the password, where one was sent,
/// or by a sign-in of the last minutes.
///
/// # Errors
/// `wrong_credentials` where there is neither; `rate_limited`.
pub fn begin(tx: &mut UnitOfWork<'_>, with_password: bool) -> Result<Challenge<Reauthenticated>> {
    if with_password {
        return sign_in::begin_confirmation(tx).map(Challenge::Password);
    }
    let signed_in_at = tx.context.principal.session()?.signed_in_at;
    if tx.now().since(signed_in_at) <= RECENT {
        return Ok(Challenge::Passed(Reauthenticated(())));
    }
    Err(password_needed())
}

/// The refusal of a session that is too old for what cannot be undone.
pub fn password_needed() -> Error {
    Error::refused(
        Code::WrongCredentials,
        "This cannot be undone. Send your password as `password` in the body, or sign in again and repeat \
         the request within five minutes.",
    )
}

/// Ends the check of the password.
///
/// # Errors
/// As [`sign_in::complete_confirmation`].
pub fn complete(
    tx: &mut UnitOfWork<'_>,
    check: PasswordCheck,
    comparison: Result<Comparison>,
) -> Result<Reauthenticated> {
    sign_in::complete_confirmation(tx, check, comparison, "/password").map(|_| Reauthenticated(()))
}

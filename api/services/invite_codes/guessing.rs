//! Unknown codes are counted, so that a class gets in at once and a guesser does not get far
//! (`docs/limits.md`).

use super::redemption;
use crate::domain::ids::AccountId;
use crate::domain::invite_code::InviteCode;
use crate::error::{Code, Result};
use crate::services::context::Principal;
use crate::services::limits::{self, Limit, LimitRequest};
use crate::services::unit_of_work::UnitOfWork;
use crate::store::invite_codes;

/// Who is counted for an unknown code.
pub enum Guesser {
    /// An account that is signed in, or for which an API key acts.
    Account(AccountId),
    /// The address that an anonymous request comes from.
    Client(String),
}

impl Guesser {
    /// The account of an authenticated principal, else the client.
    pub fn of(principal: &Principal, client: String) -> Self {
        principal
            .account_id()
            .map_or(Self::Client(client), Self::Account)
    }

    fn attempt(&self) -> LimitRequest {
        match self {
            Self::Account(account) => LimitRequest::one(Limit::CodeAccount, account.to_string()),
            Self::Client(client) => LimitRequest::one(Limit::CodeClient, client),
        }
    }
}

/// The code that somebody typed. A text that does not look like a code is a slip of the keyboard: it is
/// not counted.
///
/// # Errors
/// `code_unknown`.
pub fn typed_code(typed: &str) -> Result<InviteCode> {
    InviteCode::parse(typed).map_err(|_| redemption::unknown())
}

/// Runs what looks a code up, and counts it where the code is unknown. Call it outside of a
/// transaction: a refusal would undo the count.
///
/// # Errors
/// `rate_limited` after too many, whatever the code; the work's own.
pub fn counted<T>(
    tx: &mut UnitOfWork<'_>,
    guesser: &Guesser,
    work: impl FnOnce(&mut UnitOfWork<'_>) -> Result<T>,
) -> Result<T> {
    // Counted before the lookup: a sender without attempts left does not learn which codes exist.
    let attempt = [guesser.attempt()];
    limits::take(tx, &attempt)?;
    let result = work(tx);
    let is_unknown = matches!(&result, Err(error) if error.code() == Code::CodeUnknown);
    if !is_unknown {
        limits::refund(tx, &attempt)?;
    }
    result
}

/// The code that somebody typed, if it exists.
///
/// # Errors
/// `code_unknown`, `rate_limited`.
pub fn known_code(tx: &mut UnitOfWork<'_>, typed: &str, guesser: &Guesser) -> Result<InviteCode> {
    let code = typed_code(typed)?;
    counted(tx, guesser, |tx| {
        let is_known = invite_codes::exists(tx.connection, &code)?;
        is_known.then_some(code).ok_or_else(redemption::unknown)
    })
}

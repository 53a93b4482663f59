//! Unknown codes are counted, so that a class gets in at once and a guesser does not get far
//! (`docs/limits.md`).

use super::redemption;
use crate::domain::client_address::Client;
use crate::domain::ids::AccountId;
use crate::domain::invite_code::InviteCode;
use crate::error::{Code, Error, Result};
use crate::services::context::Principal;
use crate::services::limits::{self, Limit, LimitRequest};
use crate::services::unit_of_work::UnitOfWork;
use crate::store::accounts::Account;
use crate::store::invite_codes;

/// The limits by which unknown codes are counted.
pub const LIMITS: [Limit; 4] = [
    Limit::CodeAccount,
    Limit::CodeFirst,
    Limit::CodeUnverified,
    Limit::CodeClient,
];

/// Who is counted for an unknown code.
pub enum Guesser {
    /// An account that is signed in, or for which an API key acts.
    Account(AccountId),
    /// Such an account that anybody can register, as many as they like, and where it is.
    Unverified(AccountId, Client),
    /// Where an anonymous request comes from.
    Client(Client),
}

impl Guesser {
    /// The account of an authenticated principal, else the client.
    pub fn of(principal: &Principal, client: Client) -> Self {
        match principal.account() {
            Some(account) if is_vouched_for(account) => Self::Account(account.id),
            Some(account) => Self::Unverified(account.id, client),
            None => Self::Client(client),
        }
    }

    /// Takes an attempt, and tells what was taken for it.
    fn take(&self, tx: &mut UnitOfWork<'_>) -> Result<Vec<LimitRequest>> {
        let by = |account: &AccountId| LimitRequest::one(Limit::CodeAccount, account.to_string());
        let attempts = match self {
            Self::Account(account) => vec![by(account)],
            Self::Unverified(account, client) => {
                let first = LimitRequest::one(Limit::CodeFirst, account.to_string());
                return take_unverified(tx, [by(account), first], client);
            }
            Self::Client(client) => LimitRequest::by_client(Limit::CodeClient, client),
        };
        limits::take(tx, &attempts)?;
        Ok(attempts)
    }

    /// What helps somebody whose limit others may have used up.
    const fn way_out(&self) -> Option<&'static str> {
        match self {
            Self::Account(_) => None,
            Self::Unverified(..) => {
                Some("Once your address is verified, only your own tries count.")
            }
            Self::Client(_) => {
                Some("Register or sign in first, and enter the code then, if you cannot wait.")
            }
        }
    }

    /// The refusal of one try too many: the rule of the limit, and the way out.
    fn refusal(&self, error: Error) -> Error {
        match self.way_out() {
            Some(way_out) if error.code() == Code::RateLimited => {
                let detail = format!("{error} {way_out}");
                error.in_other_words(detail)
            }
            Some(_) | None => error,
        }
    }
}

/// Takes the attempt of an account that anybody can register. Its first ones count for it alone, so that a class
/// gets in beside a guesser; further ones count for the client too.
fn take_unverified(
    tx: &mut UnitOfWork<'_>,
    [by_account, first]: [LimitRequest; 2],
    client: &Client,
) -> Result<Vec<LimitRequest>> {
    let alone = [by_account.clone(), first];
    if limits::take_or_wait(tx, &alone)?.is_none() {
        return Ok(alone.into());
    }
    let mut with_others = vec![by_account];
    with_others.extend(LimitRequest::by_client(Limit::CodeUnverified, client));
    limits::take(tx, &with_others)?;
    Ok(with_others)
}

/// Whether an account is more than a registration, of which a guesser makes as many as they like.
const fn is_vouched_for(account: &Account) -> bool {
    account.email_verified_at.is_some() || account.managed_by_organization_id.is_some()
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
    let attempts = guesser.take(tx);
    let attempts = attempts.map_err(|error| guesser.refusal(error))?;
    let result = work(tx);
    let is_unknown = matches!(&result, Err(error) if error.code() == Code::CodeUnknown);
    if !is_unknown {
        limits::refund(tx, &attempts)?;
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

//! Guessing at codes: the unknown ones are counted, so that a class gets in at once and a guesser
//! does not get far (PRODUCT 3.4).

use crate::domain::ids::AccountId;
use crate::domain::invite_code::InviteCode;
use crate::error::{Code, Result};
use crate::routes::extract::RateLimiter;
use crate::services::invite_codes::redemption;
use crate::services::limits::Limit;
use crate::state::State;
use crate::store::invite_codes;

/// The code that somebody typed. What no code looks like is a slip of the keyboard: it finds nothing,
/// and costs nothing.
///
/// # Errors
/// `code_unknown`.
pub fn typed_code(typed: &str) -> Result<InviteCode> {
    InviteCode::parse(typed).map_err(|_| redemption::unknown())
}

/// Does what looks a code up. Where the code is unknown, that costs a try: the account where there is
/// one, else the address that the request comes from.
///
/// # Errors
/// `rate_limited` after too many, whatever the code; the work's own.
pub async fn counted<T>(
    rate_limiter: &RateLimiter,
    account: Option<AccountId>,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    // Taken before anybody looks: whoever has no try left does not learn which codes there are.
    let one_try = match account {
        Some(account) => {
            let subject = account.to_string();
            rate_limiter.take(Limit::CodeAccount, &subject).await?
        }
        None => rate_limiter.take_for_client(Limit::CodeClient).await?,
    };
    let ended = work.await;
    let is_unknown = matches!(&ended, Err(error) if error.code() == Code::CodeUnknown);
    if !is_unknown {
        one_try.refund().await?;
    }
    ended
}

/// The code that a stranger typed, if there is such a code: asked before their password is hashed.
///
/// # Errors
/// `code_unknown`, `rate_limited`.
pub async fn known_code(
    state: &State,
    rate_limiter: &RateLimiter,
    typed: &str,
) -> Result<InviteCode> {
    let code = typed_code(typed)?;
    let found = state.run_blocking(move |connection| {
        let is_known = invite_codes::exists(connection, &code)?;
        is_known.then_some(code).ok_or_else(redemption::unknown)
    });
    counted(rate_limiter, None, found).await
}

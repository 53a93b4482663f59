//! Guessing at codes: the unknown ones are counted, so that a class gets in at once and a guesser
//! does not get far (PRODUCT 3.4).

use crate::domain::ids::AccountId;
use crate::domain::invite_code::InviteCode;
use crate::error::Result;
use crate::routes::extract::Throttle;
use crate::services::invite_codes::redemption;
use crate::services::limits::Limit;
use crate::state::State;
use crate::store::invite_codes;

/// The code that somebody typed, if there is such a code. One that is unknown costs its sender a
/// try: the account where there is one, else the address that it comes from. What no code looks like
/// is a slip of the keyboard, finds nothing, and costs nothing.
///
/// # Errors
/// `code_unknown`; `rate_limited` after too many, whatever the code.
pub async fn known_code(
    state: &State,
    throttle: &Throttle,
    account: Option<AccountId>,
    typed: &str,
) -> Result<InviteCode> {
    let code = InviteCode::parse(typed).map_err(|_| redemption::unknown())?;
    // Taken before anybody looks: whoever has no try left does not learn which codes there are.
    let one_try = match account {
        Some(account) => {
            let subject = account.to_string();
            throttle.take(Limit::CodeAccount, &subject).await?
        }
        None => throttle.take_for_client(Limit::CodeClient).await?,
    };
    let sought = code.clone();
    let is_known = state
        .unit(move |connection| invite_codes::exists(connection, &sought))
        .await?;
    if !is_known {
        return Err(redemption::unknown());
    }
    one_try.give_back().await?;
    Ok(code)
}

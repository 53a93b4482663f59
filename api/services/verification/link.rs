//! A mailed link as somebody presents it.

use crate::crypto::token::{Token, TokenHash, TokenKind};
use crate::domain::timestamp::Timestamp;
use crate::error::{Code, Error, Result};
use crate::services::unit_of_work::UnitOfWork;
use crate::store::accounts::{self, Account};
use crate::store::mailed_tokens;

/// A link that verifies the address of whoever registered it.
pub(super) struct Link {
    pub(super) hash: TokenHash,
    pub(super) account: Account,
    pub(super) used_at: Option<Timestamp>,
}

/// The link of a token.
///
/// # Errors
/// `token_invalid` where it was replaced or has expired.
pub(super) fn find_link(tx: &mut UnitOfWork<'_>, presented: &str) -> Result<Link> {
    let token = Token::presented(TokenKind::VerifyEmail, presented).ok_or_else(not_good)?;
    let hash = token.hash();
    let known = mailed_tokens::find(tx.connection, TokenKind::VerifyEmail, &hash)?
        .filter(|known| known.expires_at > tx.now())
        .ok_or_else(not_good)?;
    let account = accounts::find(tx.connection, known.account_id)?.ok_or_else(not_good)?;
    Ok(Link {
        hash,
        account,
        used_at: known.used_at,
    })
}

/// The refusal of a link that verifies no address any more.
pub fn not_good() -> Error {
    Error::refused(
        Code::TokenInvalid,
        "This link was used, was replaced by another, or has expired. If the address is not verified \
         yet, sign in and ask for a new one at /v1/auth/email/resend.",
    )
}

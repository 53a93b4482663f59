//! The secrets of links that are mailed to the owner of an account.

use std::time::Duration;

use super::unit_of_work::UnitOfWork;
use crate::crypto::token::{Token, TokenKind};
use crate::domain::ids::AccountId;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::store::mailed_tokens::{self, MailedToken};

/// Generates a secret and stores its hash, in the transaction that queues its mail. Gives it, and when it
/// expires.
pub(super) fn issue(
    tx: &mut UnitOfWork<'_>,
    kind: TokenKind,
    account: AccountId,
    lifetime: Duration,
) -> Result<(Token, Timestamp)> {
    let token = Token::generate(kind)?;
    let now = tx.now();
    let expires_at = now.plus(lifetime);
    let stored = MailedToken {
        kind,
        account_id: account,
        invitation_id: None,
        created_at: now,
        expires_at,
        used_at: None,
    };
    mailed_tokens::insert(tx.connection, &token.hash(), &stored)?;
    Ok((token, expires_at))
}

//! The hashes of secrets in mailed links.

use diesel::prelude::*;

use super::Connection;
use super::backend::each_backend;
use super::schema::mailed_tokens;
use crate::crypto::token::{TokenHash, TokenKind};
use crate::domain::ids::{AccountId, InvitationId};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

/// A token that was mailed.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = mailed_tokens)]
pub struct MailedToken {
    pub kind: TokenKind,
    pub account_id: AccountId,
    pub invitation_id: Option<InvitationId>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

/// Keeps the hash of a token.
pub fn insert(connection: &mut Connection, hash: &TokenHash, token: &MailedToken) -> Result<()> {
    diesel::insert_into(mailed_tokens::table)
        .values((
            mailed_tokens::token_hash.eq(hash.as_bytes()),
            mailed_tokens::kind.eq(token.kind),
            mailed_tokens::account_id.eq(token.account_id),
            mailed_tokens::invitation_id.eq(token.invitation_id),
            mailed_tokens::created_at.eq(token.created_at),
            mailed_tokens::expires_at.eq(token.expires_at),
        ))
        .execute(connection)?;
    Ok(())
}

/// Keeps the hashes of many tokens.
pub fn insert_all(connection: &mut Connection, new: &[(TokenHash, MailedToken)]) -> Result<()> {
    let rows: Vec<_> = new
        .iter()
        .map(|(hash, token)| {
            (
                mailed_tokens::token_hash.eq(hash.as_bytes()),
                mailed_tokens::kind.eq(token.kind),
                mailed_tokens::account_id.eq(token.account_id),
                mailed_tokens::invitation_id.eq(token.invitation_id),
                mailed_tokens::created_at.eq(token.created_at),
                mailed_tokens::expires_at.eq(token.expires_at),
            )
        })
        .collect();
    each_backend!(connection, c => diesel::insert_into(mailed_tokens::table)
        .values(&rows)
        .execute(c))?;
    Ok(())
}

/// The token of this kind with this hash, expired or not.
pub fn find(
    connection: &mut Connection,
    kind: TokenKind,
    hash: &TokenHash,
) -> Result<Option<MailedToken>> {
    Ok(mailed_tokens::table
        .find(hash.as_bytes())
        .filter(mailed_tokens::kind.eq(kind))
        .select(MailedToken::as_select())
        .first(connection)
        .optional()?)
}

/// Uses a token up; `false` where it has expired, was used before, or never was.
pub fn consume(
    connection: &mut Connection,
    kind: TokenKind,
    hash: &TokenHash,
    now: Timestamp,
) -> Result<bool> {
    let good = mailed_tokens::table
        .find(hash.as_bytes())
        .filter(mailed_tokens::kind.eq(kind))
        .filter(mailed_tokens::expires_at.gt(now));
    Ok(diesel::delete(good).execute(connection)? == 1)
}

/// Kills every token of this kind of an account.
pub fn delete_of_account(
    connection: &mut Connection,
    account: AccountId,
    kind: TokenKind,
) -> Result<usize> {
    let theirs = mailed_tokens::table
        .filter(mailed_tokens::account_id.eq(account))
        .filter(mailed_tokens::kind.eq(kind));
    Ok(diesel::delete(theirs).execute(connection)?)
}

/// Kills every token of an invitation.
pub fn delete_of_invitation(connection: &mut Connection, invitation: InvitationId) -> Result<()> {
    let its = mailed_tokens::table.filter(mailed_tokens::invitation_id.eq(invitation));
    diesel::delete(its).execute(connection)?;
    Ok(())
}

/// Forgets tokens that expired before this moment.
pub fn delete_expired(connection: &mut Connection, before: Timestamp) -> Result<usize> {
    let old = mailed_tokens::table.filter(mailed_tokens::expires_at.le(before));
    Ok(diesel::delete(old).execute(connection)?)
}

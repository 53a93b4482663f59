//! The hashes of secrets in mailed links.

use diesel::prelude::*;

use super::Connection;
use super::backend::insert_rows;
use super::schema::mailed_tokens;
use crate::crypto::token::{TokenHash, TokenKind};
use crate::domain::ids::{AccountId, InvitationId};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

/// A token that was mailed.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = mailed_tokens, treat_none_as_default_value = false)]
pub struct MailedToken {
    pub kind: TokenKind,
    pub account_id: AccountId,
    pub invitation_id: Option<InvitationId>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    /// Where it stays after its use.
    pub used_at: Option<Timestamp>,
}

#[derive(Insertable)]
#[diesel(table_name = mailed_tokens, treat_none_as_default_value = false)]
struct NewRow {
    token_hash: Vec<u8>,
    #[diesel(embed)]
    token: MailedToken,
}

impl NewRow {
    fn new(hash: &TokenHash, token: &MailedToken) -> Self {
        Self {
            token_hash: hash.as_bytes().to_vec(),
            token: token.clone(),
        }
    }
}

/// Adds a token by its hash.
pub fn insert(connection: &mut Connection, hash: &TokenHash, token: &MailedToken) -> Result<()> {
    insert_all_rows(connection, vec![NewRow::new(hash, token)])
}

/// Adds many tokens by their hashes.
pub fn insert_all(connection: &mut Connection, new: &[(TokenHash, MailedToken)]) -> Result<()> {
    let rows: Vec<_> = new
        .iter()
        .map(|(hash, token)| NewRow::new(hash, token))
        .collect();
    insert_all_rows(connection, rows)
}

fn insert_all_rows(connection: &mut Connection, rows: Vec<NewRow>) -> Result<()> {
    insert_rows!(connection, mailed_tokens::table, rows, (insert, c) => insert.execute(c));
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

/// Deletes a token because it is used; `false` where it has expired, was used before, or never was.
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

/// Notes that a token is used, which stays until it expires.
pub fn mark_used(connection: &mut Connection, hash: &TokenHash, now: Timestamp) -> Result<()> {
    diesel::update(mailed_tokens::table.find(hash.as_bytes()))
        .set(mailed_tokens::used_at.eq(Some(now)))
        .execute(connection)?;
    Ok(())
}

/// Deletes every token of this kind of an account.
pub fn delete_of_account(
    connection: &mut Connection,
    account: AccountId,
    kind: TokenKind,
) -> Result<()> {
    let theirs = mailed_tokens::table
        .filter(mailed_tokens::account_id.eq(account))
        .filter(mailed_tokens::kind.eq(kind));
    diesel::delete(theirs).execute(connection)?;
    Ok(())
}

/// Deletes every token of an invitation.
pub fn delete_of_invitation(connection: &mut Connection, invitation: InvitationId) -> Result<()> {
    let its = mailed_tokens::table.filter(mailed_tokens::invitation_id.eq(invitation));
    diesel::delete(its).execute(connection)?;
    Ok(())
}

/// Deletes tokens that expired before this moment.
pub fn delete_expired(connection: &mut Connection, before: Timestamp) -> Result<()> {
    let old = mailed_tokens::table.filter(mailed_tokens::expires_at.le(before));
    diesel::delete(old).execute(connection)?;
    Ok(())
}

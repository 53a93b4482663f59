//! Who came by an identity provider and has to show first that an account is theirs.

use diesel::prelude::*;

use super::Connection;
use super::schema::pending_links;
use crate::domain::ids::{AccountId, ConnectionId};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

/// A link that waits for its account's owner.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = pending_links, treat_none_as_default_value = false)]
pub struct PendingLink {
    pub token_hash: Vec<u8>,
    pub connection_id: ConnectionId,
    pub account_id: AccountId,
    pub sealed: Vec<u8>,
    pub code_hash: Option<Vec<u8>>,
    pub code_expires_at: Option<Timestamp>,
    pub tries: i64,
    pub expires_at: Timestamp,
}

/// Adds a link.
pub fn insert(connection: &mut Connection, link: &PendingLink) -> Result<()> {
    diesel::insert_into(pending_links::table)
        .values(link)
        .execute(connection)?;
    Ok(())
}

/// A link that has not ended.
pub fn find(
    connection: &mut Connection,
    token_hash: &[u8],
    now: Timestamp,
) -> Result<Option<PendingLink>> {
    Ok(pending_links::table
        .find(token_hash)
        .filter(pending_links::expires_at.gt(now))
        .select(PendingLink::as_select())
        .first(connection)
        .optional()?)
}

/// Gives a link a new code, in place of the one before, and has it wait until the code ends; the tries stay counted. `false` where there were as many as there may
/// be, or the link is gone.
pub fn set_code(
    connection: &mut Connection,
    token_hash: &[u8],
    (code_hash, expires_at): (&[u8], Timestamp),
    max: i64,
) -> Result<bool> {
    let left = pending_links::table
        .find(token_hash)
        .filter(pending_links::tries.lt(max));
    let changed = diesel::update(left)
        .set((
            pending_links::code_hash.eq(code_hash),
            pending_links::code_expires_at.eq(expires_at),
            pending_links::expires_at.eq(expires_at),
        ))
        .execute(connection)?;
    Ok(changed == 1)
}

/// Counts a try of a code, before it is compared; `false` where there were as many as there may be.
pub fn count_try(connection: &mut Connection, token_hash: &[u8], max: i64) -> Result<bool> {
    let left = pending_links::table
        .find(token_hash)
        .filter(pending_links::tries.lt(max));
    let counted = diesel::update(left)
        .set(pending_links::tries.eq(pending_links::tries + 1))
        .execute(connection)?;
    Ok(counted == 1)
}

/// Ends the links that wait for the owner of an account.
pub fn delete_of_account(connection: &mut Connection, account: AccountId) -> Result<()> {
    let theirs = pending_links::table.filter(pending_links::account_id.eq(account));
    diesel::delete(theirs).execute(connection)?;
    Ok(())
}

/// Uses a link up; `false` where it is gone.
pub fn delete(connection: &mut Connection, token_hash: &[u8]) -> Result<bool> {
    Ok(diesel::delete(pending_links::table.find(token_hash)).execute(connection)? == 1)
}

/// Forgets links that have ended.
pub fn delete_ended(connection: &mut Connection, now: Timestamp) -> Result<()> {
    let ended = pending_links::table.filter(pending_links::expires_at.le(now));
    diesel::delete(ended).execute(connection)?;
    Ok(())
}

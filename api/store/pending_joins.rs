//! Joins by codes that are limited to email domains or make staff: pending until the address is verified
//! (`docs/invite-codes.md`).

use diesel::prelude::*;
use diesel::upsert::excluded;

use super::Connection;
use super::backend::each_backend;
use super::schema::{invite_codes, pending_joins};
use crate::domain::ids::{AccountId, InviteCodeId, OrganizationId};
use crate::domain::invite_code::InviteCode;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

/// A pending join.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = pending_joins)]
pub struct PendingJoin {
    pub account_id: AccountId,
    pub invite_code_id: InviteCodeId,
    /// As it was entered: after a reset it lets nobody in.
    pub code: InviteCode,
    pub created_at: Timestamp,
}

/// Adds a pending join; the code that was entered last counts.
pub fn insert(connection: &mut Connection, new: &PendingJoin) -> Result<()> {
    each_backend!(connection, c => diesel::insert_into(pending_joins::table)
        .values(new)
        .on_conflict((pending_joins::account_id, pending_joins::invite_code_id))
        .do_update()
        .set((
            pending_joins::code.eq(excluded(pending_joins::code)),
            pending_joins::created_at.eq(excluded(pending_joins::created_at)),
        ))
        .execute(c))?;
    Ok(())
}

/// An account's pending joins, each with the organization that it leads to, in the order of the
/// organizations and their codes, in which both are locked.
pub fn of_account(
    connection: &mut Connection,
    account: AccountId,
) -> Result<Vec<(OrganizationId, PendingJoin)>> {
    Ok(pending_joins::table
        .inner_join(invite_codes::table)
        .filter(pending_joins::account_id.eq(account))
        .order((
            invite_codes::organization_id.asc(),
            pending_joins::invite_code_id.asc(),
        ))
        .select((invite_codes::organization_id, PendingJoin::as_select()))
        .load(connection)?)
}

/// Deletes an account's pending joins.
pub fn delete_of_account(connection: &mut Connection, account: AccountId) -> Result<()> {
    let theirs = pending_joins::table.filter(pending_joins::account_id.eq(account));
    diesel::delete(theirs).execute(connection)?;
    Ok(())
}

/// Deletes the pending joins of a code.
pub fn delete_of_code(connection: &mut Connection, code: InviteCodeId) -> Result<()> {
    let its = pending_joins::table.filter(pending_joins::invite_code_id.eq(code));
    diesel::delete(its).execute(connection)?;
    Ok(())
}

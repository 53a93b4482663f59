//! Whom an admin or a group's manager removed: a code that was made before does not let them back in
//! (PRODUCT 3.4).

use diesel::prelude::*;
use diesel::upsert::excluded;

use super::Connection;
use super::backend::each_backend;
use super::schema::{group_removals, removals};
use crate::domain::ids::{AccountId, GroupId, OrganizationId};
use crate::domain::instant::Instant;
use crate::error::Result;

/// Notes that somebody was removed from the organization.
pub fn insert(
    connection: &mut Connection,
    organization: OrganizationId,
    account: AccountId,
    at: Instant,
) -> Result<()> {
    each_backend!(connection, c => diesel::insert_into(removals::table)
        .values((
            removals::organization_id.eq(organization),
            removals::account_id.eq(account),
            removals::removed_at.eq(at),
        ))
        .on_conflict((removals::organization_id, removals::account_id))
        .do_update()
        .set(removals::removed_at.eq(excluded(removals::removed_at)))
        .execute(c))?;
    Ok(())
}

/// When somebody was removed from the organization, if they were and nobody let them in since.
pub fn find(
    connection: &mut Connection,
    organization: OrganizationId,
    account: AccountId,
) -> Result<Option<Instant>> {
    Ok(removals::table
        .find((organization, account))
        .select(removals::removed_at)
        .first(connection)
        .optional()?)
}

/// Forgets removals: these people are welcome again.
pub fn delete(
    connection: &mut Connection,
    organization: OrganizationId,
    accounts: &[AccountId],
) -> Result<()> {
    let theirs = removals::table
        .filter(removals::organization_id.eq(organization))
        .filter(removals::account_id.eq_any(accounts));
    diesel::delete(theirs).execute(connection)?;
    Ok(())
}

/// Notes that people were removed from a group.
pub fn insert_of_group(
    connection: &mut Connection,
    group: GroupId,
    accounts: &[AccountId],
    at: Instant,
) -> Result<()> {
    let rows: Vec<_> = accounts
        .iter()
        .map(|account| {
            (
                group_removals::group_id.eq(group),
                group_removals::account_id.eq(*account),
                group_removals::removed_at.eq(at),
            )
        })
        .collect();
    each_backend!(connection, c => diesel::insert_into(group_removals::table)
        .values(&rows)
        .on_conflict((group_removals::group_id, group_removals::account_id))
        .do_update()
        .set(group_removals::removed_at.eq(excluded(group_removals::removed_at)))
        .execute(c))?;
    Ok(())
}

/// When somebody was removed from the group, if they were and nobody added them since.
pub fn find_of_group(
    connection: &mut Connection,
    group: GroupId,
    account: AccountId,
) -> Result<Option<Instant>> {
    Ok(group_removals::table
        .find((group, account))
        .select(group_removals::removed_at)
        .first(connection)
        .optional()?)
}

/// Forgets removals from groups: these people are welcome there again.
pub fn delete_of_groups(
    connection: &mut Connection,
    groups: &[GroupId],
    accounts: &[AccountId],
) -> Result<()> {
    let theirs = group_removals::table
        .filter(group_removals::group_id.eq_any(groups))
        .filter(group_removals::account_id.eq_any(accounts));
    diesel::delete(theirs).execute(connection)?;
    Ok(())
}

//! Places in groups that wait until the member's address is verified (`docs/invitations.md`).

use diesel::prelude::*;

use super::Connection;
use super::backend::each_backend;
use super::schema::{memberships, pending_groups};
use crate::domain::ids::{AccountId, GroupId, OrganizationId};
use crate::domain::organization::MembershipStatus;
use crate::error::Result;

/// Notes that these groups wait for a member.
pub fn insert(
    connection: &mut Connection,
    organization: OrganizationId,
    account: AccountId,
    groups: &[GroupId],
) -> Result<()> {
    let rows: Vec<_> = groups
        .iter()
        .map(|group| {
            (
                pending_groups::organization_id.eq(organization),
                pending_groups::account_id.eq(account),
                pending_groups::group_id.eq(*group),
            )
        })
        .collect();
    each_backend!(connection, c => diesel::insert_into(pending_groups::table)
        .values(&rows)
        .on_conflict_do_nothing()
        .execute(c))?;
    Ok(())
}

/// Deletes the notes of an account, and gives the groups of organizations in which it is active.
pub fn take(
    connection: &mut Connection,
    account: AccountId,
) -> Result<Vec<(OrganizationId, GroupId)>> {
    let active = memberships::table
        .filter(memberships::account_id.eq(account))
        .filter(memberships::status.eq(MembershipStatus::Active))
        .select(memberships::organization_id);
    let waiting = pending_groups::table
        .filter(pending_groups::account_id.eq(account))
        .filter(pending_groups::organization_id.eq_any(active))
        .order(pending_groups::group_id.asc())
        .select((pending_groups::organization_id, pending_groups::group_id))
        .load(connection)?;
    let all = pending_groups::table.filter(pending_groups::account_id.eq(account));
    diesel::delete(all).execute(connection)?;
    Ok(waiting)
}

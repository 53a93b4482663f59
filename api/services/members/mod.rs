//! Members: listed, looked at, changed, helped, sent away (PRODUCT 3.9).

pub mod bulk;
mod changes;
pub mod export;
pub mod password;
pub mod removal;
pub mod status;
pub mod update;

use std::collections::HashMap;

use super::authorization::{ListMembers, Permit};
use crate::domain::ids::{AccountId, GroupId, OrganizationId};
use crate::error::{Code, Error, Result};
use crate::store::accounts::Account;
use crate::store::member_list::{self, MemberFilter, MemberPage, MemberRow};
use crate::store::memberships::{self, Membership};
use crate::store::{Connection, accounts, groups, organizations};

pub(super) use changes::{changed_meanwhile, settle};

/// A member with the groups they are in.
pub struct Member {
    pub row: MemberRow,
    pub groups: Vec<(GroupId, String)>,
}

/// A page of members; staff see those of the groups they manage.
pub fn list(
    connection: &mut Connection,
    permit: &Permit<ListMembers>,
    mut filter: MemberFilter,
    page: &MemberPage,
) -> Result<Vec<Member>> {
    filter.managed_by = permit.restricted_to_manager();
    let organization = permit.organization.id;
    let rows = member_list::list(connection, organization, &filter, page)?;
    with_groups(connection, organization, rows)
}

/// Members with their groups.
pub(super) fn with_groups(
    connection: &mut Connection,
    organization: OrganizationId,
    rows: Vec<MemberRow>,
) -> Result<Vec<Member>> {
    let ids: Vec<_> = rows.iter().map(|row| row.account.id).collect();
    let mut groups = groups_of(connection, organization, &ids)?;
    Ok(rows
        .into_iter()
        .map(|row| Member {
            groups: groups.remove(&row.account.id).unwrap_or_default(),
            row,
        })
        .collect())
}

fn groups_of(
    connection: &mut Connection,
    organization: OrganizationId,
    ids: &[AccountId],
) -> Result<HashMap<AccountId, Vec<(GroupId, String)>>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    groups::of_accounts(connection, organization, ids)
}

/// One member.
///
/// # Errors
/// `not_found` where there is none, or none that the caller may see.
pub fn find(
    connection: &mut Connection,
    permit: &Permit<ListMembers>,
    account: AccountId,
) -> Result<Member> {
    require_seen(connection, permit, account)?;
    load(connection, permit.organization.id, account)
}

/// Staff see the members of the groups that they manage.
fn require_seen<A: super::authorization::Permission>(
    connection: &mut Connection,
    permit: &Permit<A>,
    account: AccountId,
) -> Result<()> {
    let Some(manager) = permit.restricted_to_manager() else {
        return Ok(());
    };
    let organization = permit.organization.id;
    let seen = member_list::within_reach(connection, organization, manager, &[account])?;
    if seen.contains(&account) {
        Ok(())
    } else {
        Err(no_such_member())
    }
}

/// A member as they are now.
pub(super) fn load(
    connection: &mut Connection,
    organization: OrganizationId,
    account: AccountId,
) -> Result<Member> {
    let row = member_list::find(connection, organization, account)?.ok_or_else(no_such_member)?;
    let mut groups = groups_of(connection, organization, &[account])?;
    Ok(Member {
        row,
        groups: groups.remove(&account).unwrap_or_default(),
    })
}

/// The account and its membership, which stay as they are until the transaction ends. The organization
/// is held before the account, and both before seats and memberships: two who change members never
/// wait for each other in a ring.
///
/// # Errors
/// `not_found` where it is no member.
pub(super) fn hold(
    connection: &mut Connection,
    organization: OrganizationId,
    account: AccountId,
) -> Result<(Account, Membership)> {
    organizations::lock(connection, organization)?;
    // Where the account is gone, so is its membership.
    accounts::lock(connection, account)?;
    read(connection, organization, account)
}

fn read(
    connection: &mut Connection,
    organization: OrganizationId,
    account: AccountId,
) -> Result<(Account, Membership)> {
    let membership = memberships::find(connection, organization, account)?;
    let account = accounts::find(connection, account)?;
    account.zip(membership).ok_or_else(no_such_member)
}

/// The line that PRODUCT 2 draws: an organization may do this only to accounts that it created.
///
/// # Errors
/// `not_managed_here`.
fn require_managed(account: &Account, organization: OrganizationId) -> Result<()> {
    if account.managed_by_organization_id == Some(organization) && !account.operator {
        return Ok(());
    }
    Err(Error::refused(
        Code::NotManagedHere,
        "This organization did not create the account, so it may only end the membership. \
         Everything else is its owner's.",
    ))
}

pub(super) fn no_such_member() -> Error {
    Error::not_found("member")
}

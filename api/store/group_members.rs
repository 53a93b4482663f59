//! Who is in which group, and as what.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;

use super::Connection;
use super::backend::each_backend;
use super::schema::group_memberships;
use crate::domain::ids::{AccountId, GroupId, OrganizationId, SourceId};
use crate::domain::organization::GroupRole;
use crate::error::Result;

/// As what these people are in a group; who is not in it is not in the answer.
pub fn roles(
    connection: &mut Connection,
    organization: OrganizationId,
    group: GroupId,
    accounts: &[AccountId],
) -> Result<HashMap<AccountId, GroupRole>> {
    let roles: Vec<(AccountId, GroupRole)> = group_memberships::table
        .filter(group_memberships::organization_id.eq(organization))
        .filter(group_memberships::group_id.eq(group))
        .filter(group_memberships::account_id.eq_any(accounts))
        .select((group_memberships::account_id, group_memberships::role))
        .load(connection)?;
    Ok(roles.into_iter().collect())
}

/// As what somebody is in these groups.
pub fn roles_of(
    connection: &mut Connection,
    organization: OrganizationId,
    account: AccountId,
    groups: &[GroupId],
) -> Result<HashMap<GroupId, GroupRole>> {
    let roles: Vec<(GroupId, GroupRole)> = group_memberships::table
        .filter(group_memberships::organization_id.eq(organization))
        .filter(group_memberships::account_id.eq(account))
        .filter(group_memberships::group_id.eq_any(groups))
        .select((group_memberships::group_id, group_memberships::role))
        .load(connection)?;
    Ok(roles.into_iter().collect())
}

#[derive(Insertable)]
#[diesel(table_name = group_memberships, treat_none_as_default_value = false)]
struct GroupMembership {
    group_id: GroupId,
    organization_id: OrganizationId,
    account_id: AccountId,
    role: GroupRole,
    source: Option<SourceId>,
}

/// As what people come into a group, and what gives them the place where no person does.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub role: GroupRole,
    pub source: Option<SourceId>,
}

impl Place {
    /// A place that people give.
    pub const fn by_hand(role: GroupRole) -> Self {
        Self { role, source: None }
    }
}

/// Adds people to a group; who is in it already stays as they are. Tells who was new in it.
pub fn insert(
    connection: &mut Connection,
    (organization_id, group_id): (OrganizationId, GroupId),
    accounts: &[AccountId],
    Place { role, source }: Place,
) -> Result<HashSet<AccountId>> {
    if accounts.is_empty() {
        return Ok(HashSet::new());
    }
    let membership = |account: &AccountId| GroupMembership {
        group_id,
        organization_id,
        account_id: *account,
        role,
        source,
    };
    let mut new: Vec<_> = accounts.iter().map(membership).collect();
    // Each membership gets the group's marks: in one order, two that add the same people wait for each other.
    new.sort_unstable_by_key(|new| new.account_id);
    let inserted: Vec<AccountId> = each_backend!(connection, c => diesel::insert_into(group_memberships::table)
        .values(&new)
        .on_conflict_do_nothing()
        .returning(group_memberships::account_id)
        .get_results(c))?;
    Ok(inserted.into_iter().collect())
}

/// Makes places in a group people's own, so that nothing takes them back.
pub fn keep_by_hand(
    connection: &mut Connection,
    organization: OrganizationId,
    group: GroupId,
    accounts: &[AccountId],
) -> Result<()> {
    let given = group_memberships::table
        .filter(group_memberships::organization_id.eq(organization))
        .filter(group_memberships::group_id.eq(group))
        .filter(group_memberships::account_id.eq_any(accounts))
        .filter(group_memberships::source.is_not_null());
    diesel::update(given)
        .set(group_memberships::source.eq(None::<SourceId>))
        .execute(connection)?;
    Ok(())
}

/// The groups of these people that a source gave them.
pub fn given_by(
    connection: &mut Connection,
    organization: OrganizationId,
    source: SourceId,
    accounts: &[AccountId],
) -> Result<HashMap<AccountId, HashSet<GroupId>>> {
    let given: Vec<(AccountId, GroupId)> = group_memberships::table
        .filter(group_memberships::organization_id.eq(organization))
        .filter(group_memberships::account_id.eq_any(accounts))
        .filter(group_memberships::source.eq(source))
        .select((group_memberships::account_id, group_memberships::group_id))
        .load(connection)?;
    Ok(collected(given))
}

fn collected(places: Vec<(AccountId, GroupId)>) -> HashMap<AccountId, HashSet<GroupId>> {
    let mut by_account: HashMap<AccountId, HashSet<GroupId>> = HashMap::new();
    for (account, group) in places {
        by_account.entry(account).or_default().insert(group);
    }
    by_account
}

/// The groups that these people are in.
pub fn groups_of(
    connection: &mut Connection,
    organization: OrganizationId,
    accounts: &[AccountId],
) -> Result<HashMap<AccountId, HashSet<GroupId>>> {
    let places: Vec<(AccountId, GroupId)> = group_memberships::table
        .filter(group_memberships::organization_id.eq(organization))
        .filter(group_memberships::account_id.eq_any(accounts))
        .select((group_memberships::account_id, group_memberships::group_id))
        .load(connection)?;
    Ok(collected(places))
}

/// Takes back a place that a source gave; `false` where it is not that source's any more.
pub fn take_back(
    connection: &mut Connection,
    organization: OrganizationId,
    (group, account): (GroupId, AccountId),
    source: SourceId,
) -> Result<bool> {
    let given = group_memberships::table
        .find((group, account))
        .filter(group_memberships::organization_id.eq(organization))
        .filter(group_memberships::source.eq(source));
    Ok(diesel::delete(given).execute(connection)? == 1)
}

/// Leaves to people what a source gave them, which is gone itself.
pub fn forget_source(
    connection: &mut Connection,
    organization: OrganizationId,
    source: SourceId,
) -> Result<()> {
    let given = group_memberships::table
        .filter(group_memberships::organization_id.eq(organization))
        .filter(group_memberships::source.eq(source));
    diesel::update(given)
        .set(group_memberships::source.eq(None::<SourceId>))
        .execute(connection)?;
    Ok(())
}

/// Takes people out of a group; tells who was in it.
pub fn delete(
    connection: &mut Connection,
    organization: OrganizationId,
    group: GroupId,
    accounts: &[AccountId],
) -> Result<HashSet<AccountId>> {
    let theirs = group_memberships::table
        .filter(group_memberships::organization_id.eq(organization))
        .filter(group_memberships::group_id.eq(group))
        .filter(group_memberships::account_id.eq_any(accounts));
    let deleted: Vec<AccountId> = diesel::delete(theirs)
        .returning(group_memberships::account_id)
        .get_results(connection)?;
    Ok(deleted.into_iter().collect())
}

/// Gives somebody another role in a group; `false` where they have it already, or are not in it.
pub fn set_role(
    connection: &mut Connection,
    organization: OrganizationId,
    (group, account): (GroupId, AccountId),
    role: GroupRole,
) -> Result<bool> {
    let other = group_memberships::table
        .find((group, account))
        .filter(group_memberships::organization_id.eq(organization))
        .filter(group_memberships::role.ne(role));
    let by_hand = group_memberships::source.eq(None::<SourceId>);
    let changed = diesel::update(other)
        .set((group_memberships::role.eq(role), by_hand))
        .execute(connection)?;
    Ok(changed == 1)
}

/// Makes these people plain members wherever they manage a group; tells where who did.
pub fn demote_managers(
    connection: &mut Connection,
    organization: OrganizationId,
    accounts: &[AccountId],
) -> Result<Vec<(GroupId, AccountId)>> {
    let managing = group_memberships::table
        .filter(group_memberships::organization_id.eq(organization))
        .filter(group_memberships::account_id.eq_any(accounts))
        .filter(group_memberships::role.eq(GroupRole::Manager));
    Ok(diesel::update(managing)
        .set(group_memberships::role.eq(GroupRole::Member))
        .returning((group_memberships::group_id, group_memberships::account_id))
        .get_results(connection)?)
}

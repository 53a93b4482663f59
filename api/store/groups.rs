//! Groups inside one organization, and who is in them.

use std::collections::HashMap;

use diesel::prelude::*;

use super::backend::each_backend;
use super::schema::{group_memberships, groups, import_groups};
use super::sql_expression::Among;
use super::{Connection, Page};
use crate::domain::ids::{AccountId, GroupId, ImportId, OrganizationId};
use crate::domain::member_marks::marks_of_group;
use crate::domain::organization::GroupRole;
use crate::domain::search_key::SearchWords;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

/// A group as it is kept.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = groups)]
pub struct Group {
    pub id: GroupId,
    pub organization_id: OrganizationId,
    pub name: String,
    /// The name folded: unique in the organization whatever the case.
    pub name_key: String,
    /// The name folded for search.
    pub search_key: String,
    pub description: Option<String>,
    pub created_at: Timestamp,
}

/// Adds a group; `false`, and nothing changed, where its name is taken in the organization.
pub fn insert(connection: &mut Connection, group: &Group) -> Result<bool> {
    let inserted = each_backend!(connection, c => diesel::insert_into(groups::table)
        .values((group, groups::marks.eq(marks_of_group(group.id))))
        .on_conflict((groups::organization_id, groups::name_key))
        .do_nothing()
        .execute(c))?;
    Ok(inserted == 1)
}

/// What may change of a group; absent fields stay.
#[derive(Clone, Debug, Default, AsChangeset)]
#[diesel(table_name = groups)]
pub struct GroupChanges {
    pub name: Option<String>,
    /// Goes with the name, as the next does.
    pub name_key: Option<String>,
    pub search_key: Option<String>,
    /// `Some(None)` takes it away.
    pub description: Option<Option<String>>,
}

/// Changes a group; `false`, and the transaction spoiled, where its new name is taken.
pub fn update(
    connection: &mut Connection,
    organization: OrganizationId,
    id: GroupId,
    changes: &GroupChanges,
) -> Result<bool> {
    let group = groups::table
        .find(id)
        .filter(groups::organization_id.eq(organization));
    match diesel::update(group).set(changes).execute(connection) {
        Err(error) if super::is_duplicate(&error) => Ok(false),
        updated => updated.map(|_| true).map_err(Into::into),
    }
}

/// Deletes a group; its people stay in the organization.
pub fn delete(
    connection: &mut Connection,
    organization: OrganizationId,
    id: GroupId,
) -> Result<bool> {
    let group = groups::table
        .find(id)
        .filter(groups::organization_id.eq(organization));
    Ok(diesel::delete(group).execute(connection)? == 1)
}

/// A group of the organization.
pub fn find(
    connection: &mut Connection,
    organization: OrganizationId,
    id: GroupId,
) -> Result<Option<Group>> {
    Ok(groups::table
        .find(id)
        .filter(groups::organization_id.eq(organization))
        .select(Group::as_select())
        .first(connection)
        .optional()?)
}

/// As what somebody is in a group, if they are.
pub fn role_in(
    connection: &mut Connection,
    organization: OrganizationId,
    group: GroupId,
    account: AccountId,
) -> Result<Option<GroupRole>> {
    Ok(group_memberships::table
        .find((group, account))
        .filter(group_memberships::organization_id.eq(organization))
        .select(group_memberships::role)
        .first(connection)
        .optional()?)
}

/// Which of these groups the organization has.
pub fn existing(
    connection: &mut Connection,
    organization: OrganizationId,
    ids: &[GroupId],
) -> Result<Vec<GroupId>> {
    Ok(groups::table
        .filter(groups::organization_id.eq(organization))
        .filter(groups::id.eq_any(ids))
        .select(groups::id)
        .load(connection)?)
}

/// Those of these groups that the organization has, with their names.
pub fn names(
    connection: &mut Connection,
    organization: OrganizationId,
    ids: &[GroupId],
) -> Result<Vec<(GroupId, String)>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(groups::table
        .filter(groups::organization_id.eq(organization))
        .filter(groups::id.eq_any(ids))
        .select((groups::id, groups::name))
        .load(connection)?)
}

/// Which groups a list shows; absent fields do not narrow it.
#[derive(Clone, Debug, Default)]
pub struct GroupFilter {
    /// Each any part of the name.
    pub search: Option<SearchWords>,
    /// Only those that this account is in.
    pub member: Option<AccountId>,
}

/// A page of groups, the oldest first.
pub fn list(
    connection: &mut Connection,
    organization: OrganizationId,
    filter: &GroupFilter,
    page: Page<GroupId>,
) -> Result<Vec<Group>> {
    let mut query = groups::table
        .filter(groups::organization_id.eq(organization))
        .order(groups::id.asc())
        .limit(page.limit)
        .select(Group::as_select())
        .into_boxed();
    if let Some(after) = page.after {
        query = query.filter(groups::id.gt(after));
    }
    for pattern in filter.search.iter().flat_map(SearchWords::patterns) {
        query = query.filter(groups::search_key.like(pattern).escape('\\'));
    }
    if let Some(account) = filter.member {
        let theirs = group_memberships::table
            .filter(group_memberships::organization_id.eq(organization))
            .filter(group_memberships::account_id.eq(account))
            .select(group_memberships::group_id);
        query = query.filter(groups::id.eq_any(theirs));
    }
    Ok(query.load(connection)?)
}

/// How many people each of these groups has.
pub fn member_counts(
    connection: &mut Connection,
    organization: OrganizationId,
    ids: &[GroupId],
) -> Result<HashMap<GroupId, i64>> {
    let counts: Vec<(GroupId, i64)> = group_memberships::table
        .filter(group_memberships::organization_id.eq(organization))
        .filter(group_memberships::group_id.eq_any(ids))
        .group_by(group_memberships::group_id)
        .select((group_memberships::group_id, diesel::dsl::count_star()))
        .load(connection)?;
    Ok(counts.into_iter().collect())
}

/// The groups of each of these people: id and name, in the order of the names.
pub fn of_accounts(
    connection: &mut Connection,
    organization: OrganizationId,
    accounts: &[AccountId],
) -> Result<HashMap<AccountId, Vec<(GroupId, String)>>> {
    let theirs = Among::accounts(connection, "group_memberships.account_id", accounts);
    let rows: Vec<(AccountId, GroupId, String)> = each_backend!(connection, c => group_memberships::table
        .inner_join(groups::table)
        .filter(group_memberships::organization_id.eq(organization))
        .filter(theirs)
        .order((groups::name_key.asc(), groups::id.asc()))
        .select((group_memberships::account_id, groups::id, groups::name))
        .load(c))?;
    let mut by_account: HashMap<AccountId, Vec<(GroupId, String)>> = HashMap::new();
    for (account, id, name) in rows {
        by_account.entry(account).or_default().push((id, name));
    }
    Ok(by_account)
}

/// The groups that this account manages.
pub fn managed_by(
    connection: &mut Connection,
    organization: OrganizationId,
    account: AccountId,
) -> Result<Vec<GroupId>> {
    Ok(group_memberships::table
        .filter(group_memberships::organization_id.eq(organization))
        .filter(group_memberships::account_id.eq(account))
        .filter(group_memberships::role.eq(GroupRole::Manager))
        .select(group_memberships::group_id)
        .load(connection)?)
}

/// Notes that an import's people go into these groups.
pub fn insert_of_import(
    connection: &mut Connection,
    import: ImportId,
    ids: &[GroupId],
) -> Result<()> {
    let rows: Vec<_> = ids
        .iter()
        .map(|group| {
            (
                import_groups::import_id.eq(import),
                import_groups::group_id.eq(*group),
            )
        })
        .collect();
    each_backend!(connection, c => diesel::insert_into(import_groups::table)
        .values(&rows)
        .on_conflict_do_nothing()
        .execute(c))?;
    Ok(())
}

/// The groups that an import's people go into.
pub fn of_import(connection: &mut Connection, import: ImportId) -> Result<Vec<GroupId>> {
    Ok(import_groups::table
        .filter(import_groups::import_id.eq(import))
        .select(import_groups::group_id)
        .load(connection)?)
}

//! Members as lists show them: searched, filtered, in any of three orders.

use std::collections::HashSet;

use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::Connection;
use super::accounts::Account;
use super::connection::MultiBackend;
use super::memberships::Membership;
use super::row_value::beyond;
use super::schema::{accounts, group_memberships, memberships};
use crate::domain::email_domain::EmailDomain;
use crate::domain::ids::{AccountId, GroupId, OrganizationId};
use crate::domain::members::Direction::{self, Ascending, Descending};
use crate::domain::members::{MemberKey, MemberOrder, MemberPosition, MemberSort};
use crate::domain::organization::{AccountType, GroupRole, MembershipStatus, Role};
use crate::domain::search_key::SearchWords;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

/// A member, as lists show them: the account and its membership.
#[derive(Clone, Queryable, Selectable)]
pub struct MemberRow {
    #[diesel(embed)]
    pub account: Account,
    #[diesel(embed)]
    pub membership: Membership,
}

/// Which members a list shows; absent fields do not narrow it.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct MemberFilter {
    /// Each any part of the name or the address.
    pub search: Option<SearchWords>,
    pub account_type: Option<AccountType>,
    pub role: Option<Role>,
    pub status: Option<MembershipStatus>,
    pub group: Option<GroupId>,
    /// As what they are in the group.
    pub group_role: Option<GroupRole>,
    pub email_domain: Option<EmailDomain>,
    pub email_verified: Option<bool>,
    pub managed: Option<bool>,
    pub registered_from: Option<Timestamp>,
    pub registered_to: Option<Timestamp>,
    pub active_from: Option<Timestamp>,
    pub active_to: Option<Timestamp>,
    /// Only people in a group that this account manages.
    pub managed_by: Option<AccountId>,
}

/// One page of an ordered list.
#[derive(Clone, Debug)]
pub struct MemberPage {
    pub order: MemberSort,
    pub after: Option<MemberPosition>,
    pub limit: i64,
}

type Joined = diesel::dsl::InnerJoinQuerySource<memberships::table, accounts::table>;
type Condition = Box<dyn BoxableExpression<Joined, MultiBackend, SqlType = Bool>>;

type MemberQuery = diesel::dsl::IntoBoxed<
    'static,
    diesel::dsl::Limit<
        diesel::dsl::Select<
            diesel::dsl::Filter<
                diesel::dsl::InnerJoin<memberships::table, accounts::table>,
                diesel::dsl::Eq<memberships::organization_id, OrganizationId>,
            >,
            diesel::dsl::AsSelect<MemberRow, MultiBackend>,
        >,
    >,
    MultiBackend,
>;

/// A page of an organization's members.
pub fn list(
    connection: &mut Connection,
    organization: OrganizationId,
    filter: &MemberFilter,
    page: &MemberPage,
) -> Result<Vec<MemberRow>> {
    Ok(query(organization, filter, page).load(connection)?)
}

fn query(organization: OrganizationId, filter: &MemberFilter, page: &MemberPage) -> MemberQuery {
    let mut query = memberships::table
        .inner_join(accounts::table)
        .filter(memberships::organization_id.eq(organization))
        .select(MemberRow::as_select())
        .limit(page.limit)
        .into_boxed();
    for condition in conditions(organization, filter) {
        query = query.filter(condition);
    }
    if let Some(position) = &page.after {
        query = query.filter(after(position, page.order.direction));
    }
    let id = memberships::account_id;
    match (page.order.by, page.order.direction) {
        (MemberOrder::Name, Ascending) => query.order((memberships::search_key.asc(), id.asc())),
        (MemberOrder::Name, Descending) => query.order((memberships::search_key.desc(), id.desc())),
        (MemberOrder::Registered, Ascending) => {
            query.order((memberships::registered_at.asc(), id.asc()))
        }
        (MemberOrder::Registered, Descending) => {
            query.order((memberships::registered_at.desc(), id.desc()))
        }
        (MemberOrder::LastActive, Ascending) => {
            query.order((memberships::last_active_at.asc(), id.asc()))
        }
        (MemberOrder::LastActive, Descending) => {
            query.order((memberships::last_active_at.desc(), id.desc()))
        }
    }
}

fn after(position: &MemberPosition, direction: Direction) -> Condition {
    let id = position.account;
    match &position.key {
        MemberKey::Name(name) => Box::new(beyond(
            (memberships::search_key, memberships::account_id),
            (name.clone(), id),
            direction,
        )),
        MemberKey::Registered(at) => Box::new(beyond(
            (memberships::registered_at, memberships::account_id),
            (*at, id),
            direction,
        )),
        MemberKey::LastActive(at) => Box::new(beyond(
            (memberships::last_active_at, memberships::account_id),
            (*at, id),
            direction,
        )),
    }
}

fn conditions(organization: OrganizationId, filter: &MemberFilter) -> Vec<Condition> {
    let mut conditions = membership_conditions(organization, filter);
    conditions.extend(account_conditions(filter));
    conditions
}

fn membership_conditions(organization: OrganizationId, filter: &MemberFilter) -> Vec<Condition> {
    let mut conditions: Vec<Condition> = Vec::new();
    if let Some(account_type) = filter.account_type {
        conditions.push(Box::new(memberships::account_type.eq(account_type)));
    }
    if let Some(role) = filter.role {
        conditions.push(Box::new(memberships::role.eq(role)));
    }
    if let Some(status) = filter.status {
        conditions.push(Box::new(memberships::status.eq(status)));
    }
    if let Some(from) = filter.registered_from {
        conditions.push(Box::new(memberships::registered_at.ge(from)));
    }
    if let Some(to) = filter.registered_to {
        conditions.push(Box::new(memberships::registered_at.lt(to)));
    }
    if let Some(from) = filter.active_from {
        conditions.push(Box::new(memberships::last_active_at.ge(from)));
    }
    if let Some(to) = filter.active_to {
        conditions.push(Box::new(memberships::last_active_at.lt(to)));
    }
    for pattern in filter.search.iter().flat_map(SearchWords::patterns) {
        conditions.push(Box::new(memberships::search_key.like(pattern).escape('\\')));
    }
    if let Some(domain) = &filter.email_domain {
        // A key ends with the canonical address, and a domain has no wildcard.
        conditions.push(Box::new(
            memberships::search_key.like(format!("%@{domain}")),
        ));
    }
    if let Some(group) = filter.group {
        conditions.push(in_group(organization, group, filter.group_role));
    }
    if let Some(manager) = filter.managed_by {
        let theirs = managed_groups(organization, manager);
        let members = group_memberships::table
            .filter(group_memberships::organization_id.eq(organization))
            .filter(group_memberships::group_id.eq_any(theirs))
            .select(group_memberships::account_id);
        conditions.push(Box::new(memberships::account_id.eq_any(members)));
    }
    conditions
}

fn in_group(organization: OrganizationId, group: GroupId, role: Option<GroupRole>) -> Condition {
    let members = group_memberships::table
        .filter(group_memberships::organization_id.eq(organization))
        .filter(group_memberships::group_id.eq(group));
    match role {
        None => {
            Box::new(memberships::account_id.eq_any(members.select(group_memberships::account_id)))
        }
        Some(role) => Box::new(
            memberships::account_id.eq_any(
                members
                    .filter(group_memberships::role.eq(role))
                    .select(group_memberships::account_id),
            ),
        ),
    }
}

fn account_conditions(filter: &MemberFilter) -> Vec<Condition> {
    let mut conditions: Vec<Condition> = Vec::new();
    match filter.email_verified {
        Some(true) => conditions.push(Box::new(accounts::email_verified_at.is_not_null())),
        Some(false) => conditions.push(Box::new(accounts::email_verified_at.is_null())),
        None => {}
    }
    match filter.managed {
        Some(true) => conditions.push(Box::new(is_managed_here())),
        Some(false) => conditions.push(Box::new(diesel::dsl::not(is_managed_here()))),
        None => {}
    }
    conditions
}

/// One member.
pub fn find(
    connection: &mut Connection,
    organization: OrganizationId,
    account: AccountId,
) -> Result<Option<MemberRow>> {
    Ok(memberships::table
        .inner_join(accounts::table)
        .filter(memberships::organization_id.eq(organization))
        .filter(memberships::account_id.eq(account))
        .select(MemberRow::as_select())
        .first(connection)
        .optional()?)
}

/// Which of these accounts are in a group that `manager` manages.
pub fn within_reach(
    connection: &mut Connection,
    organization: OrganizationId,
    manager: AccountId,
    accounts: &[AccountId],
) -> Result<HashSet<AccountId>> {
    let within: Vec<AccountId> = group_memberships::table
        .filter(group_memberships::organization_id.eq(organization))
        .filter(group_memberships::account_id.eq_any(accounts))
        .filter(group_memberships::group_id.eq_any(managed_groups(organization, manager)))
        .select(group_memberships::account_id)
        .load(connection)?;
    Ok(within.into_iter().collect())
}

diesel::alias!(group_memberships as managed: Managed);

/// The groups that `manager` manages, as a subquery.
#[diesel::dsl::auto_type]
fn managed_groups(organization: OrganizationId, manager: AccountId) -> _ {
    let role: GroupRole = GroupRole::Manager;
    managed
        .filter(
            managed
                .field(group_memberships::organization_id)
                .eq(organization),
        )
        .filter(managed.field(group_memberships::account_id).eq(manager))
        .filter(managed.field(group_memberships::role).eq(role))
        .select(managed.field(group_memberships::group_id))
}

/// An account that this membership's organization manages (`docs/members.md#managed-accounts`).
#[diesel::dsl::auto_type]
fn is_managed_here() -> _ {
    accounts::managed_by_organization_id.is_not_null().and(
        accounts::managed_by_organization_id
            .assume_not_null()
            .eq(memberships::organization_id),
    )
}

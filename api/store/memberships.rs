//! Memberships: an account in an organization.

use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::Connection;
use super::accounts::Account;
use super::backend::each_backend;
use super::connection::MultiBackend;
use super::row_value::beyond;
use super::schema::{accounts, group_memberships, memberships, organizations};
use crate::domain::ids::{AccountId, GroupId, OrganizationId};
use crate::domain::instant::Instant;
use crate::domain::members::Direction::{self, Ascending, Descending};
use crate::domain::members::{MemberKey, MemberOrder, MemberPosition, MemberSort};
use crate::domain::organization::{AccountType, GroupRole, JoinedVia, MembershipStatus, Role};
use crate::domain::search_key::{like_pattern, search_key};
use crate::error::Result;
use crate::store::organizations::Organization;

/// A membership as it is kept.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = memberships, treat_none_as_default_value = false)]
pub struct Membership {
    pub organization_id: OrganizationId,
    pub account_id: AccountId,
    pub account_type: AccountType,
    pub role: Role,
    pub status: MembershipStatus,
    pub joined_via: JoinedVia,
    pub joined_at: Instant,
    name_key: String,
    registered_at: Instant,
    last_active_at: Instant,
}

/// How a person becomes a member.
#[derive(Clone, Copy, Debug)]
pub struct Admission {
    pub organization: OrganizationId,
    pub account_type: AccountType,
    pub role: Role,
    pub joined_via: JoinedVia,
    pub joined_at: Instant,
}

impl Membership {
    /// The active membership that an admission gives to an account.
    pub fn new(account: &Account, admission: &Admission) -> Self {
        Self {
            organization_id: admission.organization,
            account_id: account.id,
            account_type: admission.account_type,
            role: admission.role,
            status: MembershipStatus::Active,
            joined_via: admission.joined_via,
            joined_at: admission.joined_at,
            name_key: account.name_key().to_owned(),
            registered_at: account.created_at,
            last_active_at: account.last_active_at,
        }
    }
}

impl Membership {
    /// Where it stands in this order.
    pub fn key(&self, order: MemberOrder) -> MemberKey {
        match order {
            MemberOrder::Name => MemberKey::Name(self.name_key.clone()),
            MemberOrder::Registered => MemberKey::Registered(self.registered_at),
            MemberOrder::LastActive => MemberKey::LastActive(self.last_active_at),
        }
    }
}

/// Adds memberships; tells how many were new, since who is a member already stays as they are.
pub fn insert_all(connection: &mut Connection, new: &[Membership]) -> Result<usize> {
    Ok(
        each_backend!(connection, c => diesel::insert_into(memberships::table)
        .values(new)
        .on_conflict_do_nothing()
        .execute(c))?,
    )
}

/// An account's membership of the organization.
pub fn find(
    connection: &mut Connection,
    organization: OrganizationId,
    account: AccountId,
) -> Result<Option<Membership>> {
    Ok(memberships::table
        .find((organization, account))
        .select(Membership::as_select())
        .first(connection)
        .optional()?)
}

/// The organization together with what this account is in it, in one query.
pub fn find_with_organization(
    connection: &mut Connection,
    organization: OrganizationId,
    account: AccountId,
) -> Result<Option<(Organization, Option<Membership>)>> {
    let theirs = memberships::table.on(memberships::organization_id
        .eq(organizations::id)
        .and(memberships::account_id.eq(account)));
    Ok(organizations::table
        .left_join(theirs)
        .filter(organizations::id.eq(organization))
        .select((Organization::as_select(), Option::<Membership>::as_select()))
        .first(connection)
        .optional()?)
}

/// An account's memberships with their organizations, the oldest organization first.
pub fn of_account(
    connection: &mut Connection,
    account: AccountId,
) -> Result<Vec<(Organization, Membership)>> {
    Ok(memberships::table
        .inner_join(organizations::table)
        .filter(memberships::account_id.eq(account))
        .order(organizations::id.asc())
        .select((Organization::as_select(), Membership::as_select()))
        .load(connection)?)
}

/// Sets a role; `false` where it is that already, or nobody is there.
pub fn set_role(
    connection: &mut Connection,
    organization: OrganizationId,
    account: AccountId,
    role: Role,
) -> Result<bool> {
    let other = memberships::table
        .find((organization, account))
        .filter(memberships::status.eq(MembershipStatus::Active))
        .filter(memberships::role.ne(role));
    Ok(diesel::update(other)
        .set(memberships::role.eq(role))
        .execute(connection)?
        == 1)
}

/// Sets an account type in the place of `known`; `false` where it is not that any more.
pub fn replace_account_type(
    connection: &mut Connection,
    organization: OrganizationId,
    account: AccountId,
    known: AccountType,
    new: AccountType,
) -> Result<bool> {
    let same = memberships::table
        .find((organization, account))
        .filter(memberships::status.eq(MembershipStatus::Active))
        .filter(memberships::account_type.eq(known));
    Ok(diesel::update(same)
        .set(memberships::account_type.eq(new))
        .execute(connection)?
        == 1)
}

/// Ends a membership that still is as `known` says; `false` where it is not.
pub fn delete(connection: &mut Connection, known: &Membership) -> Result<bool> {
    let same = memberships::table
        .find((known.organization_id, known.account_id))
        .filter(memberships::account_type.eq(known.account_type))
        .filter(memberships::role.eq(known.role))
        .filter(memberships::status.eq(known.status));
    Ok(diesel::delete(same).execute(connection)? == 1)
}

/// A member, as lists show them: the account and its membership.
#[derive(Clone, Queryable, Selectable)]
pub struct MemberRow {
    #[diesel(embed)]
    pub account: Account,
    #[diesel(embed)]
    pub membership: Membership,
}

/// Which members a list shows; absent fields do not narrow it.
#[derive(Clone, Debug, Default)]
pub struct MemberFilter {
    /// Any part of the name or the address.
    pub search: Option<String>,
    pub account_type: Option<AccountType>,
    pub role: Option<Role>,
    pub status: Option<MembershipStatus>,
    pub group: Option<GroupId>,
    pub email_domain: Option<String>,
    pub managed: Option<bool>,
    pub registered_from: Option<Instant>,
    pub registered_to: Option<Instant>,
    pub active_from: Option<Instant>,
    pub active_to: Option<Instant>,
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
        (MemberOrder::Name, Ascending) => query.order((memberships::name_key.asc(), id.asc())),
        (MemberOrder::Name, Descending) => query.order((memberships::name_key.desc(), id.desc())),
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
            (memberships::name_key, memberships::account_id),
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
    if let Some(group) = filter.group {
        let members = group_memberships::table
            .filter(group_memberships::organization_id.eq(organization))
            .filter(group_memberships::group_id.eq(group))
            .select(group_memberships::account_id);
        conditions.push(Box::new(memberships::account_id.eq_any(members)));
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

fn account_conditions(filter: &MemberFilter) -> Vec<Condition> {
    let mut conditions: Vec<Condition> = Vec::new();
    if let Some(search) = &filter.search {
        let name = accounts::name_key
            .like(like_pattern(&search_key(search)))
            .escape('\\');
        let address = like_pattern(&search.trim().to_lowercase());
        conditions.push(Box::new(
            name.or(accounts::email.like(address).escape('\\')),
        ));
    }
    if let Some(domain) = &filter.email_domain {
        let pattern = like_pattern(&format!("@{}", domain.to_lowercase()));
        let ending = pattern.strip_suffix('%').unwrap_or_default().to_owned();
        conditions.push(Box::new(accounts::email.like(ending).escape('\\')));
    }
    match filter.managed {
        Some(true) => conditions.push(Box::new(is_managed_here())),
        Some(false) => conditions.push(Box::new(diesel::dsl::not(is_managed_here()))),
        None => {}
    }
    conditions
}

/// One member.
pub fn find_member(
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

/// Whether `manager` manages a group that `account` is in.
pub fn shares_managed_group(
    connection: &mut Connection,
    organization: OrganizationId,
    manager: AccountId,
    account: AccountId,
) -> Result<bool> {
    let shared = group_memberships::table
        .filter(group_memberships::organization_id.eq(organization))
        .filter(group_memberships::account_id.eq(account))
        .filter(group_memberships::group_id.eq_any(managed_groups(organization, manager)));
    Ok(diesel::select(diesel::dsl::exists(shared)).get_result(connection)?)
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

/// An account that this membership's organization created (PRODUCT 2, "managed account").
#[diesel::dsl::auto_type]
fn is_managed_here() -> _ {
    accounts::managed_by_organization_id.is_not_null().and(
        accounts::managed_by_organization_id
            .assume_not_null()
            .eq(memberships::organization_id),
    )
}

//! Members as lists show them: searched, filtered, in any of three orders.

use std::collections::{HashMap, HashSet};

use diesel::define_sql_function;
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::Connection;
use super::accounts::Account;
use super::connection::MultiBackend;
use super::member_candidates::{Candidates, forbid_whole_tables};
pub use super::member_filter::MemberFilter;
use super::memberships::{self as stored, Membership};
use super::row_value::{Unindexed, beyond, up_to};
use super::schema::{accounts, group_memberships, memberships};
use super::sql_types::Id;
use super::transaction::transaction;
use crate::domain::ids::{AccountId, OrganizationId};
use crate::domain::members::Direction::{self, Ascending, Descending};
use crate::domain::members::{MemberKey, MemberOrder, MemberPosition, MemberSort};
use crate::domain::organization::GroupRole;
use crate::domain::search_key::SearchWords;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};

/// A member, as lists show them: the account and its membership.
#[derive(Clone, Queryable, Selectable)]
pub struct MemberRow {
    #[diesel(embed)]
    pub account: Account,
    #[diesel(embed)]
    pub membership: Membership,
}

/// One page of an ordered list.
#[derive(Clone, Debug)]
pub struct MemberPage {
    pub order: MemberSort,
    pub after: Option<MemberPosition>,
    pub limit: i64,
}

/// How many entries of an order are read before candidates are asked for, and how many times as many
/// from one stretch to the next.
const FIRST_STRETCH: i64 = 2_000;
const GROWTH: i64 = 4;

/// A page of an organization's members.
///
/// The order is read from the page's beginning, by an index that has all that lists filter by. Where many
/// match, the page is full soon. Where it is not, and one condition leaves few members, the page is chosen
/// among these; else the order is read on (`docs/decisions/0077-members-search-index.md`).
pub fn list(
    connection: &mut Connection,
    organization: OrganizationId,
    filter: &MemberFilter,
    page: &MemberPage,
) -> Result<Vec<MemberRow>> {
    let asked = Asked {
        organization,
        filter,
        page,
    };
    loop {
        let ids = asked.ids(connection)?;
        let rows = asked.rows(connection, &ids)?;
        // Where somebody left the organization in between, the page would be too short.
        if rows.len() == ids.len() {
            return Ok(rows);
        }
    }
}

/// A page that was asked for.
#[derive(Clone, Copy)]
struct Asked<'a> {
    organization: OrganizationId,
    filter: &'a MemberFilter,
    page: &'a MemberPage,
}

type MemberQuery = memberships::BoxedQuery<'static, MultiBackend, Id>;

impl Asked<'_> {
    /// Whose rows the page has, in its order.
    fn ids(self, connection: &mut Connection) -> Result<Vec<AccountId>> {
        if self.conditions().is_empty() {
            return self.stretch(connection, self.page.after.as_ref(), None);
        }
        let mut length = FIRST_STRETCH.max(self.page.limit.saturating_mul(40));
        let mut after = self.page.after.clone();
        let mut found: Vec<AccountId> = Vec::new();
        let mut has_asked_for_few = false;
        loop {
            let until = self.position_behind(connection, after.as_ref(), length)?;
            found.extend(self.stretch(connection, after.as_ref(), until.as_ref())?);
            found.truncate(usize::try_from(self.page.limit).map_err(Error::internal)?);
            if until.is_none() || i64::try_from(found.len()) == Ok(self.page.limit) {
                return Ok(found);
            }
            if !has_asked_for_few && let Some(chosen) = self.chosen_among_few(connection)? {
                return Ok(chosen);
            }
            has_asked_for_few = true;
            after = until;
            length = length.saturating_mul(GROWTH);
        }
    }

    /// The members that match between two positions of the order.
    fn stretch(
        self,
        connection: &mut Connection,
        after: Option<&MemberPosition>,
        until: Option<&MemberPosition>,
    ) -> Result<Vec<AccountId>> {
        let direction = self.page.order.direction;
        let never_active = until.and_then(|until| among_never_active(after, until, direction));
        let mut query = match (never_active, until) {
            (Some(bounds), _) => self.in_order(None).filter(bounds),
            (None, Some(until)) => self
                .in_order(after)
                .filter(up_to_position(until, direction)),
            (None, None) => self.in_order(after),
        };
        for condition in self.conditions() {
            query = query.filter(Unindexed(condition));
        }
        Ok(query.limit(self.page.limit).load(connection)?)
    }

    /// Where the order stands so many members further on; `None` where it has ended before.
    fn position_behind(
        self,
        connection: &mut Connection,
        after: Option<&MemberPosition>,
        members: i64,
    ) -> Result<Option<MemberPosition>> {
        let query = self.in_order(after).offset(members - 1).limit(1);
        let last = query.get_result(connection).optional()?;
        let Some(account) = last else {
            return Ok(None);
        };
        let membership = stored::find(connection, self.organization, account)?;
        Ok(membership.map(|membership| MemberPosition {
            key: membership.key(self.page.order.by),
            account,
        }))
    }

    /// The organization's members in the order, those behind a position, within the bounds that the filter
    /// sets to the order itself.
    fn in_order(self, after: Option<&MemberPosition>) -> MemberQuery {
        let mut query = memberships::table
            .select(memberships::account_id)
            .filter(memberships::organization_id.eq(self.organization))
            .into_boxed();
        let MemberSort { by, direction } = self.page.order;
        for bound in times(self.filter).into_iter().filter(|(of, _)| *of == by) {
            query = query.filter(bound.1);
        }
        if let Some(position) = after {
            query = query.filter(behind_position(position, direction));
        }
        let id = memberships::account_id;
        match (by, direction) {
            (MemberOrder::Name, Ascending) => {
                query.order((memberships::search_key.asc(), id.asc()))
            }
            (MemberOrder::Name, Descending) => {
                query.order((memberships::search_key.desc(), id.desc()))
            }
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

    /// The page, chosen among the candidates of a condition that leaves few.
    fn chosen_among_few(self, connection: &mut Connection) -> Result<Option<Vec<AccountId>>> {
        match connection {
            Connection::Sqlite(_) => self.chosen(connection),
            Connection::Postgres(_) => transaction(connection, |connection| {
                forbid_whole_tables(connection)?;
                self.chosen(connection)
            }),
        }
    }

    fn chosen(self, connection: &mut Connection) -> Result<Option<Vec<AccountId>>> {
        let few = Candidates::few(connection, self.organization, self.filter)?;
        let Some(candidates) = few else {
            return Ok(None);
        };
        let is_here: Condition = Box::new(memberships::organization_id.eq(self.organization));
        let mut query = memberships::table
            .select(memberships::account_id)
            .filter(candidates)
            .filter(Unindexed(is_here))
            .into_boxed();
        let bounds = times(self.filter).into_iter();
        let bounds = bounds.filter_map(|(of, bound)| (of == self.page.order.by).then_some(bound));
        for condition in self.conditions().into_iter().chain(bounds) {
            query = query.filter(Unindexed(condition));
        }
        let MemberSort { by, direction } = self.page.order;
        if let Some(position) = &self.page.after {
            query = query.filter(Unindexed(behind_position(position, direction)));
        }
        let query = sorted(query, by, direction).limit(self.page.limit);
        Ok(Some(query.load(connection)?))
    }

    /// What a member has to be, except for the bounds of the order.
    fn conditions(self) -> Vec<Condition> {
        let mut conditions = membership_conditions(self.filter);
        let others = times(self.filter).into_iter();
        let others = others.filter_map(|(of, bound)| (of != self.page.order.by).then_some(bound));
        conditions.extend(others);
        conditions.extend(group_conditions(self.organization, self.filter));
        conditions
    }

    /// The rows of these members, in this order.
    fn rows(self, connection: &mut Connection, ids: &[AccountId]) -> Result<Vec<MemberRow>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<MemberRow> = memberships::table
            .inner_join(accounts::table)
            .filter(memberships::organization_id.eq(self.organization))
            .filter(memberships::account_id.eq_any(ids))
            .select(MemberRow::as_select())
            .load(connection)?;
        let mut by_id: HashMap<AccountId, MemberRow> =
            rows.into_iter().map(|row| (row.account.id, row)).collect();
        Ok(ids.iter().filter_map(|id| by_id.remove(id)).collect())
    }
}

type Condition = Box<dyn BoxableExpression<memberships::table, MultiBackend, SqlType = Bool>>;

fn behind_position(position: &MemberPosition, direction: Direction) -> Condition {
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

/// The bounds of a stretch of members who were all never active. PostgreSQL ends a scan by the first column of
/// a comparison of row values only, and would read everybody who never was.
fn among_never_active(
    after: Option<&MemberPosition>,
    until: &MemberPosition,
    direction: Direction,
) -> Option<Condition> {
    let never = MemberKey::LastActive(Timestamp::EPOCH);
    if until.key != never || after.is_some_and(|after| after.key != never) {
        return None;
    }
    let id = memberships::account_id;
    let same = memberships::last_active_at.eq(Timestamp::EPOCH);
    match (after, direction) {
        (None, Ascending) => Some(Box::new(same.and(id.le(until.account)))),
        (Some(after), Ascending) => Some(Box::new(
            same.and(id.gt(after.account)).and(id.le(until.account)),
        )),
        (Some(after), Descending) => Some(Box::new(
            same.and(id.lt(after.account)).and(id.ge(until.account)),
        )),
        // Who was active comes first.
        (None, Descending) => None,
    }
}

fn up_to_position(position: &MemberPosition, direction: Direction) -> Condition {
    let id = position.account;
    match &position.key {
        MemberKey::Name(name) => Box::new(up_to(
            (memberships::search_key, memberships::account_id),
            (name.clone(), id),
            direction,
        )),
        MemberKey::Registered(at) => Box::new(up_to(
            (memberships::registered_at, memberships::account_id),
            (*at, id),
            direction,
        )),
        MemberKey::LastActive(at) => Box::new(up_to(
            (memberships::last_active_at, memberships::account_id),
            (*at, id),
            direction,
        )),
    }
}

define_sql_function! {
    /// Of a column and itself: the column, and nothing that an index is in the order of.
    fn coalesce<T: diesel::sql_types::SqlType + diesel::sql_types::SingleValue>(one: T, other: T) -> T;
}

/// In the order, by sorting.
fn sorted(query: MemberQuery, by: MemberOrder, direction: Direction) -> MemberQuery {
    let id = memberships::account_id;
    let name = coalesce(memberships::search_key, memberships::search_key);
    let registered = coalesce(memberships::registered_at, memberships::registered_at);
    let active = coalesce(memberships::last_active_at, memberships::last_active_at);
    match (by, direction) {
        (MemberOrder::Name, Ascending) => query.order((name.asc(), id.asc())),
        (MemberOrder::Name, Descending) => query.order((name.desc(), id.desc())),
        (MemberOrder::Registered, Ascending) => query.order((registered.asc(), id.asc())),
        (MemberOrder::Registered, Descending) => query.order((registered.desc(), id.desc())),
        (MemberOrder::LastActive, Ascending) => query.order((active.asc(), id.asc())),
        (MemberOrder::LastActive, Descending) => query.order((active.desc(), id.desc())),
    }
}

/// The bounds of times, each with the order that it is a stretch of.
fn times(filter: &MemberFilter) -> Vec<(MemberOrder, Condition)> {
    let mut bounds: Vec<(MemberOrder, Condition)> = Vec::new();
    if let Some(from) = filter.registered_from {
        let bound = memberships::registered_at.ge(from);
        bounds.push((MemberOrder::Registered, Box::new(bound)));
    }
    if let Some(to) = filter.registered_to {
        let bound = memberships::registered_at.lt(to);
        bounds.push((MemberOrder::Registered, Box::new(bound)));
    }
    if let Some(from) = filter.active_from {
        let bound = memberships::last_active_at.ge(from);
        bounds.push((MemberOrder::LastActive, Box::new(bound)));
    }
    if let Some(to) = filter.active_to {
        let bound = memberships::last_active_at.lt(to);
        bounds.push((MemberOrder::LastActive, Box::new(bound)));
    }
    bounds
}

fn membership_conditions(filter: &MemberFilter) -> Vec<Condition> {
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
    if let Some(is_managed) = filter.managed {
        conditions.push(Box::new(memberships::managed.eq(is_managed)));
    }
    if let Some(is_verified) = filter.email_verified {
        conditions.push(Box::new(memberships::email_verified.eq(is_verified)));
    }
    if let Some(domain) = &filter.email_domain {
        // A key ends with the canonical address, and a domain has no wildcard.
        conditions.push(Box::new(
            memberships::search_key.like(format!("%@{domain}")),
        ));
    }
    for pattern in filter.search.iter().flat_map(SearchWords::patterns) {
        conditions.push(Box::new(memberships::search_key.like(pattern).escape('\\')));
    }
    conditions
}

/// Asked of one member after the other: a group may have everybody.
fn group_conditions(organization: OrganizationId, filter: &MemberFilter) -> Vec<Condition> {
    let mut conditions: Vec<Condition> = Vec::new();
    if let Some(group) = filter.group {
        let place = group_memberships::table
            .filter(group_memberships::organization_id.eq(organization))
            .filter(group_memberships::group_id.eq(group))
            .filter(group_memberships::account_id.eq(memberships::account_id));
        conditions.push(match filter.group_role {
            None => Box::new(exists(place)),
            Some(role) => Box::new(exists(place.filter(group_memberships::role.eq(role)))),
        });
    }
    if let Some(manager) = filter.managed_by {
        let place = group_memberships::table
            .filter(group_memberships::organization_id.eq(organization))
            .filter(group_memberships::account_id.eq(memberships::account_id))
            .filter(group_memberships::group_id.eq_any(managed_groups(organization, manager)));
        conditions.push(Box::new(exists(place)));
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

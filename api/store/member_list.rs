//! Members as lists show them: searched, filtered, in any of three orders.

use std::collections::{HashMap, HashSet};

use diesel::dsl::SqlTypeOf;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::BigInt;

use super::Connection;
use super::accounts::Account;
use super::connection::MultiBackend;
use super::member_candidates::{Candidates, forbid_whole_tables};
use super::member_conditions::{managed_groups, of_groups, of_membership};
pub use super::member_filter::MemberFilter;
use super::member_order::{self as order, Condition, MemberQuery};
use super::memberships::Membership;
use super::row_value::Unindexed;
use super::schema::{accounts, group_memberships, memberships};
use super::sql_types::Id;
use super::transaction::transaction;
use crate::domain::ids::{AccountId, OrganizationId};
use crate::domain::members::{MemberPosition, MemberSort};
use crate::error::Result;

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

/// How many members of an order are looked at before candidates are asked for: some hundred microseconds.
const FIRST_MEMBERS: i64 = 2_000;

/// A page of an organization's members.
///
/// The first members of the order are looked at, by an index that has all that lists filter by: where many match,
/// they fill the page. Where they do not, and one condition leaves few members, the page is chosen among
/// these; else the order is read to the end of the page (`docs/decisions/0077-members-search-index.md`).
pub fn list(
    connection: &mut Connection,
    organization: OrganizationId,
    filter: &MemberFilter,
    page: &MemberPage,
) -> Result<Vec<MemberRow>> {
    let request = PageRequest {
        organization,
        filter,
        page,
    };
    loop {
        let ids = request.ids(connection)?;
        let rows = request.rows(connection, &ids)?;
        // Where somebody left the organization in between, the page would be too short.
        if rows.len() == ids.len() {
            return Ok(rows);
        }
    }
}

/// A page of a list, as it was asked for.
#[derive(Clone, Copy)]
struct PageRequest<'a> {
    organization: OrganizationId,
    filter: &'a MemberFilter,
    page: &'a MemberPage,
}

impl PageRequest<'_> {
    /// Whose rows the page has, in its order.
    fn ids(self, connection: &mut Connection) -> Result<Vec<AccountId>> {
        if self.conditions().is_empty() {
            return self.in_order(connection);
        }
        let found = self.among_first(connection)?;
        if i64::try_from(found.len()) == Ok(self.page.limit) || self.has_no_more(connection)? {
            return Ok(found);
        }
        match self.among_few(connection)? {
            Some(chosen) => Ok(chosen),
            None => self.in_order(connection),
        }
    }

    /// The page, read in the order for as long as it takes.
    fn in_order(self, connection: &mut Connection) -> Result<Vec<AccountId>> {
        let mut query = self.all();
        for condition in self.conditions() {
            query = query.filter(Unindexed(condition));
        }
        Ok(query.limit(self.page.limit).load(connection)?)
    }

    /// The members of the page that are among the first of the order.
    fn among_first(self, connection: &mut Connection) -> Result<Vec<AccountId>> {
        let query = AmongFirst {
            first: self.all().select(listed()).limit(self.looked_at()),
            conditions: self.conditions().into_iter().map(Unindexed).collect(),
            order: self.page.order,
            limit: self.page.limit,
        };
        Ok(query.load(connection)?)
    }

    /// Whether the order ends with those that were looked at.
    fn has_no_more(self, connection: &mut Connection) -> Result<bool> {
        let query = self.all().offset(self.looked_at()).limit(1);
        let next: Option<AccountId> = query.get_result(connection).optional()?;
        Ok(next.is_none())
    }

    fn looked_at(self) -> i64 {
        FIRST_MEMBERS.max(self.page.limit)
    }

    /// The organization's members in the order, behind the page before, within the bounds that the filter sets to
    /// the order itself.
    fn all(self) -> MemberQuery {
        let mut query = memberships::table
            .select(memberships::account_id)
            .filter(memberships::organization_id.eq(self.organization))
            .into_boxed();
        for bound in order::bounds(self.filter, self.page.order.by) {
            query = query.filter(bound);
        }
        if let Some(position) = &self.page.after {
            query = query.filter(order::behind(position, self.page.order.direction));
        }
        order::ordered(query, self.page.order)
    }

    /// The page, chosen among the candidates of a condition that leaves few.
    fn among_few(self, connection: &mut Connection) -> Result<Option<Vec<AccountId>>> {
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
        let MemberSort { by, direction } = self.page.order;
        let behind = self.page.after.as_ref();
        let behind = behind.map(|position| order::behind(position, direction));
        let bounds = order::bounds(self.filter, by);
        for condition in self.conditions().into_iter().chain(bounds).chain(behind) {
            query = query.filter(Unindexed(condition));
        }
        let query = order::sorted(query, self.page.order).limit(self.page.limit);
        Ok(Some(query.load(connection)?))
    }

    /// What a member has to be, except for the bounds of the order.
    fn conditions(self) -> Vec<Condition> {
        let mut conditions = of_membership(self.filter);
        conditions.extend(order::other_bounds(self.filter, self.page.order.by));
        conditions.extend(of_groups(self.organization, self.filter));
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

/// What an index of an order has.
#[diesel::dsl::auto_type]
fn listed() -> _ {
    (
        memberships::account_id,
        memberships::search_key,
        memberships::account_type,
        memberships::role,
        memberships::status,
        memberships::managed,
        memberships::email_verified,
        memberships::registered_at,
        memberships::last_active_at,
    )
}

/// Those of the first members of an order that fulfil the conditions: a bound on how many are looked at, which
/// diesel's own queries cannot say.
struct AmongFirst {
    first: ListedQuery,
    conditions: Vec<Unindexed>,
    order: MemberSort,
    limit: i64,
}

type ListedQuery = memberships::BoxedQuery<'static, MultiBackend, SqlTypeOf<listed>>;

impl QueryFragment<MultiBackend> for AmongFirst {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        out.push_sql("SELECT memberships.account_id FROM (");
        QueryFragment::<MultiBackend>::walk_ast(&self.first, out.reborrow())?;
        out.push_sql(") AS memberships WHERE true");
        for condition in &self.conditions {
            out.push_sql(" AND ");
            condition.walk_ast(out.reborrow())?;
        }
        out.push_sql(" ORDER BY ");
        out.push_sql(order::terms(self.order));
        out.push_sql(" LIMIT ");
        out.push_bind_param::<BigInt, _>(&self.limit)
    }
}

impl QueryId for AmongFirst {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for AmongFirst {
    type SqlType = Id;
}

impl RunQueryDsl<Connection> for AmongFirst {}

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

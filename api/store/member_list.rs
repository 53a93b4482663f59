//! Members as lists show them: searched, filtered, in any of three orders.

use std::collections::{HashMap, HashSet};

use diesel::dsl::SqlTypeOf;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::BigInt;

use super::Connection;
use super::backend::each_backend;
use super::connection::MultiBackend;
use super::member_candidates::{WordsLeaveFew, candidates};
use super::member_conditions::{managed_groups, of_bits, of_groups, of_key};
pub use super::member_filter::MemberFilter;
use super::member_order::{self as order, Condition, MemberQuery};
use super::planner::{by_indexes, forbid_bitmaps, forbid_sorting};
use super::row_value::Unindexed;
use super::schema::{accounts, group_memberships, memberships};
use super::sql_expression::{Among, OfMembership, OrderOfPage};
use super::sql_types::Id;
use crate::domain::email_address::EmailAddress;
use crate::domain::ids::{AccountId, OrganizationId};
use crate::domain::members::{Direction, MemberKey, MemberOrder, MemberPosition, MemberSort};
use crate::domain::organization::{AccountType, JoinedVia, MembershipStatus, Role};
use crate::domain::timestamp::Timestamp;
use crate::domain::username::Username;
use crate::error::Result;

/// A member, as lists show them: of the account and its membership what is shown.
#[derive(Clone, Queryable, Selectable)]
#[diesel(table_name = memberships)]
pub struct MemberRow {
    pub account_id: AccountId,
    #[diesel(select_expression = accounts::username)]
    pub username: Username,
    #[diesel(select_expression = accounts::email)]
    pub email: EmailAddress,
    #[diesel(select_expression = accounts::generated_address)]
    pub generated_address: bool,
    pub email_verified: bool,
    pub account_type: AccountType,
    pub role: Role,
    pub status: MembershipStatus,
    pub managed: bool,
    pub joined_via: JoinedVia,
    pub joined_at: Timestamp,
    pub registered_at: Timestamp,
    /// 1970: never.
    pub last_active_at: Timestamp,
    search_key: String,
}

impl MemberRow {
    /// Where the member stands in this order.
    pub fn position(&self, order: MemberOrder) -> MemberPosition {
        let key = match order {
            MemberOrder::Name => MemberKey::Name(self.search_key.clone()),
            MemberOrder::Registered => MemberKey::Registered(self.registered_at),
            MemberOrder::LastActive => MemberKey::LastActive(self.last_active_at),
        };
        MemberPosition {
            key,
            account: self.account_id,
        }
    }
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

/// How many are looked at before a stretch of another order is read as a whole: about a millisecond.
const MEMBERS_BEFORE_STRETCH: i64 = 10_000;

/// How many members of each order tell whether many have a word, and how many of these have it then.
const SAMPLE: i64 = 1_000;
const MANY_OF_SAMPLE: i64 = 15;

/// A page of an organization's members.
///
/// The first members of the order are looked at, by an index that has all that lists filter by: where many match,
/// they fill the page. Where they do not, and one condition leaves few members, the page is chosen among
/// these; else, where the filter bounds a time, among those of this time; else the order is read to the end of
/// the page (`docs/decisions/0077-members-search-index.md`).
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
    if request.conditions().is_empty() {
        return request.rows_in_order(connection);
    }
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
        let found = self.among_first(connection, self.looked_at())?;
        if i64::try_from(found.len()) == Ok(self.page.limit) || self.has_no_more(connection)? {
            return Ok(found);
        }
        by_indexes(connection, |connection| {
            if let Some(chosen) = self.among_few(connection)? {
                return Ok(chosen);
            }
            if let Some(stretch) = order::stretch(self.filter, self.page.order.by) {
                return self.in_stretch(connection, stretch);
            }
            forbid_sorting(connection)?;
            self.in_order(connection)
        })
    }

    /// The page with its rows, where every member within the bounds is on it: one statement, which reads the
    /// index of the order.
    fn rows_in_order(self, connection: &mut Connection) -> Result<Vec<MemberRow>> {
        let order = OrderOfPage {
            terms: order::terms(self.page.order),
            limit: self.page.limit,
        };
        let page = member_rows(self.organization).order(order);
        let within = self.within();
        if within.is_empty() {
            // The page that is asked for most.
            return Ok(each_backend!(connection, c => page
                .select(MemberRow::as_select())
                .load(c))?);
        }
        Ok(page
            .filter(OfMembership(within))
            .select(MemberRow::as_select())
            .into_boxed()
            .load(connection)?)
    }

    /// The page, read in the order for as long as it takes.
    fn in_order(self, connection: &mut Connection) -> Result<Vec<AccountId>> {
        let query = self.all().filter(Unindexed(self.conditions()));
        Ok(query.limit(self.page.limit).load(connection)?)
    }

    /// The page, sorted from a stretch of another order. It is read to its end; the order of the page would be too,
    /// if few are on it, and has everybody.
    fn in_stretch(
        self,
        connection: &mut Connection,
        stretch: MemberOrder,
    ) -> Result<Vec<AccountId>> {
        let found = self.among_first(connection, MEMBERS_BEFORE_STRETCH)?;
        if i64::try_from(found.len()) == Ok(self.page.limit) {
            return Ok(found);
        }
        forbid_bitmaps(connection)?;
        let direction = self.page.order.direction;
        let mut conditions = self.conditions_beside(stretch);
        let after = self.page.after.as_ref();
        conditions.extend(after.map(|position| order::behind(position, direction)));
        let mut query = memberships::table
            .select(memberships::account_id)
            .filter(memberships::organization_id.eq(self.organization))
            .filter(Unindexed(conditions))
            .into_boxed();
        for bound in order::bounds(self.filter, stretch) {
            query = query.filter(bound);
        }
        let query = order::sorted(query, self.page.order).limit(self.page.limit);
        Ok(query.load(connection)?)
    }

    /// The members of the page that are among so many of the first of the order.
    fn among_first(self, connection: &mut Connection, first: i64) -> Result<Vec<AccountId>> {
        let query = AmongFirst {
            first: self.all().select(listed()).limit(first),
            conditions: Unindexed(self.conditions()),
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
        for condition in self.within() {
            query = query.filter(condition);
        }
        order::ordered(query, self.page.order)
    }

    /// Behind the page before, and within the bounds that the filter sets to the order itself.
    fn within(self) -> Vec<Condition> {
        let MemberPage { order, after, .. } = self.page;
        order::within(self.filter, *order, after.as_ref())
    }

    /// The page, chosen among the candidates of a condition that leaves few.
    fn among_few(self, connection: &mut Connection) -> Result<Option<Vec<AccountId>>> {
        let words_leave_few = self.words_leave_few(connection)?;
        let few = candidates(connection, self.organization, self.filter, words_leave_few)?;
        let Some(few) = few else {
            return Ok(None);
        };
        let asked = PageRequest {
            filter: &few.filter,
            ..self
        };
        let mut conditions = asked.conditions();
        conditions.push(Box::new(memberships::organization_id.eq(self.organization)));
        let MemberSort { by, direction } = self.page.order;
        conditions.extend(order::bounds(self.filter, by));
        let after = self.page.after.as_ref();
        conditions.extend(after.map(|position| order::behind(position, direction)));
        let query = memberships::table
            .select(memberships::account_id)
            .filter(few.among)
            .filter(Unindexed(conditions))
            .into_boxed();
        let query = order::sorted(query, self.page.order).limit(self.page.limit);
        Ok(Some(query.load(connection)?))
    }

    /// Of whom the words leave few.
    fn words_leave_few(self, connection: &mut Connection) -> Result<WordsLeaveFew> {
        let words = MemberFilter {
            search: self.filter.search.clone(),
            email_domain: self.filter.email_domain.clone(),
            ..MemberFilter::default()
        };
        let in_groups = MemberFilter {
            group: self.filter.group,
            group_role: self.filter.group_role,
            managed_by: self.filter.managed_by,
            ..words.clone()
        };
        let has_groups = in_groups.group.is_some() || in_groups.managed_by.is_some();
        let of_all = self.are_few(connection, &words)?;
        Ok(WordsLeaveFew {
            of_all,
            of_groups: of_all || has_groups && self.are_few(connection, &in_groups)?,
        })
    }

    /// Whether a filter leaves few of the first members of each order: names stand together in one, those who came
    /// together in another.
    fn are_few(self, connection: &mut Connection, filter: &MemberFilter) -> Result<bool> {
        if filter.words().is_empty() {
            return Ok(true);
        }
        for by in MemberOrder::ALL.iter().copied() {
            let direction = Direction::Ascending;
            let page = MemberPage {
                order: MemberSort { by, direction },
                after: None,
                limit: MANY_OF_SAMPLE,
            };
            let sample = PageRequest {
                filter,
                page: &page,
                ..self
            };
            let found = sample.among_first(connection, SAMPLE)?;
            if i64::try_from(found.len()) == Ok(MANY_OF_SAMPLE) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What a member has to be, except for the bounds of the order.
    fn conditions(self) -> Vec<Condition> {
        self.conditions_beside(self.page.order.by)
    }

    /// What a member has to be, except for the bounds of the time of an order: first what is told at once.
    fn conditions_beside(self, by: MemberOrder) -> Vec<Condition> {
        let mut conditions = of_bits(self.filter);
        conditions.extend(order::other_bounds(self.filter, by));
        conditions.extend(of_key(self.filter));
        conditions.extend(of_groups(self.organization, self.filter));
        conditions
    }

    /// The rows of these members, in this order.
    fn rows(self, connection: &mut Connection, ids: &[AccountId]) -> Result<Vec<MemberRow>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<MemberRow> = member_rows(self.organization)
            .filter(Among::accounts(connection, "memberships.account_id", ids))
            .select(MemberRow::as_select())
            .into_boxed()
            .load(connection)?;
        let mut by_id: HashMap<AccountId, MemberRow> =
            rows.into_iter().map(|row| (row.account_id, row)).collect();
        Ok(ids.iter().filter_map(|id| by_id.remove(id)).collect())
    }
}

/// The memberships of an organization with their accounts.
#[diesel::dsl::auto_type]
fn member_rows(organization: OrganizationId) -> _ {
    memberships::table
        .inner_join(accounts::table)
        .filter(memberships::organization_id.eq(organization))
}

/// What an index of an order has.
#[diesel::dsl::auto_type]
fn listed() -> _ {
    (
        memberships::account_id,
        memberships::search_key,
        memberships::traits,
        memberships::word_marks,
        memberships::registered_at,
        memberships::last_active_at,
    )
}

/// Those of the first members of an order that fulfil the conditions: a bound on how many are looked at, which
/// diesel's own queries cannot say.
struct AmongFirst {
    first: ListedQuery,
    conditions: Unindexed,
    order: MemberSort,
    limit: i64,
}

type ListedQuery = memberships::BoxedQuery<'static, MultiBackend, SqlTypeOf<listed>>;

impl QueryFragment<MultiBackend> for AmongFirst {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        out.push_sql("SELECT memberships.account_id FROM (");
        QueryFragment::<MultiBackend>::walk_ast(&self.first, out.reborrow())?;
        out.push_sql(") AS memberships WHERE ");
        self.conditions.walk_ast(out.reborrow())?;
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
    Ok(member_rows(organization)
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

//! The orders of members, each by an index that has all that lists filter by.

use diesel::define_sql_function;
use diesel::expression::BoxableExpression;
use diesel::prelude::*;
use diesel::sql_types::{Bool, SingleValue, SqlType};

use super::connection::MultiBackend;
use super::member_filter::MemberFilter;
use super::row_value::beyond;
use super::schema::memberships;
use super::sql_types::Id;
use crate::domain::members::Direction::{self, Ascending, Descending};
use crate::domain::members::{MemberKey, MemberOrder, MemberPosition, MemberSort};
use crate::domain::timestamp::Timestamp;

/// A condition on a membership.
pub type Condition = Box<dyn BoxableExpression<memberships::table, MultiBackend, SqlType = Bool>>;

/// A query for ids of members.
pub type MemberQuery = memberships::BoxedQuery<'static, MultiBackend, Id>;

/// Who stands behind a position.
pub fn behind(position: &MemberPosition, direction: Direction) -> Condition {
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

/// In the order, by its index.
pub fn ordered(query: MemberQuery, MemberSort { by, direction }: MemberSort) -> MemberQuery {
    let id = memberships::account_id;
    match (by, direction) {
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

/// The terms of the order, as SQL has them.
pub const fn terms(MemberSort { by, direction }: MemberSort) -> &'static str {
    match (by, direction) {
        (MemberOrder::Name, Ascending) => "memberships.search_key, memberships.account_id",
        (MemberOrder::Name, Descending) => {
            "memberships.search_key DESC, memberships.account_id DESC"
        }
        (MemberOrder::Registered, Ascending) => "memberships.registered_at, memberships.account_id",
        (MemberOrder::Registered, Descending) => {
            "memberships.registered_at DESC, memberships.account_id DESC"
        }
        (MemberOrder::LastActive, Ascending) => {
            "memberships.last_active_at, memberships.account_id"
        }
        (MemberOrder::LastActive, Descending) => {
            "memberships.last_active_at DESC, memberships.account_id DESC"
        }
    }
}

define_sql_function! {
    /// Of a column and itself: the column, and nothing that an index is in the order of.
    fn coalesce<T: SqlType + SingleValue>(one: T, other: T) -> T;
}

/// In the order, by sorting.
pub fn sorted(query: MemberQuery, MemberSort { by, direction }: MemberSort) -> MemberQuery {
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

/// A bound of a time.
struct Bound {
    /// The order that it is a stretch of.
    of: MemberOrder,
    /// In which direction the stretch begins with it.
    begins: Direction,
    at: Timestamp,
    condition: Condition,
}

impl Bound {
    /// Whether all of its stretch is behind a position, else the position is in it: one of the two says it all. Of
    /// both, SQLite would find neither by the index.
    fn is_behind(&self, position: &MemberPosition) -> bool {
        match (&position.key, self.begins) {
            (MemberKey::Name(_), _) => false,
            (MemberKey::Registered(at) | MemberKey::LastActive(at), Ascending) => self.at > *at,
            (MemberKey::Registered(at) | MemberKey::LastActive(at), Descending) => self.at <= *at,
        }
    }
}

/// Within the bounds that the filter sets to the order itself, and behind a position.
pub fn within(
    filter: &MemberFilter,
    MemberSort { by, direction }: MemberSort,
    mut after: Option<&MemberPosition>,
) -> Vec<Condition> {
    let mut conditions = Vec::new();
    for bound in times(filter).into_iter().filter(|bound| bound.of == by) {
        let begin = after.filter(|_| bound.begins == direction);
        if begin.is_some_and(|position| !bound.is_behind(position)) {
            continue;
        }
        if begin.is_some() {
            after = None;
        }
        conditions.push(bound.condition);
    }
    conditions.extend(after.map(|position| behind(position, direction)));
    conditions
}

/// The bounds of the time that an order is of.
pub fn bounds(filter: &MemberFilter, by: MemberOrder) -> impl Iterator<Item = Condition> {
    let bounds = times(filter).into_iter();
    bounds.filter_map(move |bound| (bound.of == by).then_some(bound.condition))
}

/// The other order that the filter bounds the time of, where it does not bound the order itself.
pub fn stretch(filter: &MemberFilter, by: MemberOrder) -> Option<MemberOrder> {
    let bounds = times(filter);
    let is_bounded = bounds.iter().any(|bound| bound.of == by);
    bounds.first().filter(|_| !is_bounded).map(|bound| bound.of)
}

/// The bounds of times that an order is not of.
pub fn other_bounds(filter: &MemberFilter, by: MemberOrder) -> impl Iterator<Item = Condition> {
    let bounds = times(filter).into_iter();
    bounds.filter_map(move |bound| (bound.of != by).then_some(bound.condition))
}

fn times(filter: &MemberFilter) -> Vec<Bound> {
    let mut bounds = Vec::new();
    let mut push = |of, begins, at, condition| {
        bounds.push(Bound {
            of,
            begins,
            at,
            condition,
        });
    };
    if let Some(from) = filter.registered_from {
        let condition: Condition = Box::new(memberships::registered_at.ge(from));
        push(MemberOrder::Registered, Ascending, from, condition);
    }
    if let Some(to) = filter.registered_to {
        let condition: Condition = Box::new(memberships::registered_at.lt(to));
        push(MemberOrder::Registered, Descending, to, condition);
    }
    if let Some(from) = filter.active_from {
        let condition: Condition = Box::new(memberships::last_active_at.ge(from));
        push(MemberOrder::LastActive, Ascending, from, condition);
    }
    if let Some(to) = filter.active_to {
        let condition: Condition = Box::new(memberships::last_active_at.lt(to));
        push(MemberOrder::LastActive, Descending, to, condition);
    }
    bounds
}

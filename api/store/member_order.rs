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

/// The bounds of the time that an order is of.
pub fn bounds(filter: &MemberFilter, by: MemberOrder) -> impl Iterator<Item = Condition> {
    times(filter)
        .into_iter()
        .filter_map(move |(of, bound)| (of == by).then_some(bound))
}

/// The bounds of times that an order is not of.
pub fn other_bounds(filter: &MemberFilter, by: MemberOrder) -> impl Iterator<Item = Condition> {
    times(filter)
        .into_iter()
        .filter_map(move |(of, bound)| (of != by).then_some(bound))
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

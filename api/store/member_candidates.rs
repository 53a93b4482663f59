//! Members that conditions leave, found by an index of each condition alone: where they are few, a page is
//! chosen among them.
//!
//! The statements leave the planner one way only. Which members are many is counted, not estimated.

use std::collections::HashSet;

use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Text};

use super::Connection;
use super::connection::MultiBackend;
use super::member_conditions::{has_escapes, patterns};
use super::member_filter::MemberFilter;
use super::member_grams;
use super::sql_expression::Among;
use super::sql_types::{Id, UtcTimestamp};
use crate::domain::grams::Grams;
use crate::domain::ids::{AccountId, GroupId, OrganizationId};
use crate::domain::organization::{AccountType, GroupRole, MembershipStatus, Role};
use crate::domain::search_key::SearchWords;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

/// How many candidates are few: reading and sorting so many takes ten milliseconds. Where there are more,
/// reading on in the order is as fast.
const MAX_CANDIDATES: usize = 6_000;
const ONE_MORE_THAN_FEW: i64 = 6_001;

/// So few candidates that looking at each is faster than reading who fulfils another condition.
const VERY_FEW: usize = 2_000;

/// A condition that an index finds the members of.
struct Search<'a> {
    organization: OrganizationId,
    source: &'a Source,
    is_postgres: bool,
}

enum Source {
    /// Has all of these grams.
    Grams(String),
    /// Stands in a partial index with this condition.
    Few(&'static str),
    /// Of this type.
    Type(AccountType),
    /// In a group, with a search key like these patterns.
    Group(GroupId, Option<GroupRole>, Vec<String>),
    /// In a group that this account manages, with a search key like these patterns.
    ManagedBy(AccountId, Vec<String>),
    /// From the first moment until before the second, by this column.
    Time(&'static str, Option<Timestamp>, Option<Timestamp>),
}

/// Members among whom a page can be chosen.
pub struct Candidates {
    /// Who they are, as a condition of memberships.
    pub among: Among,
    /// What is still asked of them: no group that all of them were found in.
    pub filter: MemberFilter,
}

/// Whether an index shall find whom the words leave: where they leave many, it would only read a long list.
#[derive(Clone, Copy)]
pub struct WordsLeaveFew {
    pub of_all: bool,
    /// Of the groups that are asked for.
    pub of_groups: bool,
}

/// Who fulfils those conditions of the filter that leave few, each by its index; `None` where each leaves many.
pub fn candidates(
    connection: &mut Connection,
    organization: OrganizationId,
    filter: &MemberFilter,
    few: WordsLeaveFew,
) -> Result<Option<Candidates>> {
    let is_postgres = matches!(connection, Connection::Postgres(_));
    let mut left = Left {
        numbers: None,
        filter: filter.clone(),
    };
    for source in sources(connection, organization, filter, few) {
        let search = Search {
            organization,
            source: &source,
            is_postgres,
        };
        let numbers: Vec<i64> = search.load(connection)?;
        if numbers.len() <= MAX_CANDIDATES {
            left.narrow(&source, numbers);
        }
        if left.are_very_few() {
            break;
        }
    }
    Ok(left.into_candidates(connection))
}

/// Whom the conditions leave that have been looked up so far.
struct Left {
    /// `None` where each has left many.
    numbers: Option<HashSet<i64>>,
    filter: MemberFilter,
}

impl Left {
    fn narrow(&mut self, source: &Source, numbers: Vec<i64>) {
        let mut numbers: HashSet<i64> = numbers.into_iter().collect();
        if let Some(known) = &self.numbers {
            numbers.retain(|number| known.contains(number));
        }
        self.numbers = Some(numbers);
        match source {
            Source::Group(..) => {
                self.filter.group = None;
                self.filter.group_role = None;
            }
            Source::ManagedBy(..) => self.filter.managed_by = None,
            Source::Grams(_) | Source::Few(_) | Source::Type(_) | Source::Time(..) => {}
        }
    }

    fn are_very_few(&self) -> bool {
        let numbers = self.numbers.as_ref();
        numbers.is_some_and(|numbers| numbers.len() <= VERY_FEW)
    }

    fn into_candidates(self, connection: &Connection) -> Option<Candidates> {
        let mut numbers: Vec<i64> = self.numbers?.into_iter().collect();
        // In the order of the table, its pages are read once.
        numbers.sort_unstable();
        Some(Candidates {
            among: Among::numbers(connection, "memberships.number", &numbers),
            filter: self.filter,
        })
    }
}

/// The conditions of a filter that have an index, those that usually leave fewer first.
fn sources(
    connection: &Connection,
    organization: OrganizationId,
    filter: &MemberFilter,
    words_leave_few: WordsLeaveFew,
) -> Vec<Source> {
    let few = [
        (filter.role == Some(Role::Admin), "role = 'admin'"),
        (
            filter.status == Some(MembershipStatus::Deactivated),
            "status = 'deactivated'",
        ),
        (filter.managed == Some(false), "NOT managed"),
        (filter.email_verified == Some(true), "email_verified"),
    ];
    let few = few.iter().filter(|(is_asked, _)| *is_asked);
    let words = filter.words();
    let grams = Grams::of_words(organization, words.iter().flat_map(SearchWords::iter));
    let grams = (words_leave_few.of_all && !grams.is_empty())
        .then(|| member_grams::pattern(connection, &grams));
    let patterns = if words_leave_few.of_groups {
        patterns(filter)
    } else {
        Vec::new()
    };
    let times = [
        (
            "registered_at",
            filter.registered_from,
            filter.registered_to,
        ),
        ("last_active_at", filter.active_from, filter.active_to),
    ];
    let times = times
        .into_iter()
        .filter(|(_, from, to)| from.is_some() || to.is_some());
    let group = filter.group;
    let group = group.map(|group| Source::Group(group, filter.group_role, patterns.clone()));
    let managed = filter.managed_by;
    let managed = managed.map(|manager| Source::ManagedBy(manager, patterns));
    few.map(|(_, condition)| Source::Few(condition))
        .chain(filter.account_type.map(Source::Type))
        .chain(grams.map(Source::Grams))
        .chain(group)
        .chain(managed)
        .chain(times.map(|(column, from, to)| Source::Time(column, from, to)))
        .collect()
}

/// The numbers of the memberships, one more than are few at most.
impl QueryFragment<MultiBackend> for Search<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        match self.source {
            Source::Grams(pattern) if self.is_postgres => {
                out.push_sql("SELECT number FROM member_grams WHERE grams @> ");
                out.push_bind_param::<Text, _>(pattern)?;
                out.push_sql("::int4[]");
            }
            Source::Grams(pattern) => {
                out.push_sql("SELECT rowid FROM member_grams WHERE member_grams MATCH ");
                out.push_bind_param::<Text, _>(pattern)?;
            }
            Source::Few(condition) => {
                out.push_sql("SELECT number FROM memberships WHERE organization_id = ");
                out.push_bind_param::<Id, _>(&self.organization)?;
                out.push_sql(" AND ");
                out.push_sql(condition);
            }
            Source::Type(account_type) => {
                out.push_sql("SELECT number FROM memberships WHERE organization_id = ");
                out.push_bind_param::<Id, _>(&self.organization)?;
                out.push_sql(" AND account_type = ");
                out.push_bind_param::<Text, _>(account_type)?;
            }
            Source::Group(group, role, patterns) => {
                out.push_sql("SELECT g.number FROM group_memberships g WHERE g.group_id = ");
                out.push_bind_param::<Id, _>(group)?;
                if let Some(role) = role {
                    out.push_sql(" AND g.role = ");
                    out.push_bind_param::<Text, _>(role)?;
                }
                push_patterns(patterns, &mut out)?;
            }
            Source::ManagedBy(manager, patterns) => {
                out.push_sql(
                    "SELECT g.number FROM group_memberships mine \
                     JOIN group_memberships g ON g.group_id = mine.group_id \
                     WHERE mine.organization_id = ",
                );
                out.push_bind_param::<Id, _>(&self.organization)?;
                out.push_sql(" AND mine.account_id = ");
                out.push_bind_param::<Id, _>(manager)?;
                out.push_sql(" AND mine.role = 'manager'");
                push_patterns(patterns, &mut out)?;
            }
            Source::Time(column, from, to) => {
                out.push_sql("SELECT number FROM memberships WHERE organization_id = ");
                out.push_bind_param::<Id, _>(&self.organization)?;
                for (operator, moment) in [(" >= ", from), (" < ", to)] {
                    if let Some(moment) = moment {
                        out.push_sql(" AND ");
                        out.push_sql(column);
                        out.push_sql(operator);
                        out.push_bind_param::<UtcTimestamp, _>(moment)?;
                    }
                }
            }
        }
        out.push_sql(" LIMIT ");
        out.push_bind_param::<BigInt, _>(&ONE_MORE_THAN_FEW)
    }
}

fn push_patterns<'b>(
    patterns: &'b [String],
    out: &mut AstPass<'_, 'b, MultiBackend>,
) -> QueryResult<()> {
    for pattern in patterns {
        out.push_sql(" AND g.search_key LIKE ");
        out.push_bind_param::<Text, _>(pattern)?;
        if has_escapes(pattern) {
            out.push_sql(" ESCAPE '\\'");
        }
    }
    Ok(())
}

impl QueryId for Search<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Search<'_> {
    type SqlType = BigInt;
}

impl RunQueryDsl<Connection> for Search<'_> {}

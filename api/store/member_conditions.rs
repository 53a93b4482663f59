//! What a filter asks of a membership: of its bits first, and of what they stand for where they do not tell.

use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::member_filter::MemberFilter;
use super::member_order::Condition;
use super::schema::{group_memberships, memberships};
use crate::domain::ids::{AccountId, OrganizationId};
use crate::domain::member_marks::{Traits, marks_of_words};
use crate::domain::organization::GroupRole;
use crate::domain::search_key::SearchWords;

diesel::infix_operator!(BitAnd, " & ", BigInt);

/// What is asked of a membership's bits: the whole of its account type, role, status and account, and marks of
/// the group and of the words.
pub fn of_bits(filter: &MemberFilter) -> Vec<Condition> {
    let mut conditions: Vec<Condition> = Vec::new();
    let traits = traits(filter);
    if traits != Traits::default() {
        let bits = BitAnd::new(memberships::traits, traits.asked.into_sql::<BigInt>());
        conditions.push(Box::new(bits.eq(traits.set)));
    }
    let marks = word_marks(filter);
    if marks != 0 {
        let bits = BitAnd::new(memberships::word_marks, marks.into_sql::<BigInt>());
        conditions.push(Box::new(bits.eq(marks)));
    }
    conditions
}

/// The marks that whoever has the words has.
fn word_marks(filter: &MemberFilter) -> i64 {
    let words = filter.words();
    let marks = words.iter().map(marks_of_words);
    marks.fold(0, |all, of_one| all | of_one)
}

fn traits(filter: &MemberFilter) -> Traits {
    let mut traits = Traits::default();
    if let Some(account_type) = filter.account_type {
        traits = traits.with_account_type(account_type);
    }
    if let Some(role) = filter.role {
        traits = traits.with_role(role);
    }
    if let Some(status) = filter.status {
        traits = traits.with_status(status);
    }
    if let Some(is_managed) = filter.managed {
        traits = traits.with_managed(is_managed);
    }
    if let Some(is_verified) = filter.email_verified {
        traits = traits.with_email_verified(is_verified);
    }
    if let Some(group) = filter.group {
        traits = traits.with_group(group);
    }
    traits
}

/// What is asked of a membership's search key.
pub fn of_key(filter: &MemberFilter) -> Vec<Condition> {
    let mut conditions: Vec<Condition> = Vec::new();
    for pattern in patterns(filter) {
        let has_escapes = has_escapes(&pattern);
        let is_like = memberships::search_key.like(pattern);
        conditions.push(if has_escapes {
            Box::new(is_like.escape('\\'))
        } else {
            Box::new(is_like)
        });
    }
    conditions
}

/// Whether a pattern needs `ESCAPE '\'`: with it, PostgreSQL makes the pattern anew for each key.
pub fn has_escapes(pattern: &str) -> bool {
    pattern.contains('\\')
}

/// What a search key has to be like, for SQL's `LIKE` (see [`has_escapes`]).
pub fn patterns(filter: &MemberFilter) -> Vec<String> {
    // A key ends with the canonical address, and a domain has no wildcard.
    let domain = filter.email_domain.as_ref();
    let domain = domain.map(|domain| format!("%@{domain}"));
    let words = filter.search.iter().flat_map(SearchWords::patterns);
    domain.into_iter().chain(words).collect()
}

/// What is asked of a member's groups, of one member after the other: a group may have everybody.
pub fn of_groups(organization: OrganizationId, filter: &MemberFilter) -> Vec<Condition> {
    let mut conditions: Vec<Condition> = Vec::new();
    if let Some(group) = filter.group {
        let place = group_memberships::table
            .filter(group_memberships::organization_id.eq(organization))
            .filter(group_memberships::group_id.eq(group))
            .filter(group_memberships::account_id.eq(memberships::account_id));
        // With an offset, PostgreSQL does not read the whole group first: few are asked about.
        conditions.push(match filter.group_role {
            None => Box::new(exists(place.limit(1).offset(0))),
            Some(role) => {
                let as_such = place.filter(group_memberships::role.eq(role));
                Box::new(exists(as_such.limit(1).offset(0)))
            }
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

diesel::alias!(group_memberships as managed: Managed);

/// The groups that `manager` manages, as a subquery.
#[diesel::dsl::auto_type]
pub fn managed_groups(organization: OrganizationId, manager: AccountId) -> _ {
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

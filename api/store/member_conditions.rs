//! What a filter asks of a membership, one condition for each of its fields.

use diesel::dsl::exists;
use diesel::prelude::*;

use super::member_filter::MemberFilter;
use super::member_order::Condition;
use super::schema::{group_memberships, memberships};
use crate::domain::ids::{AccountId, OrganizationId};
use crate::domain::organization::GroupRole;
use crate::domain::search_key::SearchWords;

/// What is asked of a membership itself.
pub fn of_membership(filter: &MemberFilter) -> Vec<Condition> {
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

/// What is asked of a member's groups, of one member after the other: a group may have everybody.
pub fn of_groups(organization: OrganizationId, filter: &MemberFilter) -> Vec<Condition> {
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

//! The question of the systems that have the resources: may this account open them (`docs/grants.md`)?

use std::cmp::Reverse;
use std::collections::HashMap;

use super::authorization::{CheckAccess, Permit};
use super::memberships::no_such_member;
use super::unit_of_work::UnitOfWork;
use crate::domain::ids::{AccountId, GroupId};
use crate::domain::resource::Resource;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::store::access::{self, AccessQuestion, OpenGrant};
use crate::store::{groups, member_list};

/// Why an account may open a resource: the group that opens it for the longest, and until when.
#[derive(Clone, Debug)]
pub struct AccessReason {
    pub group: (GroupId, String),
    /// It does not end where this is absent.
    pub until: Option<Timestamp>,
}

/// Whether an account may open a resource.
#[derive(Clone, Debug)]
pub struct Access {
    pub allowed: bool,
    /// None where it may not, and where the caller may not see the grants of that group.
    pub reason: Option<AccessReason>,
}

/// Whether the account may open each of these resources, in their order, and why. Whoever is no active member of the
/// organization may open none of them.
///
/// # Errors
/// `not_found` for an account that the caller may not see.
pub fn check(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<CheckAccess>,
    account: AccountId,
    resources: &[Resource],
) -> Result<Vec<Access>> {
    let caller = manager_of_others(permit, account);
    require_visible(tx, permit, (caller, account))?;
    let organization = permit.organization.id;
    let question = AccessQuestion {
        account,
        resources,
        at: tx.now(),
    };
    let open = access::open_grants(tx.connection, organization, &question)?;
    let longest = longest_of_each(open);
    // Staff see the grants of the groups that they manage, and do not learn of others by asking.
    let told = match caller {
        None => None,
        Some(caller) => Some(groups::managed_by(tx.connection, organization, caller)?),
    };
    let is_told = |grant: &&OpenGrant| told.as_ref().is_none_or(|told| told.contains(&grant.group));
    let access = |resource| {
        let grant = longest.get(resource);
        Access {
            allowed: grant.is_some(),
            reason: grant.filter(is_told).map(reason_of),
        }
    };
    Ok(resources.iter().map(access).collect())
}

/// The caller where they are staff who ask of somebody else.
fn manager_of_others(permit: &Permit<CheckAccess>, account: AccountId) -> Option<AccountId> {
    permit.restricted_to_manager().filter(|it| *it != account)
}

/// Staff ask of the people of groups that they manage, and everybody of themselves.
fn require_visible(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<CheckAccess>,
    (caller, account): (Option<AccountId>, AccountId),
) -> Result<()> {
    let organization = permit.organization.id;
    let Some(caller) = caller else {
        return Ok(());
    };
    let reached = member_list::within_reach(tx.connection, organization, caller, &[account])?;
    if reached.contains(&account) {
        return Ok(());
    }
    Err(no_such_member())
}

/// Of the grants of each resource, the one that ends last; of several such, the one to the oldest group.
fn longest_of_each(open: Vec<OpenGrant>) -> HashMap<Resource, OpenGrant> {
    let mut longest: HashMap<Resource, OpenGrant> = HashMap::new();
    for grant in open {
        let resource = Resource {
            resource_type: grant.resource_type.clone(),
            id: grant.resource_id.clone(),
        };
        match longest.get(&resource) {
            Some(known) if rank(known) >= rank(&grant) => {}
            Some(_) | None => drop(longest.insert(resource, grant)),
        }
    }
    longest
}

/// The higher, the longer: without an end first, then the later end, then the group that was there before.
fn rank(grant: &OpenGrant) -> (bool, Option<Timestamp>, Reverse<GroupId>) {
    let is_endless = grant.expires_at.is_none();
    (is_endless, grant.expires_at, Reverse(grant.group))
}

fn reason_of(grant: &OpenGrant) -> AccessReason {
    AccessReason {
        group: (grant.group, grant.group_name.clone()),
        until: grant.expires_at,
    }
}

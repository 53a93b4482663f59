//! The requested groups, added to members and to pending invitations that are not in them yet.

use std::collections::{HashMap, HashSet};

use crate::domain::events::AddedBy;
use crate::domain::ids::{AccountId, GroupId, InvitationId, OrganizationId};
use crate::error::Result;
use crate::services::admission;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::invitations;

/// The groups of each, by id and name.
type Known<K> = HashMap<K, Vec<(GroupId, String)>>;

/// Adds members to the groups that they are not in yet. Gives the number of groups by member.
pub(super) fn to_members(
    tx: &mut UnitOfWork<'_>,
    organization: OrganizationId,
    groups: &[GroupId],
    members: &HashSet<AccountId>,
) -> Result<HashMap<AccountId, usize>> {
    let mut added = HashMap::new();
    if groups.is_empty() || members.is_empty() {
        return Ok(added);
    }
    let mut members: Vec<AccountId> = members.iter().copied().collect();
    members.sort();
    for group in groups {
        let group = (organization, *group);
        for account in admission::add_to_group(tx, group, &members, AddedBy::Invitation)? {
            *added.entry(account).or_insert(0) += 1;
        }
    }
    Ok(added)
}

/// Adds the groups to pending invitations that do not have them yet. Gives the number of groups by
/// invitation.
pub(super) fn to_invitations(
    tx: &mut UnitOfWork<'_>,
    groups: &[GroupId],
    pending: Vec<InvitationId>,
) -> Result<HashMap<InvitationId, usize>> {
    let mut added = HashMap::new();
    if groups.is_empty() || pending.is_empty() {
        return Ok(added);
    }
    let known = invitations::groups_of(tx.connection, &pending)?;
    let mut new = Vec::new();
    for group in groups {
        for invitation in without_group(&known, &pending, *group) {
            new.push((invitation, *group));
            *added.entry(invitation).or_insert(0) += 1;
        }
    }
    invitations::insert_groups(tx.connection, &new)?;
    Ok(added)
}

/// Those that are not in the group yet.
fn without_group<K: Copy + Eq + std::hash::Hash>(
    known: &Known<K>,
    all: &[K],
    group: GroupId,
) -> Vec<K> {
    let is_in = |one: &K| {
        known
            .get(one)
            .is_some_and(|groups| groups.iter().any(|(id, _)| *id == group))
    };
    all.iter().copied().filter(|one| !is_in(one)).collect()
}

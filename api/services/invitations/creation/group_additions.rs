//! The requested groups, added to members and to pending invitations that are not in them yet.

use std::collections::{HashMap, HashSet};

use crate::domain::events::{AddedBy, DomainEvent, InvitationEvent};
use crate::domain::ids::{AccountId, GroupId, InvitationId, OrganizationId};
use crate::error::Result;
use crate::services::invitation_ends::event_of;
use crate::services::unit_of_work::UnitOfWork;
use crate::services::{admission, events};
use crate::store::invitations::{self, Invitation};

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

/// Adds the groups to locked pending invitations that do not have them yet, and publishes it. Gives the
/// number of groups by invitation.
pub(super) fn to_invitations(
    tx: &mut UnitOfWork<'_>,
    groups: &[GroupId],
    pending: &[&Invitation],
) -> Result<HashMap<InvitationId, usize>> {
    if groups.is_empty() || pending.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<InvitationId> = pending.iter().map(|invitation| invitation.id).collect();
    let known = invitations::groups_of(tx.connection, &ids)?;
    let (mut added, mut pairs, mut events) = (HashMap::new(), Vec::new(), Vec::new());
    for invitation in pending {
        let new = without(groups, known.get(&invitation.id));
        if new.is_empty() {
            continue;
        }
        added.insert(invitation.id, new.len());
        pairs.extend(new.iter().map(|group| (invitation.id, *group)));
        events.push(groups_added(invitation, new));
    }
    invitations::insert_groups(tx.connection, &pairs)?;
    events::publish_all(tx, &events)?;
    Ok(added)
}

/// The requested groups without the known ones.
fn without(groups: &[GroupId], known: Option<&Vec<(GroupId, String)>>) -> Vec<GroupId> {
    let is_known =
        |group: &GroupId| known.is_some_and(|known| known.iter().any(|(id, _)| id == group));
    groups
        .iter()
        .copied()
        .filter(|group| !is_known(group))
        .collect()
}

fn groups_added(invitation: &Invitation, groups: Vec<GroupId>) -> DomainEvent {
    let email = invitation.email.clone();
    event_of(invitation, InvitationEvent::GroupsAdded { email, groups })
}

//! Who is in a group: listed, added and removed by many, made managers.

use std::collections::{HashMap, HashSet};

use super::authorization::{GroupPermit, ListMembers, ManageGroup};
use super::members::{self, Member};
use super::memberships::no_such_member;
use super::unit_of_work::UnitOfWork;
use super::{admission, events, offboarding};
use crate::domain::events::{AddedBy, DomainEvent, GroupEvent};
use crate::domain::group_members::{AddOutcome, RemoveOutcome};
use crate::domain::ids::AccountId;
use crate::domain::organization::{GroupRole, MembershipStatus};
use crate::error::{Error, Result};
use crate::store::member_list::{self, MemberFilter, MemberPage};
use crate::store::memberships::{self, Membership};
use crate::store::{group_members, organizations, removed_members};

/// A member of the organization, and as what they are in a group.
pub struct GroupMember {
    pub member: Member,
    pub role: GroupRole,
}

/// A page of a group's people.
pub fn list(
    tx: &mut UnitOfWork<'_>,
    permit: &GroupPermit<ListMembers>,
    mut filter: MemberFilter,
    page: &MemberPage,
) -> Result<Vec<GroupMember>> {
    let (organization, group) = (permit.permit.organization.id, permit.group.id);
    filter.group = Some(group);
    let rows = member_list::list(tx.connection, organization, &filter, page)?;
    let ids: Vec<_> = rows.iter().map(|row| row.account_id).collect();
    let roles = group_members::roles(tx.connection, organization, group, &ids)?;
    let members = members::with_groups(tx, organization, rows)?;
    // Who left the group between the two queries is not on the page.
    let with_role = members.into_iter().filter_map(|member| {
        let role = roles.get(&member.row.account_id).copied()?;
        Some(GroupMember { member, role })
    });
    Ok(with_role.collect())
}

/// Adds members of the organization to a group, and tells how each ended, in the order in which they
/// were named. Managers of the group add only people that they see.
pub fn add(
    tx: &mut UnitOfWork<'_>,
    permit: &GroupPermit<ManageGroup>,
    asked: &[AccountId],
    role: GroupRole,
) -> Result<Vec<(AccountId, AddOutcome)>> {
    let (organization, group) = (permit.permit.organization.id, permit.group.id);
    tx.transaction(|tx| {
        // Their account types stay as they are meanwhile.
        organizations::lock(tx.connection, organization)?;
        let candidates = candidates(tx, permit, asked)?;
        let already = group_members::roles(tx.connection, organization, group, asked)?;
        let mut seen = HashSet::new();
        let outcome = |id: &AccountId| match candidates.get(id) {
            _ if !seen.insert(*id) => AddOutcome::DuplicateInRequest,
            None => AddOutcome::NotAMember,
            Some(_) if already.contains_key(id) => AddOutcome::AlreadyInGroup,
            Some(member) if role == GroupRole::Manager && !member.may_manage_groups() => {
                AddOutcome::ManagerNeedsStaffType
            }
            Some(_) => AddOutcome::Added,
        };
        let added: Vec<_> = asked.iter().map(outcome).collect();
        let outcomes: Vec<_> = asked.iter().copied().zip(added).collect();
        let new: Vec<_> = outcomes
            .iter()
            .filter(|(_, outcome)| *outcome == AddOutcome::Added)
            .map(|(id, _)| *id)
            .collect();
        let by = AddedBy::Manager { role };
        admission::add_to_group(tx, (organization, group), &new, by)?;
        Ok(outcomes)
    })
}

/// The active members among these whom the caller sees.
fn candidates(
    tx: &mut UnitOfWork<'_>,
    permit: &GroupPermit<ManageGroup>,
    asked: &[AccountId],
) -> Result<HashMap<AccountId, Membership>> {
    let organization = permit.permit.organization.id;
    let mut members = memberships::of_accounts(tx.connection, organization, asked)?;
    members.retain(|member| member.status == MembershipStatus::Active);
    if let Some(manager) = permit.permit.restricted_to_manager() {
        let seen = member_list::within_reach(tx.connection, organization, manager, asked)?;
        members.retain(|member| seen.contains(&member.account_id));
    }
    Ok(members
        .into_iter()
        .map(|member| (member.account_id, member))
        .collect())
}

/// Takes people out of a group, and tells how each ended, in the order in which they were named. The
/// group's code, as it is, does not let them back in.
pub fn remove(
    tx: &mut UnitOfWork<'_>,
    permit: &GroupPermit<ManageGroup>,
    asked: &[AccountId],
) -> Result<Vec<(AccountId, RemoveOutcome)>> {
    let (organization, group) = (permit.permit.organization.id, permit.group.id);
    tx.transaction(|tx| {
        organizations::lock(tx.connection, organization)?;
        let mut removed = offboarding::remove_from_group(tx, (organization, group), asked)?;
        let mut seen = HashSet::new();
        let outcome = |id: &AccountId| match (seen.insert(*id), removed.binary_search(id).is_ok()) {
            (false, _) => RemoveOutcome::DuplicateInRequest,
            (true, true) => RemoveOutcome::Removed,
            (true, false) => RemoveOutcome::NotInGroup,
        };
        let ended: Vec<_> = asked.iter().map(outcome).collect();
        let outcomes: Vec<_> = asked.iter().copied().zip(ended).collect();
        // Whoever takes themself out may come back.
        let own = tx.account_id();
        removed.retain(|id| Some(*id) != own);
        removed_members::insert_of_group(tx.connection, group, &removed, tx.now())?;
        Ok(outcomes)
    })
}

/// Makes somebody a manager or a plain member of a group, and gives them as they are then.
///
/// # Errors
/// `not_found` where they are not in it; `validation_failed` for a manager who is neither staff nor
/// admin.
pub fn set_role(
    tx: &mut UnitOfWork<'_>,
    permit: &GroupPermit<ManageGroup>,
    account: AccountId,
    role: GroupRole,
) -> Result<GroupMember> {
    let (organization, group) = (permit.permit.organization.id, permit.group.id);
    tx.transaction(|tx| {
        organizations::lock(tx.connection, organization)?;
        let membership = memberships::find(tx.connection, organization, account)?;
        let current = group_members::roles(tx.connection, organization, group, &[account])?;
        let (Some(membership), Some(_)) = (membership, current.get(&account)) else {
            return Err(no_such_member());
        };
        if role == GroupRole::Manager && !membership.may_manage_groups() {
            return Err(manager_needs_staff_type());
        }
        if group_members::set_role(tx.connection, organization, (group, account), role)? {
            let event = DomainEvent::Group {
                organization,
                group,
                event: GroupEvent::MemberUpdated { account, role },
            };
            events::publish(tx, event)?;
        }
        let member = members::load(tx, organization, account)?;
        Ok(GroupMember { member, role })
    })
}

/// The refusal to make a student or learner a group's manager.
pub fn manager_needs_staff_type() -> Error {
    Error::invalid(
        "/role",
        "manager_needs_staff_type",
        "Groups are managed by staff and admins. Change the member's account type first.",
    )
}

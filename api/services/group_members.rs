//! Who is in a group: listed, added and removed by many, made managers (PRODUCT 3.8).

use std::collections::{HashMap, HashSet};

use serde_json::json;

use super::audit::{self, Event, Subject};
use super::authorization::{GroupPermit, ListMembers, ManageGroup};
use super::members::{self, Member};
use crate::domain::audit::AuditAction;
use crate::domain::group_members::{AddOutcome, RemoveOutcome};
use crate::domain::ids::{AccountId, GroupId, OrganizationId};
use crate::domain::organization::{GroupRole, MembershipStatus};
use crate::error::{Error, Result};
use crate::store::groups::GroupMembership;
use crate::store::member_list::{self, MemberFilter, MemberPage};
use crate::store::memberships::{self, Membership};
use crate::store::{Connection, group_members, organizations, removed_members, transaction};

/// A member of the organization, and as what they are in a group.
pub struct GroupMember {
    pub member: Member,
    pub role: GroupRole,
}

/// A page of a group's people.
pub fn list(
    connection: &mut Connection,
    permit: &GroupPermit<ListMembers>,
    mut filter: MemberFilter,
    page: &MemberPage,
) -> Result<Vec<GroupMember>> {
    let (organization, group) = (permit.permit.organization.id, permit.group.id);
    filter.group = Some(group);
    let rows = member_list::list(connection, organization, &filter, page)?;
    let ids: Vec<_> = rows.iter().map(|row| row.account.id).collect();
    let roles = group_members::roles(connection, organization, group, &ids)?;
    let members = members::with_groups(connection, organization, rows)?;
    // Who left the group between the two queries is not on the page.
    let with_role = members.into_iter().filter_map(|member| {
        let role = roles.get(&member.row.account.id).copied()?;
        Some(GroupMember { member, role })
    });
    Ok(with_role.collect())
}

/// Adds members of the organization to a group, and tells how each ended, in the order in which they
/// were named. Managers of the group add only people that they see.
///
/// # Errors
/// Where the database is away.
pub fn add(
    connection: &mut Connection,
    permit: &GroupPermit<ManageGroup>,
    asked: &[AccountId],
    role: GroupRole,
) -> Result<Vec<(AccountId, AddOutcome)>> {
    let (organization, group) = (permit.permit.organization.id, permit.group.id);
    transaction(connection, |connection| {
        // Their account types stay as they are meanwhile.
        organizations::lock(connection, organization)?;
        let candidates = candidates(connection, permit, asked)?;
        let already = group_members::roles(connection, organization, group, asked)?;
        let mut seen = HashSet::new();
        let judge = |id: &AccountId| match candidates.get(id) {
            _ if !seen.insert(*id) => AddOutcome::DuplicateInRequest,
            None => AddOutcome::NotAMember,
            Some(_) if already.contains_key(id) => AddOutcome::AlreadyInGroup,
            Some(member) if role == GroupRole::Manager && !member.may_manage_groups() => {
                AddOutcome::ManagerNeedsStaffType
            }
            Some(_) => AddOutcome::Added,
        };
        let judged: Vec<_> = asked.iter().map(judge).collect();
        let outcomes: Vec<_> = asked.iter().copied().zip(judged).collect();
        let new: Vec<_> = outcomes
            .iter()
            .filter(|(_, outcome)| *outcome == AddOutcome::Added)
            .map(|(id, _)| *id)
            .collect();
        insert(connection, organization, group, &new, role)?;
        let details = json!({ "name": permit.group.name, "account_ids": new, "role": role });
        record_many(
            connection,
            permit,
            AuditAction::GroupMembersAdded,
            &new,
            details,
        )?;
        Ok(outcomes)
    })
}

/// The active members among these whom the caller sees.
fn candidates(
    connection: &mut Connection,
    permit: &GroupPermit<ManageGroup>,
    asked: &[AccountId],
) -> Result<HashMap<AccountId, Membership>> {
    let organization = permit.permit.organization.id;
    let mut members = memberships::of_accounts(connection, organization, asked)?;
    members.retain(|member| member.status == MembershipStatus::Active);
    if let Some(manager) = permit.permit.restricted_to_manager() {
        let seen = member_list::within_reach(connection, organization, manager, asked)?;
        members.retain(|member| seen.contains(&member.account_id));
    }
    Ok(members
        .into_iter()
        .map(|member| (member.account_id, member))
        .collect())
}

fn insert(
    connection: &mut Connection,
    organization: OrganizationId,
    group: GroupId,
    accounts: &[AccountId],
    role: GroupRole,
) -> Result<()> {
    let new: Vec<_> = accounts
        .iter()
        .map(|account| GroupMembership {
            group_id: group,
            organization_id: organization,
            account_id: *account,
            role,
        })
        .collect();
    group_members::insert(connection, &new)?;
    removed_members::delete_of_groups(connection, &[group], accounts)
}

fn record_many(
    connection: &mut Connection,
    permit: &GroupPermit<ManageGroup>,
    action: AuditAction,
    changed: &[AccountId],
    details: serde_json::Value,
) -> Result<()> {
    if changed.is_empty() {
        return Ok(());
    }
    let organization = permit.permit.organization.id;
    let event = Event::within(
        organization,
        action,
        Subject::Group(permit.group.id),
        details,
    );
    audit::record(connection, &permit.permit.act, event)
}

/// Takes people out of a group, and tells how each ended, in the order in which they were named. The
/// group's code, as it is, does not let them back in.
///
/// # Errors
/// Where the database is away.
pub fn remove(
    connection: &mut Connection,
    permit: &GroupPermit<ManageGroup>,
    asked: &[AccountId],
) -> Result<Vec<(AccountId, RemoveOutcome)>> {
    let (organization, group) = (permit.permit.organization.id, permit.group.id);
    let act = &permit.permit.act;
    transaction(connection, |connection| {
        organizations::lock(connection, organization)?;
        let removed = group_members::delete(connection, organization, group, asked)?;
        let mut seen = HashSet::new();
        let judge = |id: &AccountId| match (seen.insert(*id), removed.contains(id)) {
            (false, _) => RemoveOutcome::DuplicateInRequest,
            (true, true) => RemoveOutcome::Removed,
            (true, false) => RemoveOutcome::NotInGroup,
        };
        let judged: Vec<_> = asked.iter().map(judge).collect();
        let outcomes: Vec<_> = asked.iter().copied().zip(judged).collect();
        let mut removed: Vec<_> = removed.into_iter().collect();
        removed.sort_unstable();
        let details = json!({ "name": permit.group.name, "account_ids": removed });
        record_many(
            connection,
            permit,
            AuditAction::GroupMembersRemoved,
            &removed,
            details,
        )?;
        // Whoever takes themself out may come back.
        removed.retain(|id| Some(*id) != permit.permit.account_id);
        removed_members::insert_of_group(connection, group, &removed, act.at)?;
        Ok(outcomes)
    })
}

/// Makes somebody a manager or a plain member of a group, and gives them as they are then.
///
/// # Errors
/// `not_found` where they are not in it; `validation_failed` for a manager who is neither staff nor
/// admin.
pub fn set_role(
    connection: &mut Connection,
    permit: &GroupPermit<ManageGroup>,
    account: AccountId,
    role: GroupRole,
) -> Result<GroupMember> {
    let (organization, group) = (permit.permit.organization.id, permit.group.id);
    transaction(connection, |connection| {
        organizations::lock(connection, organization)?;
        let membership = memberships::find(connection, organization, account)?;
        let current = group_members::roles(connection, organization, group, &[account])?;
        let (Some(membership), Some(_)) = (membership, current.get(&account)) else {
            return Err(members::no_such_member());
        };
        if role == GroupRole::Manager && !membership.may_manage_groups() {
            return Err(Error::invalid(
                "/role",
                "manager_needs_staff_type",
                "Groups are managed by staff and admins. Change the member's account type first.",
            ));
        }
        if group_members::set_role(connection, organization, group, account, role)? {
            let details = json!({ "name": permit.group.name, "account_id": account, "role": role });
            let action = AuditAction::GroupMemberUpdated;
            record_many(connection, permit, action, &[account], details)?;
        }
        let member = members::load(connection, organization, account)?;
        Ok(GroupMember { member, role })
    })
}

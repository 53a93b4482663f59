//! Members: listed, looked at, changed, helped, removed.

pub mod bulk;
pub mod export;
pub mod password;
pub mod removal;
pub mod status;
pub mod update;

use std::collections::HashMap;

use super::authorization::{self, ListMembers, ManageAdmins, Permission, Permit};
use super::invitations;
use super::memberships::no_such_member;
use super::unit_of_work::UnitOfWork;
use crate::domain::events::{DomainEvent, MemberEvent};
use crate::domain::ids::{AccountId, GroupId, OrganizationId};
use crate::domain::organization::Role;
use crate::error::{Code, Error, Result};
use crate::store::accounts::Account;
use crate::store::groups;
use crate::store::member_list::{self, MemberFilter, MemberPage, MemberRow};
use crate::store::memberships::Membership;

/// A member with the groups they are in.
pub struct Member {
    pub row: MemberRow,
    pub groups: Vec<(GroupId, String)>,
}

/// A page of members; staff see those of the groups they manage.
pub fn list(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ListMembers>,
    mut filter: MemberFilter,
    page: &MemberPage,
) -> Result<Vec<Member>> {
    filter.managed_by = permit.restricted_to_manager();
    let organization = permit.organization.id;
    let rows = member_list::list(tx.connection, organization, &filter, page)?;
    with_groups(tx, organization, rows)
}

/// Members with their groups.
pub(super) fn with_groups(
    tx: &mut UnitOfWork<'_>,
    organization: OrganizationId,
    rows: Vec<MemberRow>,
) -> Result<Vec<Member>> {
    let ids: Vec<_> = rows.iter().map(|row| row.account_id).collect();
    let mut groups = groups_of(tx, organization, &ids)?;
    Ok(rows
        .into_iter()
        .map(|row| Member {
            groups: groups.remove(&row.account_id).unwrap_or_default(),
            row,
        })
        .collect())
}

fn groups_of(
    tx: &mut UnitOfWork<'_>,
    organization: OrganizationId,
    ids: &[AccountId],
) -> Result<HashMap<AccountId, Vec<(GroupId, String)>>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    groups::of_accounts(tx.connection, organization, ids)
}

/// One member.
///
/// # Errors
/// `not_found` where there is none, or none that the caller may see.
pub fn find(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ListMembers>,
    account: AccountId,
) -> Result<Member> {
    require_seen(tx, permit, account)?;
    load(tx, permit.organization.id, account)
}

/// Staff see the members of the groups that they manage.
fn require_seen<A: Permission>(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<A>,
    account: AccountId,
) -> Result<()> {
    let Some(manager) = permit.restricted_to_manager() else {
        return Ok(());
    };
    let organization = permit.organization.id;
    let seen = member_list::within_reach(tx.connection, organization, manager, &[account])?;
    if seen.contains(&account) {
        Ok(())
    } else {
        Err(no_such_member())
    }
}

/// A member as they are now.
pub(super) fn load(
    tx: &mut UnitOfWork<'_>,
    organization: OrganizationId,
    account: AccountId,
) -> Result<Member> {
    let row =
        member_list::find(tx.connection, organization, account)?.ok_or_else(no_such_member)?;
    let mut groups = groups_of(tx, organization, &[account])?;
    Ok(Member {
        row,
        groups: groups.remove(&account).unwrap_or_default(),
    })
}

/// Whether the caller may act on members who are admins: people may, API keys not.
///
/// # Errors
/// `not_found` where the caller may not even see the organization.
fn may_act_on_admins(tx: &mut UnitOfWork<'_>, organization: OrganizationId) -> Result<bool> {
    match authorization::permit::<ManageAdmins>(tx, organization) {
        Ok(_) => Ok(true),
        Err(error) if error.code() == Code::Forbidden => Ok(false),
        Err(error) => Err(error),
    }
}

/// Refuses a member who is an admin, active or not, where the caller may not act on admins.
///
/// # Errors
/// `forbidden`.
fn require_may_act_on(tx: &mut UnitOfWork<'_>, member: &Membership) -> Result<()> {
    match member.role {
        Role::Member => Ok(()),
        Role::Admin if may_act_on_admins(tx, member.organization_id)? => Ok(()),
        Role::Admin => Err(Error::forbidden(
            "This member is an admin. No API key acts on admins, whatever its scopes: sign in as an admin.",
        )),
    }
}

/// Revokes what an active admin has offered to future staff, where somebody else takes the role or the membership
/// from them. Call it where the member is locked, before the change. Who goes of their own accord could have used
/// such an offer before.
///
/// # Errors
/// `unavailable` where one is answered at the same moment.
fn revoke_offers_of_admin(tx: &mut UnitOfWork<'_>, member: &Membership) -> Result<()> {
    let of_own_accord = tx.account_id() == Some(member.account_id);
    if of_own_accord || !member.is_active_admin() {
        return Ok(());
    }
    invitations::revoke_of_staff_by(tx, member.organization_id, member.account_id)
}

/// Refuses what an organization may do only to accounts that it manages (`docs/members.md`): those that it
/// created and no other organization has a share in. Who is admitted elsewhere is managed no more.
///
/// # Errors
/// `not_managed_here`.
fn require_managed(account: &Account, organization: OrganizationId) -> Result<()> {
    if account.is_managed_by(organization) && !account.operator {
        return Ok(());
    }
    Err(not_managed_here())
}

/// The refusal of an account that is its owner's, or another organization's.
pub fn not_managed_here() -> Error {
    Error::refused(
        Code::NotManagedHere,
        "This organization does not manage the account: its owner registered it, another organization \
         created it, or its owner has joined or founded another organization since. Here the membership \
         can be deactivated or ended; everything else is its owner's.",
    )
}

/// What happened to a member of the permit's organization.
fn about<P>(permit: &Permit<P>, account: AccountId, event: MemberEvent) -> DomainEvent {
    DomainEvent::Member {
        organization: permit.organization.id,
        account,
        event,
    }
}

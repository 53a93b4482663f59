//! Members: listed, looked at, given another role or account type (PRODUCT 3.9).

use std::collections::HashMap;

use serde_json::json;

use super::admission::no_seat;
use super::audit::{self, Event, Subject};
use super::authorization::{ListMembers, ManageMembers, Permit};
use super::organizations::require_account_type;
use super::sessions::SignedIn;
use crate::domain::audit::Action;
use crate::domain::ids::{AccountId, GroupId, OrganizationId};
use crate::domain::organization::{AccountType, MembershipStatus, Role};
use crate::error::{Code, Error, Result};
use crate::store::memberships::{self, MemberFilter, MemberPage, MemberRow, Membership};
use crate::store::{Connection, groups, organizations, seats, transaction};

/// A member with the groups they are in.
pub struct Member {
    pub row: MemberRow,
    pub groups: Vec<(GroupId, String)>,
}

/// What may change of a member; absent fields stay.
#[derive(Clone, Copy, Debug, Default)]
pub struct MemberChanges {
    pub role: Option<Role>,
    pub account_type: Option<AccountType>,
}

/// A page of members; staff see those of the groups they manage.
pub fn list(
    connection: &mut Connection,
    permit: &Permit<ListMembers>,
    mut filter: MemberFilter,
    page: &MemberPage,
) -> Result<Vec<Member>> {
    filter.managed_by = permit.confined_to();
    let organization = permit.organization.id;
    let rows = memberships::list(connection, organization, &filter, page)?;
    let ids: Vec<_> = rows.iter().map(|row| row.account.id).collect();
    let mut groups = groups_of(connection, organization, &ids)?;
    Ok(rows
        .into_iter()
        .map(|row| Member {
            groups: groups.remove(&row.account.id).unwrap_or_default(),
            row,
        })
        .collect())
}

fn groups_of(
    connection: &mut Connection,
    organization: OrganizationId,
    ids: &[AccountId],
) -> Result<HashMap<AccountId, Vec<(GroupId, String)>>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    groups::of_accounts(connection, organization, ids)
}

/// One member.
///
/// # Errors
/// `not_found` where there is none, or none that the caller may see.
pub fn find(
    connection: &mut Connection,
    permit: &Permit<ListMembers>,
    account: AccountId,
) -> Result<Member> {
    let organization = permit.organization.id;
    if let Some(manager) = permit.confined_to()
        && !memberships::shares_managed_group(connection, organization, manager, account)?
    {
        return Err(no_such_member());
    }
    load(connection, organization, account)
}

fn load(
    connection: &mut Connection,
    organization: OrganizationId,
    account: AccountId,
) -> Result<Member> {
    let row =
        memberships::find_member(connection, organization, account)?.ok_or_else(no_such_member)?;
    let mut groups = groups_of(connection, organization, &[account])?;
    Ok(Member {
        row,
        groups: groups.remove(&account).unwrap_or_default(),
    })
}

/// Changes a member's role, account type, or both.
///
/// # Errors
/// `last_admin`, `no_seat` of the new type, `account_type_not_in_kind`.
pub fn update(
    connection: &mut Connection,
    permit: &Permit<ManageMembers>,
    account: AccountId,
    changes: MemberChanges,
) -> Result<Member> {
    let organization = permit.organization.id;
    if let Some(account_type) = changes.account_type {
        require_account_type(&permit.organization, account_type)?;
    }
    transaction(connection, |connection| {
        let known =
            memberships::find(connection, organization, account)?.ok_or_else(no_such_member)?;
        if let Some(role) = changes.role {
            change_role(connection, &known, role)?;
        }
        if let Some(account_type) = changes.account_type {
            change_account_type(connection, &known, account_type)?;
        }
        let details = json!({ "role": changes.role, "account_type": changes.account_type });
        let subject = Subject::Account(account);
        let event = Event::within(organization, Action::MemberUpdated, subject, details);
        audit::record(connection, &permit.act, event)?;
        load(connection, organization, account)
    })
}

/// Nothing to do where the role is that already, or where the membership is not active.
fn change_role(connection: &mut Connection, known: &Membership, role: Role) -> Result<()> {
    let organization = known.organization_id;
    if !memberships::set_role(connection, organization, known.account_id, role)? {
        return Ok(());
    }
    match role {
        Role::Admin => organizations::add_admin(connection, organization),
        Role::Member => require_another_admin(connection, organization),
    }
}

fn require_another_admin(connection: &mut Connection, organization: OrganizationId) -> Result<()> {
    if organizations::remove_admin(connection, organization)? {
        return Ok(());
    }
    Err(Error::refused(
        Code::LastAdmin,
        "This is the organization's last admin. Make somebody else an admin first.",
    ))
}

/// The seat moves from one line of the ledger to another; the total stays.
fn change_account_type(
    connection: &mut Connection,
    known: &Membership,
    account_type: AccountType,
) -> Result<()> {
    let (organization, old) = (known.organization_id, known.account_type);
    if old == account_type || known.status != MembershipStatus::Active {
        return Ok(());
    }
    let account = known.account_id;
    if !memberships::replace_account_type(connection, organization, account, old, account_type)? {
        return Err(Error::unavailable(
            "the member was changed at the same moment",
        ));
    }
    if seats::change_type(connection, organization, old, account_type)? {
        Ok(())
    } else {
        Err(no_seat())
    }
}

/// The caller leaves an organization.
///
/// # Errors
/// `last_admin`; `not_found` where the caller is not a member.
pub fn leave(
    connection: &mut Connection,
    caller: &SignedIn,
    organization: OrganizationId,
) -> Result<()> {
    let account = caller.account.id;
    transaction(connection, |connection| {
        let known = memberships::find(connection, organization, account)?
            .ok_or_else(|| Error::not_found("membership"))?;
        if !memberships::delete(connection, &known)? {
            return Err(Error::unavailable(
                "the membership was changed at the same moment",
            ));
        }
        if known.status == MembershipStatus::Active {
            // The organization before its seats, as everywhere: two who wait never form a ring.
            if known.role == Role::Admin {
                require_another_admin(connection, organization)?;
            }
            seats::release(connection, organization, known.account_type, 1)?;
        }
        let details = json!({ "account_type": known.account_type, "role": known.role });
        let subject = Subject::Account(account);
        let event = Event::within(organization, Action::MemberLeft, subject, details);
        audit::record(connection, &caller.act, event)
    })
}

fn no_such_member() -> Error {
    Error::not_found("member")
}

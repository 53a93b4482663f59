//! Memberships of one account each: locked, changed, ended, with the counters that depend on them.

use super::events;
use super::sign_on_requirement::end_emergency;
use super::unit_of_work::UnitOfWork;
use crate::domain::events::{DomainEvent, GroupEvent};
use crate::domain::ids::{AccountId, OrganizationId};
use crate::domain::organization::GroupRole;
use crate::error::{Code, Error, Result};
use crate::store::accounts::{self, Account};
use crate::store::memberships::{self, Membership};
use crate::store::{account_deletion, group_members, organizations, seats};

/// Locks the organization, the account and so its membership until the transaction ends.
///
/// A fixed lock order (organization, account, seats, memberships) prevents deadlocks between two who
/// change members.
///
/// # Errors
/// `not_found` where the account is no member.
pub(super) fn lock(
    tx: &mut UnitOfWork<'_>,
    organization: OrganizationId,
    account: AccountId,
) -> Result<(Account, Membership)> {
    organizations::lock(tx.connection, organization)?;
    let account = accounts::lock(tx.connection, account)?.ok_or_else(no_such_member)?;
    let membership = memberships::find(tx.connection, organization, account.id)?;
    Ok((account, membership.ok_or_else(no_such_member)?))
}

/// Locks an account, and the organizations that it is in, for its deletion: its memberships stay as they are,
/// and nothing new can refer to it, until the transaction ends. Gives the organizations. They are locked in
/// their order and before the account, which prevents deadlocks between two deletions.
///
/// # Errors
/// `not_found` where the account is gone.
pub(super) fn lock_all_of(
    tx: &mut UnitOfWork<'_>,
    account: AccountId,
) -> Result<Vec<OrganizationId>> {
    let mut locked = Vec::new();
    for organization in organizations_of(tx, account)? {
        // One that is being deleted is gone when it can be locked.
        let found = organizations::lock(tx.connection, organization)?;
        locked.extend(found.map(|organization| organization.id));
    }
    if !account_deletion::lock_for_deletion(tx.connection, account)? {
        return Err(Error::not_found("account"));
    }
    let is_locked = |organization: &OrganizationId| locked.contains(organization);
    if !organizations_of(tx, account)?.iter().all(is_locked) {
        return Err(Error::conflict(
            "the account has just joined another organization",
        ));
    }
    Ok(locked)
}

fn organizations_of(tx: &mut UnitOfWork<'_>, account: AccountId) -> Result<Vec<OrganizationId>> {
    let memberships = memberships::of_account(tx.connection, account)?;
    Ok(memberships
        .into_iter()
        .map(|(organization, _)| organization.id)
        .collect())
}

/// The account and its membership.
///
/// # Errors
/// As [`lock`].
pub(super) fn find(
    tx: &mut UnitOfWork<'_>,
    organization: OrganizationId,
    account: AccountId,
) -> Result<(Account, Membership)> {
    let membership = memberships::find(tx.connection, organization, account)?;
    let account = accounts::find(tx.connection, account)?;
    account.zip(membership).ok_or_else(no_such_member)
}

/// Replaces account type, role and status of a locked membership.
///
/// # Errors
/// `last_admin`, `emergency_admin_required`, `no_seat`.
pub(super) fn replace(tx: &mut UnitOfWork<'_>, known: &Membership, new: &Membership) -> Result<()> {
    update_counters(tx, known, Some(new))?;
    if !memberships::replace(tx.connection, known, new)? {
        return Err(changed_meanwhile());
    }
    if known.may_manage_groups() && !new.may_manage_groups() {
        demote_managers(tx, new.organization_id, &[new.account_id])?;
    }
    Ok(())
}

/// Makes people who may not manage groups any more plain members of theirs.
pub(super) fn demote_managers(
    tx: &mut UnitOfWork<'_>,
    organization: OrganizationId,
    accounts: &[AccountId],
) -> Result<()> {
    let demoted = group_members::demote_managers(tx.connection, organization, accounts)?;
    let events: Vec<_> = demoted
        .into_iter()
        .map(|(group, account)| DomainEvent::Group {
            organization,
            group,
            event: GroupEvent::MemberUpdated {
                account,
                role: GroupRole::Member,
            },
        })
        .collect();
    events::publish_all(tx, &events)
}

/// Deletes a locked membership with its seat and its places in groups; `offboarding` publishes it.
///
/// # Errors
/// `last_admin`, `emergency_admin_required`.
pub(super) fn delete(tx: &mut UnitOfWork<'_>, known: &Membership) -> Result<()> {
    update_counters(tx, known, None)?;
    if memberships::delete(tx.connection, known)? {
        Ok(())
    } else {
        Err(changed_meanwhile())
    }
}

/// Moves the number of admins and the seats from what a membership is to what it becomes, or to its
/// end.
fn update_counters(
    tx: &mut UnitOfWork<'_>,
    known: &Membership,
    new: Option<&Membership>,
) -> Result<()> {
    let organization = known.organization_id;
    let will_be_admin = new.is_some_and(Membership::is_active_admin);
    match (known.is_active_admin(), will_be_admin) {
        (true, false) => {
            require_another_admin(tx, organization)?;
            end_emergency(tx, organization, known.account_id)?;
        }
        (false, true) => organizations::add_admin(tx.connection, organization)?,
        (true, true) | (false, false) => {}
    }
    let has_seat = match (known.seat(), new.and_then(Membership::seat)) {
        (Some(old), None) => {
            seats::release(tx.connection, organization, old, 1)?;
            true
        }
        (None, Some(new)) => seats::claim(tx.connection, organization, new, 1)?,
        (Some(old), Some(new)) if old != new => {
            seats::change_type(tx.connection, organization, (old, new), 1)? == 1
        }
        (Some(_), Some(_)) | (None, None) => true,
    };
    if has_seat {
        Ok(())
    } else {
        Err(Error::no_seat())
    }
}

fn require_another_admin(tx: &mut UnitOfWork<'_>, organization: OrganizationId) -> Result<()> {
    if organizations::remove_admin(tx.connection, organization)? {
        return Ok(());
    }
    Err(last_admin())
}

/// The refusal where an organization would have no active admin left.
pub fn last_admin() -> Error {
    Error::refused(
        Code::LastAdmin,
        "This is the organization's last admin. Make somebody else an admin first.",
    )
}

/// Whoever locks the organization keeps the membership as it was read, so this should not happen.
pub(super) fn changed_meanwhile() -> Error {
    Error::conflict("the membership was changed at the same moment")
}

/// The refusal where an account is no member, or none that the caller may see.
pub(super) fn no_such_member() -> Error {
    Error::not_found("member")
}

//! What a change of a membership changes beside it: the admin counter, the seats, groups managed.

use crate::domain::ids::OrganizationId;
use crate::error::{Code, Error, Result};
use crate::store::memberships::{self, Membership};
use crate::store::{Connection, group_members, organizations, seats};

/// Makes a held membership what `new` says of account type, role and status.
///
/// # Errors
/// `last_admin`, `no_seat`.
pub(super) fn replace(
    connection: &mut Connection,
    known: &Membership,
    new: &Membership,
) -> Result<()> {
    settle(connection, known, Some(new))?;
    if !memberships::replace(connection, known, new)? {
        return Err(changed_meanwhile());
    }
    if known.may_manage_groups() && !new.may_manage_groups() {
        group_members::demote_managers(connection, new.organization_id, &[new.account_id])?;
    }
    Ok(())
}

/// Brings the invariants from what a membership is to what it becomes, or to its end. The organization
/// comes before its seats, as everywhere: two who wait never form a ring.
///
/// # Errors
/// `last_admin`, `no_seat`.
pub(in crate::services) fn settle(
    connection: &mut Connection,
    known: &Membership,
    new: Option<&Membership>,
) -> Result<()> {
    let organization = known.organization_id;
    let will_be_admin = new.is_some_and(Membership::is_active_admin);
    match (known.is_active_admin(), will_be_admin) {
        (true, false) => require_another_admin(connection, organization)?,
        (false, true) => organizations::add_admin(connection, organization)?,
        _ => {}
    }
    let has_seat = match (known.seat(), new.and_then(Membership::seat)) {
        (Some(old), None) => seats::release(connection, organization, old, 1).map(|()| true)?,
        (None, Some(new)) => seats::claim(connection, organization, new, 1)?,
        (Some(old), Some(new)) if old != new => {
            seats::change_type(connection, organization, old, new, 1)? == 1
        }
        _ => true,
    };
    if has_seat {
        Ok(())
    } else {
        Err(Error::no_seat())
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

/// Whoever holds the organization keeps the membership as it was read, so this should not happen.
pub(in crate::services) fn changed_meanwhile() -> Error {
    Error::unavailable("the membership was changed at the same moment")
}

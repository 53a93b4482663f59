//! Members deactivated and let in again (PRODUCT 3.9).

use serde_json::json;

use super::{Member, changes, hold, load};
use crate::domain::audit::AuditAction;
use crate::domain::ids::AccountId;
use crate::domain::organization::MembershipStatus;
use crate::error::Result;
use crate::services::audit::{self, Event, Subject};
use crate::services::authorization::{ManageMembers, Permit};
use crate::store::{Connection, managed_accounts, sessions, transaction};

/// Deactivates a member and frees the seat. An account that this organization created is closed as a
/// whole and signed out everywhere; any other only finds nothing open here any more. Whoever is
/// deactivated already stays so.
///
/// # Errors
/// `last_admin`.
pub fn deactivate(
    connection: &mut Connection,
    permit: &Permit<ManageMembers>,
    account: AccountId,
) -> Result<Member> {
    change(connection, permit, account, MembershipStatus::Deactivated)
}

/// Lets a deactivated member in again. Whoever is active stays so.
///
/// # Errors
/// `no_seat`.
pub fn reactivate(
    connection: &mut Connection,
    permit: &Permit<ManageMembers>,
    account: AccountId,
) -> Result<Member> {
    change(connection, permit, account, MembershipStatus::Active)
}

fn change(
    connection: &mut Connection,
    permit: &Permit<ManageMembers>,
    account: AccountId,
    status: MembershipStatus,
) -> Result<Member> {
    let organization = permit.organization.id;
    transaction(connection, |connection| {
        let (_, known) = hold(connection, organization, account)?;
        if known.status == status {
            return load(connection, organization, account);
        }
        let mut new = known.clone();
        new.status = status;
        changes::replace(connection, &known, &new)?;
        let action = match status {
            MembershipStatus::Active => AuditAction::MemberReactivated,
            MembershipStatus::Deactivated => AuditAction::MemberDeactivated,
        };
        open_or_close(connection, permit, account, status)?;
        let details = json!({ "account_type": known.account_type, "role": known.role });
        let event = Event::within(organization, action, Subject::Account(account), details);
        audit::record(connection, &permit.act, event)?;
        load(connection, organization, account)
    })
}

/// An account of the organization's own, as a whole. No session outlives that: one that began while
/// the account was being closed would open everything once it is open again.
fn open_or_close(
    connection: &mut Connection,
    permit: &Permit<ManageMembers>,
    account: AccountId,
    status: MembershipStatus,
) -> Result<()> {
    let (organization, at) = (permit.organization.id, permit.act.at);
    let changed = match status {
        MembershipStatus::Active => managed_accounts::reactivate(connection, organization, account),
        MembershipStatus::Deactivated => {
            managed_accounts::deactivate(connection, organization, account, at)
        }
    };
    if changed? {
        sessions::delete_all(connection, account, None)?;
    }
    Ok(())
}

//! Members deactivated and let in again (`docs/members.md`).

use super::{Member, about, load, require_may_act_on, revoke_offers_of_admin};
use crate::domain::events::MemberEvent;
use crate::domain::ids::AccountId;
use crate::domain::organization::MembershipStatus;
use crate::error::Result;
use crate::services::authorization::{ManageMembers, Permit};
use crate::services::unit_of_work::UnitOfWork;
use crate::services::{events, memberships};
use crate::store::{managed_accounts, sessions};

/// Deactivates a member and frees the seat. An account that this organization manages is closed as
/// a whole and signed out everywhere; any other only finds nothing open here any more. Whoever is
/// deactivated already stays so.
///
/// # Errors
/// `last_admin`; `forbidden` to an API key where the member is an admin.
pub fn deactivate(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageMembers>,
    account: AccountId,
) -> Result<Member> {
    change(tx, permit, account, MembershipStatus::Deactivated)
}

/// Lets a deactivated member in again. Whoever is active stays so.
///
/// # Errors
/// `no_seat`; `forbidden` to an API key where the member is an admin.
pub fn reactivate(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageMembers>,
    account: AccountId,
) -> Result<Member> {
    change(tx, permit, account, MembershipStatus::Active)
}

fn change(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageMembers>,
    account: AccountId,
    status: MembershipStatus,
) -> Result<Member> {
    let organization = permit.organization.id;
    tx.transaction(|tx| {
        let (_, known) = memberships::lock(tx, organization, account)?;
        require_may_act_on(tx, &known)?;
        if known.status == status {
            return load(tx, organization, account);
        }
        if status == MembershipStatus::Deactivated {
            revoke_offers_of_admin(tx, &known)?;
        }
        let mut new = known.clone();
        new.status = status;
        memberships::replace(tx, &known, &new)?;
        open_or_close(tx, permit, account, status)?;
        let (account_type, role) = (known.account_type, known.role);
        let event = match status {
            MembershipStatus::Active => MemberEvent::Reactivated { account_type, role },
            MembershipStatus::Deactivated => MemberEvent::Deactivated { account_type, role },
        };
        events::publish(tx, about(permit, account, event))?;
        load(tx, organization, account)
    })
}

/// An account of the organization's own, as a whole. No session outlives that: one that began while
/// the account was being closed would open everything once it is open again.
fn open_or_close(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageMembers>,
    account: AccountId,
    status: MembershipStatus,
) -> Result<()> {
    let (organization, at) = (permit.organization.id, tx.now());
    let changed = match status {
        MembershipStatus::Active => {
            managed_accounts::reactivate(tx.connection, organization, account)
        }
        MembershipStatus::Deactivated => {
            managed_accounts::deactivate(tx.connection, organization, account, at)
        }
    };
    if changed? {
        sessions::delete_all(tx.connection, account, None)?;
    }
    Ok(())
}

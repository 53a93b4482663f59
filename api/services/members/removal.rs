//! Members removed from the organization, and managed accounts deleted.

use super::{about, require_managed, require_may_act_on, revoke_offers_of_admin};
use crate::domain::events::MemberEvent;
use crate::domain::ids::AccountId;
use crate::domain::organization::MembershipStatus;
use crate::error::{Code, Error, Result};
use crate::services::authorization::{ManageMembers, Permit};
use crate::services::departures::{self, Author};
use crate::services::offboarding::Departure;
use crate::services::unit_of_work::UnitOfWork;
use crate::services::{events, memberships};
use crate::store::removed_members;

/// Ends a membership. Existing codes do not let the person back in; an account that this organization
/// manages is its owner's own from now on.
///
/// # Errors
/// `last_admin`, `not_found`; `forbidden` to an API key where the member is an admin.
pub fn remove(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageMembers>,
    account: AccountId,
) -> Result<()> {
    let organization = permit.organization.id;
    tx.transaction(|tx| {
        let (_, known) = memberships::lock(tx, organization, account)?;
        require_may_act_on(tx, &known)?;
        revoke_offers_of_admin(tx, &known)?;
        departures::end(tx, organization, account, Departure::Removed)?;
        if tx.account_id() != Some(account) {
            removed_members::insert(tx.connection, organization, account, tx.now())?;
        }
        Ok(())
    })
}

/// Deletes an account that this organization manages. It has to be deactivated first: a deletion cannot be
/// undone.
///
/// # Errors
/// `not_managed_here`, `member_active`, `not_found`; `forbidden` to an API key where the member is an admin.
pub fn delete_account(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageMembers>,
    id: AccountId,
) -> Result<()> {
    let organization = permit.organization.id;
    tx.transaction(|tx| {
        // Nothing of another organization is locked for an account that is not this one's.
        let (account, known) = memberships::find(tx, organization, id)?;
        require_may_act_on(tx, &known)?;
        require_managed(&account, organization)?;
        departures::lock_for_deletion(tx, id)?;
        let (account, known) = memberships::find(tx, organization, id)?;
        require_may_act_on(tx, &known)?;
        require_managed(&account, organization)?;
        if known.status == MembershipStatus::Active {
            return Err(member_active());
        }
        // Before the deletion, which takes what the event refers to.
        let event = MemberEvent::Deleted {
            email: account.email,
            account_type: known.account_type,
        };
        events::publish(tx, about(permit, id, event))?;
        departures::delete_account(tx, id, Author::Organization(organization))
    })
}

/// The refusal to delete an account whose membership is active.
pub fn member_active() -> Error {
    Error::refused(
        Code::MemberActive,
        "Deactivate the member first: a deletion cannot be undone.",
    )
}

//! The end of an organization, in the caller's transaction.

use super::events;
use super::unit_of_work::UnitOfWork;
use crate::domain::events::{AccountEvent, DomainEvent, OrganizationEvent};
use crate::domain::ids::{AccountId, OrganizationId};
use crate::error::{Error, Result};
use crate::store::invite_codes as code_store;
use crate::store::organizations::Organization;
use crate::store::{
    account_deletion, imports, invitations, managed_accounts, memberships, organizations, seats,
};

/// Deletes the organizations that an account founded and in which it is alone: nobody is left without it.
/// Those with others stay.
///
/// # Errors
/// `unavailable` where somebody joins one at this moment.
pub(super) fn delete_those_of_one(tx: &mut UnitOfWork<'_>, account: AccountId) -> Result<()> {
    for (organization, membership) in memberships::of_account(tx.connection, account)? {
        let id = organization.id;
        if !membership.is_active_admin() || memberships::has_others(tx.connection, id, account)? {
            continue;
        }
        lock_for_deletion(tx, id)?;
        if memberships::has_others(tx.connection, id, account)? {
            return Err(Error::conflict("somebody has just joined the organization"));
        }
        delete_locked(tx, &organization)?;
    }
    Ok(())
}

/// Deletes an organization with everything in it. Accounts that it manages go with it, unless they
/// are in another organization too, or invited there: these are their owners' own from then on.
/// Everybody else only loses the membership.
///
/// # Errors
/// `not_found` where it is gone.
pub(super) fn delete(tx: &mut UnitOfWork<'_>, organization: &Organization) -> Result<()> {
    lock_for_deletion(tx, organization.id)?;
    delete_locked(tx, organization)
}

fn delete_locked(tx: &mut UnitOfWork<'_>, organization: &Organization) -> Result<()> {
    publish_deletion(tx, organization)?;
    delete_managed_accounts(tx, organization.id)?;
    managed_accounts::release_all(tx.connection, organization.id)?;
    if organizations::delete(tx.connection, organization.id)? {
        return Ok(());
    }
    Err(Error::not_found("organization"))
}

/// Locks what others lock before they refer to the organization, in the order that every transaction
/// keeps. Its imports and invitations are deleted: those who carry them out or answer them end first, and
/// nobody begins.
fn lock_for_deletion(tx: &mut UnitOfWork<'_>, organization: OrganizationId) -> Result<()> {
    imports::delete_all(tx.connection, organization)?;
    code_store::lock_all(tx.connection, organization)?;
    organizations::lock(tx.connection, organization)?;
    account_deletion::lock_managed_for_deletion(tx.connection, organization)?;
    invitations::delete_all(tx.connection, organization)?;
    seats::lock_all(tx.connection, organization)
}

/// Deletes the accounts that only this organization has. Publishes it before, as the actor's may be one.
fn delete_managed_accounts(tx: &mut UnitOfWork<'_>, organization: OrganizationId) -> Result<()> {
    let events: Vec<_> = account_deletion::managed_only_here(tx.connection, organization)?
        .into_iter()
        .map(|(account, email)| DomainEvent::Account {
            account,
            event: AccountEvent::Deleted { email },
        })
        .collect();
    events::publish_all(tx, &events)?;
    account_deletion::delete_managed_only_here(tx.connection, organization)
}

/// Before the deletion, which may take the actor's account with it: the event then keeps the name.
/// It belongs to no organization's log, because there is none any more.
fn publish_deletion(tx: &mut UnitOfWork<'_>, organization: &Organization) -> Result<()> {
    let event = OrganizationEvent::Deleted {
        name: organization.name.clone(),
        slug: organization.slug.clone(),
    };
    let organization = organization.id;
    events::publish(
        tx,
        DomainEvent::Organization {
            organization,
            event,
        },
    )
}

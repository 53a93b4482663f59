//! Addresses that somebody registered and did not verify: they do not stand in the way of their owners
//! (`docs/accounts.md#addresses-that-nobody-verified`).

use std::time::Duration;

use super::context::Principal;
use super::offboarding::{self, Departure};
use super::unit_of_work::UnitOfWork;
use super::{events, memberships, organization_deletion};
use crate::domain::email_address::EmailAddress;
use crate::domain::events::{AccountEvent, DomainEvent};
use crate::domain::ids::AccountId;
use crate::domain::timestamp::Timestamp;
use crate::error::{Code, Error, Result};
use crate::store::accounts::{self, Account};
use crate::store::{Attempt, invitations, memberships as membership_store};

/// How long a registration holds an address that is not verified.
const HOLD: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Whether the account registered itself and has held its address too long without verifying it.
fn is_abandoned(account: &Account, now: Timestamp) -> bool {
    account.self_registered
        && account.email_verified_at.is_none()
        && account.managed_by_organization_id.is_none()
        && !account.operator
        && now.since(account.created_at) >= HOLD
}

/// Whether [`take_over`] would replace the account: it is abandoned, and no organization with other members
/// would be left without an admin.
pub(super) fn may_be_replaced(tx: &mut UnitOfWork<'_>, account: &Account) -> Result<bool> {
    Ok(is_abandoned(account, tx.now()) && !leads_others(tx, account.id)?)
}

fn leads_others(tx: &mut UnitOfWork<'_>, account: AccountId) -> Result<bool> {
    for (organization, membership) in membership_store::of_account(tx.connection, account)? {
        let is_last = membership.is_active_admin() && organization.active_admins == 1;
        if is_last && membership_store::has_others(tx.connection, organization.id, account)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Inserts an account in the place of an abandoned one that has its address; `false`, and nothing changed,
/// where there is none. The abandoned account is deleted with its sessions, its password, and its memberships;
/// a member of the organization that manages the new account stays.
///
/// # Errors
/// `unavailable` where the abandoned account changes at this moment.
pub(super) fn take_over(tx: &mut UnitOfWork<'_>, new: &Account) -> Result<bool> {
    let Some(old) = accounts::find_by_email(tx.connection, &new.email)? else {
        return Ok(false);
    };
    if !may_be_replaced(tx, &old)? || is_colleague(tx, new, old.id)? {
        return Ok(false);
    }
    let replaced = tx.attempt(|tx| {
        let left = tx.acting_as(Principal::System, |tx| end_memberships(tx, old.id));
        match left {
            Ok(true) => replace(tx, old.id, new).map(Attempt::Keep),
            Ok(false) => Ok(Attempt::Undo(())),
            Err(error) if error.code() == Code::LastAdmin => Ok(Attempt::Undo(())),
            Err(error) => Err(error),
        }
    })?;
    Ok(replaced == Attempt::Keep(()))
}

/// Whether the account is a member of the organization that the new one is created for.
fn is_colleague(tx: &mut UnitOfWork<'_>, new: &Account, account: AccountId) -> Result<bool> {
    let Some(organization) = new.managed_by_organization_id else {
        return Ok(false);
    };
    let membership = membership_store::find(tx.connection, organization, account)?;
    Ok(membership.is_some())
}

/// Locks the account and ends its memberships; `false` where it has been verified, or is gone.
///
/// # Errors
/// `last_admin`.
fn end_memberships(tx: &mut UnitOfWork<'_>, account: AccountId) -> Result<bool> {
    organization_deletion::delete_those_of_one(tx, account)?;
    let organizations = match memberships::lock_all_of(tx, account) {
        Err(error) if error.code() == Code::NotFound => return Ok(false),
        locked => locked?,
    };
    let current = accounts::find(tx.connection, account)?;
    if !current.is_some_and(|current| is_abandoned(&current, tx.now())) {
        return Ok(false);
    }
    for organization in organizations {
        let (_, known) = memberships::lock(tx, organization, account)?;
        offboarding::end(tx, &known, Departure::Left)?;
    }
    Ok(true)
}

/// Inserts the new account, gives it the invitations to the address, and deletes the old one.
fn replace(tx: &mut UnitOfWork<'_>, old: AccountId, new: &Account) -> Result<()> {
    let aside = EmailAddress::parse(&format!("{old}@taken-over.invalid"));
    accounts::set_email(tx.connection, old, &aside.map_err(Error::internal)?)?;
    if !accounts::insert(tx.connection, new)? {
        return Err(Error::conflict("the address was just taken"));
    }
    invitations::move_to(tx.connection, old, new.id)?;
    accounts::delete(tx.connection, old)?;
    let event = AccountEvent::TookOver {
        email: new.email.clone(),
        from: old,
    };
    let account = new.id;
    events::publish(tx, DomainEvent::Account { account, event })
}

//! Addresses that somebody registered and did not verify: they do not stand in the way of their owners
//! (`docs/accounts.md#addresses-that-nobody-verified`).

use std::time::Duration;

use super::context::Principal;
use super::offboarding::{self, Departure};
use super::sign_on_requirement::{names_of, only_ways_in};
use super::unit_of_work::UnitOfWork;
use super::{events, memberships, organization_deletion};
use crate::domain::events::{AccountEvent, DomainEvent};
use crate::domain::ids::AccountId;
use crate::domain::timestamp::Timestamp;
use crate::domain::username::Username;
use crate::error::{Code, Error, Result};
use crate::mail::MailContent;
use crate::mail::outbox::QueuedMail;
use crate::store::accounts::{self, Account};
use crate::store::{
    Attempt, account_deletion, emergency_admins, invitations, memberships as membership_store,
    organizations,
};

/// How long a registration holds an address that is not verified.
const HOLD: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Whether nobody manages the account, and it registered itself and has held its address too long without verifying
/// it, or nobody has ever used it. One that nobody can sign in to holds nothing.
fn is_abandoned(account: &Account, now: Timestamp) -> bool {
    let is_held = account.password_hash.is_some() && now.since(account.created_at) < HOLD;
    let is_unverified = account.is_unverified_registration() && !is_held;
    account.managed_by_organization_id.is_none()
        && !account.operator
        && (is_unverified || !account.is_used())
}

/// Whether [`take_over`] would replace the account: it is abandoned, and no membership keeps it.
pub(super) fn may_be_replaced(tx: &mut UnitOfWork<'_>, account: &Account) -> Result<bool> {
    let is_free = is_abandoned(account, tx.now()) && !is_kept_by_membership(tx, account.id)?;
    Ok(is_free && !is_waited_for(tx, account)?)
}

/// Whether nobody registered the account, and an organization has invited it and waits for its owner.
fn is_waited_for(tx: &mut UnitOfWork<'_>, account: &Account) -> Result<bool> {
    if account.self_registered {
        return Ok(false);
    }
    let waiting = invitations::unended_of_account(tx.connection, account.id, None)?;
    Ok(!waiting.is_empty())
}

/// Whether the account is an emergency admin, or the last admin of an organization with other members. Where mail stays in a folder,
/// and so hardly anybody can verify an address, any membership keeps it.
fn is_kept_by_membership(tx: &mut UnitOfWork<'_>, account: AccountId) -> Result<bool> {
    let of_account = membership_store::of_account(tx.connection, account)?;
    if memberships_keep(tx) {
        return Ok(!of_account.is_empty());
    }
    if emergency_admins::is_any(tx.connection, account)? {
        return Ok(true);
    }
    for (organization, membership) in of_account {
        let is_last = membership.is_active_admin() && organization.active_admins == 1;
        if is_last && membership_store::has_others(tx.connection, organization.id, account)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn memberships_keep(tx: &UnitOfWork<'_>) -> bool {
    !tx.services.config.mail_leaves()
}

/// Whether [`take_over`] would replace the account that has the address of this new one.
pub(super) fn would_replace(tx: &mut UnitOfWork<'_>, new: &Account) -> Result<bool> {
    replaceable(tx, new).map(|old| old.is_some())
}

fn replaceable(tx: &mut UnitOfWork<'_>, new: &Account) -> Result<Option<Account>> {
    let Some(old) = accounts::find_by_email(tx.connection, &new.email)? else {
        return Ok(None);
    };
    let is_free = may_be_replaced(tx, &old)? && !is_colleague(tx, new, old.id)?;
    Ok(is_free.then_some(old))
}

/// Inserts an account in the place of an abandoned one that has its address; `false`, and nothing changed,
/// where there is none, or where it changes at this moment. The abandoned account is deleted with its sessions,
/// its password, and its memberships; a member of the organization that manages the new account stays. A mail
/// tells the owner of the address, who may have registered it and not have read the mail.
///
/// # Errors
/// `unavailable` where the database is.
pub(super) fn take_over(tx: &mut UnitOfWork<'_>, new: &Account) -> Result<bool> {
    let Some(old) = replaceable(tx, new)? else {
        return Ok(false);
    };
    let replaced = tx.attempt(|tx| {
        if tx.acting_as(Principal::System, |tx| end_memberships(tx, &old))? {
            replace(tx, &old, new).map(Attempt::Keep)
        } else {
            Ok(Attempt::Undo(()))
        }
    });
    match replaced {
        Ok(replaced) => Ok(replaced == Attempt::Keep(())),
        Err(error) => stays(&old, error),
    }
}

/// An abandoned account that cannot be replaced stays: the others of the same call or batch do not fail with it. A
/// deadlock is resolved by running the whole transaction again.
fn stays(old: &Account, error: Error) -> Result<bool> {
    match error {
        Error::Refused(_) | Error::Conflict(_) => Ok(false),
        Error::Internal(cause) => {
            tracing::error!(error = %cause, account = %old.id, "an abandoned account cannot be replaced");
            Ok(false)
        }
        Error::Unavailable(_) | Error::Deadlock(_) => Err(error),
    }
}

/// Whether the account is a member of the organization that the new one is created for.
fn is_colleague(tx: &mut UnitOfWork<'_>, new: &Account, account: AccountId) -> Result<bool> {
    let Some(organization) = new.managed_by_organization_id else {
        return Ok(false);
    };
    let membership = membership_store::find(tx.connection, organization, account)?;
    Ok(membership.is_some())
}

/// Locks the account and ends its memberships; `false` where it has been verified, or is gone, or has joined an
/// organization by which it is kept.
///
/// # Errors
/// `last_admin`.
fn end_memberships(tx: &mut UnitOfWork<'_>, old: &Account) -> Result<bool> {
    let account = old.id;
    if !memberships_keep(tx) {
        organization_deletion::delete_those_of_one(tx, account)?;
    }
    let organizations = match memberships::lock_all_of(tx, account) {
        Err(error) if error.code() == Code::NotFound => return Ok(false),
        locked => locked?,
    };
    let current = accounts::find(tx.connection, account)?;
    let is_abandoned = current.is_some_and(|current| is_abandoned(&current, tx.now()));
    let is_kept = memberships_keep(tx) && !organizations.is_empty();
    if !is_abandoned || is_kept {
        return Ok(false);
    }
    for organization in organizations {
        let (_, known) = memberships::lock(tx, organization, account)?;
        offboarding::end(tx, &known, Departure::AddressTakenOver(&old.email))?;
    }
    Ok(true)
}

/// Replaces the account. Its owner is told, unless nobody could sign in to it.
fn replace(tx: &mut UnitOfWork<'_>, old: &Account, new: &Account) -> Result<()> {
    substitute(tx, old, new)?;
    if old.password_hash.is_some() {
        mail_owner(tx, old, new)?;
    }
    let event = AccountEvent::TookOver {
        email: new.email.clone(),
        from: old.id,
    };
    let account = new.id;
    events::publish(tx, DomainEvent::Account { account, event })
}

/// Inserts the new account, gives it the invitations to the address, and deletes the old one.
fn substitute(tx: &mut UnitOfWork<'_>, old: &Account, new: &Account) -> Result<()> {
    account_deletion::free_address(tx.connection, old.id)?;
    if !accounts::insert(tx.connection, new)? {
        return Err(Error::conflict("the address was just taken"));
    }
    invitations::move_to(tx.connection, old.id, new.id)?;
    account_deletion::delete(tx.connection, old.id)
}

/// Deletes a locked account without memberships, and keeps the invitations to its address: an account that nobody
/// can sign in to holds them, until somebody registers, invites or imports the address, or sets a password by a
/// mailed link.
pub(super) fn delete_keeping_invitations(tx: &mut UnitOfWork<'_>, old: &Account) -> Result<()> {
    let username = Username::of_address(&old.email);
    let mut holder = Account::new(old.email.clone(), username, tx.now());
    holder.self_registered = true;
    holder.language = old.language;
    substitute(tx, old, &holder)
}

/// How many accounts [`delete_unclaimed`] reads at once.
const BATCH: i64 = 100;

/// Deletes the accounts that nobody has used and nothing leads to any more: those that
/// `delete_keeping_invitations` made, after their last invitation, and those that an invitation made and the
/// organization has let go. Any number of processes may do so at once. Ends early where `stop` says so.
pub fn delete_unclaimed(tx: &mut UnitOfWork<'_>, stop: &dyn Fn() -> bool) -> Result<()> {
    let mut after = None;
    while !stop() {
        let unclaimed = account_deletion::unclaimed(tx.connection, after, BATCH)?;
        let Some(last) = unclaimed.last().copied() else {
            return Ok(());
        };
        for account in unclaimed {
            // One that cannot be deleted does not keep the others waiting.
            if let Err(error) = tx.transaction(|tx| delete_if_unclaimed(tx, account)) {
                tracing::error!(%error, %account, "an account that nothing leads to is not deleted");
            }
        }
        after = Some(last);
    }
    Ok(())
}

/// Checks again under the lock: somebody may have invited the address meanwhile, or have asked for a password.
fn delete_if_unclaimed(tx: &mut UnitOfWork<'_>, account: AccountId) -> Result<()> {
    if account_deletion::lock_for_deletion(tx.connection, account)? {
        account_deletion::delete_unclaimed(tx.connection, account)?;
    }
    Ok(())
}

/// Whoever reads the mailbox may have registered the old account, whose password opens nothing any more.
fn mail_owner(tx: &mut UnitOfWork<'_>, old: &Account, new: &Account) -> Result<()> {
    let manager = match new.managed_by_organization_id {
        Some(id) => organizations::find(tx.connection, id)?,
        None => None,
    };
    let connections = match &manager {
        Some(manager) => only_ways_in(tx, manager)?,
        None => Vec::new(),
    };
    let mail = QueuedMail {
        to: new,
        language: Some(old.language),
        priority: None,
        organization: new.managed_by_organization_id,
        cause: format!("account replaced {}", old.id),
        content: MailContent::AccountReplaced {
            login: new.email.to_string(),
            by_organization: manager.map(|organization| organization.name),
            connections: names_of(&connections),
            registered_at: old.created_at,
        },
    };
    tx.queue_mail(&mail)?;
    Ok(())
}

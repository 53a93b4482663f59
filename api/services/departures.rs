//! Members who leave or are removed, and accounts that are deleted: what ends with their memberships.

use std::collections::BTreeSet;

use super::authentication::require_own_proof;
use super::context::Principal;
use super::offboarding::{self, Departure};
use super::reauthentication::Reauthenticated;
use super::unit_of_work::UnitOfWork;
use super::{events, invitations, memberships, takeover, trust};
use crate::domain::events::{AccountEvent, DomainEvent};
use crate::domain::ids::{AccountId, OrganizationId};
use crate::error::{Code, Error, Result};
use crate::store::accounts::Account;
use crate::store::memberships::Membership;
use crate::store::organizations::Organization;
use crate::store::{
    account_deletion, accounts, managed_accounts, memberships as membership_store, seats,
};

/// Ends a membership within the caller's transaction, publishes it, and tells what it was. Revokes what
/// the organization has offered to the account, unless who leaves had registered and never verified the address; an
/// account that the organization manages is its owner's own from now on.
///
/// # Errors
/// `last_admin`, `emergency_admin_required`; `not_found` where it is no member.
pub(super) fn end(
    tx: &mut UnitOfWork<'_>,
    organization: OrganizationId,
    account: AccountId,
    departure: Departure<'_>,
) -> Result<Membership> {
    let (owner, known) = memberships::lock(tx, organization, account)?;
    // Who leaves before the address is verified may not be who was invited.
    if departure != Departure::Left || !owner.is_unverified_registration() {
        invitations::revoke_of_member(tx, organization, account)?;
    }
    offboarding::end(tx, &known, departure)?;
    managed_accounts::release(tx.connection, organization, account)?;
    Ok(known)
}

/// Ends the caller's own membership.
///
/// # Errors
/// `last_admin`, `emergency_admin_required`; `not_found` where the caller is not a member.
pub fn leave(tx: &mut UnitOfWork<'_>, organization: OrganizationId) -> Result<()> {
    let account = tx.context.principal.session()?.account.id;
    tx.transaction(|tx| {
        end(tx, organization, account, Departure::Left)?;
        Ok(())
    })
}

/// Who deletes an account.
#[derive(Clone, Copy, Debug)]
pub(super) enum Author {
    Owner,
    /// The organization that manages it.
    Organization(OrganizationId),
}

impl Author {
    /// Who acts in the logs of other organizations: the owner, or nobody by name. Who did it in their
    /// own organization is no other's to know.
    fn principal_elsewhere(self, tx: &UnitOfWork<'_>) -> Principal {
        match self {
            Self::Owner => tx.context.principal.clone(),
            Self::Organization(_) => Principal::System,
        }
    }

    /// Whether it is the reader of the account's mailbox, whom other organizations have invited there. Who knows the
    /// password only because they have set it is not.
    fn reads_mailbox(self, account: &Account) -> bool {
        match self {
            Self::Owner => trust::has_mailbox(account),
            Self::Organization(_) => false,
        }
    }
}

/// Locks an account for its deletion, with the seats that it gives back.
///
/// # Errors
/// `not_found` where it is gone.
pub(super) fn lock_for_deletion(tx: &mut UnitOfWork<'_>, account: AccountId) -> Result<()> {
    let joined = memberships::lock_all_of(tx, account)?;
    lock_seats(tx, account, joined)
}

/// Locks the seats that the deletion of a locked account gives back, as a member's and as reserved ones,
/// in the order of their organizations.
fn lock_seats(
    tx: &mut UnitOfWork<'_>,
    account: AccountId,
    joined: Vec<OrganizationId>,
) -> Result<()> {
    let offered = invitations::lock_of_account(tx, account)?;
    let organizations: BTreeSet<_> = joined.into_iter().chain(offered).collect();
    for organization in organizations {
        seats::lock_all(tx.connection, organization)?;
    }
    Ok(())
}

/// Deletes a locked account within the caller's transaction: each of its memberships ends.
///
/// # Errors
/// `last_admin` where an organization would be left without an admin, `emergency_admin_required` where it would be
/// left without one for emergencies.
pub(super) fn delete_account(
    tx: &mut UnitOfWork<'_>,
    account: AccountId,
    author: Author,
) -> Result<()> {
    let elsewhere = author.principal_elsewhere(tx);
    for (organization, _) in membership_store::of_account(tx.connection, account)? {
        let id = organization.id;
        let ended = match author {
            Author::Organization(own) if own == id => {
                end(tx, id, account, Departure::AccountDeleted)
            }
            Author::Owner | Author::Organization(_) => tx.acting_as(elsewhere.clone(), |tx| {
                end(tx, id, account, Departure::Left)
            }),
        };
        ended.map_err(|error| naming(error, &organization))?;
    }
    tx.acting_as(elsewhere, |tx| delete_with_offers(tx, account, author))
}

/// Deletes an account without memberships. What it was offered ends with it where the reader of its mailbox deletes
/// it. Where it is somebody else, the offers stay for that reader: other organizations have made them.
fn delete_with_offers(tx: &mut UnitOfWork<'_>, id: AccountId, author: Author) -> Result<()> {
    let account = accounts::find(tx.connection, id)?.ok_or_else(|| Error::not_found("account"))?;
    if !author.reads_mailbox(&account) && invitations::is_invited(tx, id)? {
        return takeover::delete_keeping_invitations(tx, &account);
    }
    invitations::revoke_of_account(tx, id)?;
    account_deletion::delete(tx.connection, id)
}

/// The refusal names the organization that the owner has to look after first. An organization deletes only
/// accounts that are in no other, and deactivated, so no admins.
fn naming(error: Error, organization: &Organization) -> Error {
    let (code, name) = (error.code(), &organization.name);
    if code == Code::LastAdmin {
        let detail = format!(
            "You are the last admin of {name}. Make somebody else an admin first, or delete the organization."
        );
        return Error::refused(code, detail);
    }
    if code == Code::EmergencyAdminRequired {
        let detail = format!(
            "You are the last emergency admin of {name}. Name another one in its sign-in policy first, or delete the \
             organization."
        );
        return Error::refused(code, detail);
    }
    error
}

/// Deletes the caller's own account. There is no way back, so that it takes their password.
///
/// # Errors
/// `last_admin`, `emergency_admin_required`, naming the organization.
pub fn delete_own_account(tx: &mut UnitOfWork<'_>, _proof: Reauthenticated) -> Result<()> {
    require_own_proof(tx)?;
    let account = tx.context.principal.session()?.account.clone();
    tx.transaction(|tx| {
        lock_for_deletion(tx, account.id)?;
        let event = DomainEvent::Account {
            account: account.id,
            event: AccountEvent::Deleted {
                email: account.email,
            },
        };
        events::publish(tx, event)?;
        delete_account(tx, account.id, Author::Owner)
    })
}

//! Joins by a code that wait until the address is verified.

use std::collections::BTreeSet;

use super::redemption::{self, Destination};
use crate::domain::ids::{AccountId, InviteCodeId, OrganizationId};
use crate::domain::invite_code::CodeOutcome;
use crate::error::{Error, Refusal, Result};
use crate::services::unit_of_work::UnitOfWork;
use crate::store::accounts::Account;
use crate::store::invite_codes::{self, CodeTarget};
use crate::store::{account_deletion, pending_joins as store, seats};

/// How a pending join has ended.
#[derive(Debug)]
pub struct SettledJoin {
    pub destination: Destination,
    pub result: Result<CodeOutcome, Box<Refusal>>,
}

/// Locks the codes of an account's pending joins, for a transaction that goes on to lock the account and
/// to verify its address: a fixed lock order (code, account, seats) prevents deadlocks.
pub fn lock(tx: &mut UnitOfWork<'_>, account: AccountId) -> Result<()> {
    lock_with(tx, account, None)
}

/// As [`lock`], for a transaction that goes on to use this code too.
pub fn lock_with(
    tx: &mut UnitOfWork<'_>,
    account: AccountId,
    code: Option<(OrganizationId, InviteCodeId)>,
) -> Result<()> {
    let pending = store::of_account(tx.connection, account)?;
    let pending = pending.into_iter();
    let of_pending = pending.map(|(organization, join)| (organization, join.invite_code_id));
    let codes: BTreeSet<_> = of_pending.chain(code).collect();
    for (_, code) in codes {
        invite_codes::lock(tx.connection, code)?;
    }
    Ok(())
}

/// Locks the seats of an organization and of those that the account's pending joins lead to, in the order
/// of the organizations, for a transaction that takes a seat of the one before it verifies the address.
/// Call it where the codes are locked.
pub fn lock_seats(
    tx: &mut UnitOfWork<'_>,
    account: AccountId,
    organization: OrganizationId,
) -> Result<()> {
    let pending = store::of_account(tx.connection, account)?;
    let of_codes = pending.into_iter().map(|(organization, _)| organization);
    let organizations: BTreeSet<_> = of_codes.chain([organization]).collect();
    for organization in organizations {
        seats::lock_all(tx.connection, organization)?;
    }
    Ok(())
}

/// Ends the pending joins of a locked code that lets nobody in any more. Accounts that single sign-on made to wait for it end
/// too: they belong to no member whom an admin could help.
pub fn end_of_code(
    tx: &mut UnitOfWork<'_>,
    organization: OrganizationId,
    code: InviteCodeId,
) -> Result<()> {
    account_deletion::delete_waiting(tx.connection, organization, code)?;
    store::delete_of_code(tx.connection, code)
}

/// Settles the pending joins of an account whose address has just been verified, each by the rules as
/// they are now. A refusal of one ends it and leaves the others alone.
pub fn settle(tx: &mut UnitOfWork<'_>, account: &Account) -> Result<Vec<SettledJoin>> {
    // One that was entered since the codes were locked has its own locked here.
    lock(tx, account.id)?;
    let pending = store::of_account(tx.connection, account.id)?;
    store::delete_of_account(tx.connection, account.id)?;
    let mut settled = Vec::new();
    for (_, join) in pending {
        // A code that was reset at this moment leads nowhere.
        if let Some(target) = invite_codes::find_target(tx.connection, &join.code)? {
            settled.push(redeem(tx, target, account)?);
        }
    }
    Ok(settled)
}

fn redeem(tx: &mut UnitOfWork<'_>, target: CodeTarget, account: &Account) -> Result<SettledJoin> {
    let result = match redemption::redeem(tx, &target.code.code, account) {
        Ok(redeemed) => Ok(redeemed.outcome),
        Err(Error::Refused(refusal)) => Err(refusal),
        Err(failure) => return Err(failure),
    };
    Ok(SettledJoin {
        destination: target.into(),
        result,
    })
}

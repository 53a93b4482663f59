//! Members whose address was never verified. Anybody may have registered it, so that nothing is given to
//! them: a link to verify the address is mailed, and the groups come with the proof.

use super::request::NewInvitations;
use crate::error::{Code, Error, Result};
use crate::mail::mailbox_limit::SendTime;
use crate::services::authorization::{Invite, Permit};
use crate::services::limits;
use crate::services::unit_of_work::UnitOfWork;
use crate::services::verification;
use crate::store::accounts::Account;
use crate::store::pending_groups;

/// Notes the requested groups for each, and mails the links. The accounts are locked against verification.
pub(super) fn promise_groups(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<Invite>,
    new: &NewInvitations,
    mut accounts: Vec<&Account>,
) -> Result<()> {
    // In one order, as their limits are locked.
    accounts.sort_by_key(|account| account.id);
    for account in accounts {
        let organization = permit.organization.id;
        pending_groups::insert(tx.connection, organization, account.id, &new.groups)?;
        mail_link(tx, account)?;
    }
    Ok(())
}

/// Mails no more than the address may get: one that is full does not stop the others, and has links enough.
fn mail_link(tx: &mut UnitOfWork<'_>, account: &Account) -> Result<()> {
    match limits::take(tx, &[verification::mail_to(&account.email)]) {
        Ok(()) => verification::send(tx, account, SendTime::Now),
        Err(Error::Refused(refusal)) if refusal.code == Code::RateLimited => Ok(()),
        Err(error) => Err(error),
    }
}

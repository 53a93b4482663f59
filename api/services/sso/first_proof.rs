//! The provider's word, in a domain that the organization has proven, as the proof of a mailbox.

use super::arriving::Arriving;
use crate::domain::password::PasswordOrigin;
use crate::error::Result;
use crate::services::context::Principal;
use crate::services::credentials;
use crate::services::unit_of_work::UnitOfWork;
use crate::services::verification::verify_email;
use crate::store::account_passwords;
use crate::store::accounts::{self, Account};
use crate::store::identities;

/// Takes the provider's word for the first proof of the account's mailbox, where there was none, and gives the account as it
/// is then. Whoever opened it before may have been somebody else, such as a guest who was given its address.
pub(super) fn prove_mailbox(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    account: Account,
) -> Result<Account> {
    if account.email_verified_at.is_some() {
        return Ok(account);
    }
    close_to_others(tx, arriving, &account)?;
    let owner = Principal::Owner(account.clone());
    tx.acting_as(owner, |tx| verify_email(tx, &account))?;
    Ok(accounts::find(tx.connection, account.id)?.unwrap_or(account))
}

/// Ends what opens an account, but for the identity that has come. A password that the organization gave stays its owner's.
pub(super) fn close_to_others(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    account: &Account,
) -> Result<()> {
    let subject = &arriving.arrival.subject;
    let own = identities::find_by_subject(tx.connection, arriving.connection, subject)?;
    let own = own.map(|(identity, _)| identity.id);
    let owner = Principal::Owner(account.clone());
    tx.acting_as(owner, |tx| {
        credentials::revoke_before_first_proof(tx, account.id, own)
    })?;
    match account.password_origin {
        PasswordOrigin::Assigned => Ok(()),
        PasswordOrigin::Owner | PasswordOrigin::Replaced => {
            account_passwords::remove(tx.connection, account.id)
        }
    }
}

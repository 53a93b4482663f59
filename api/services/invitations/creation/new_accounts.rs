//! Accounts for addresses that have none.

use std::collections::HashMap;

use super::request::NewInvitations;
use super::resolve::Invitee;
use crate::domain::email_address::EmailAddress;
use crate::domain::invitations::InvitationKind;
use crate::domain::language::Language;
use crate::domain::username::Username;
use crate::error::{Error, Result};
use crate::services::authorization::{Invite, Permit};
use crate::services::takeover;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::accounts::{self, Account};

/// Creates accounts for the addresses that have none, in the order of the addresses and before anything is locked, so
/// that two calls with the same addresses do not deadlock. Gives those that were created.
pub(super) fn create(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<Invite>,
    new: &NewInvitations,
    emails: &[EmailAddress],
) -> Result<Vec<Account>> {
    if emails.is_empty() {
        return Ok(Vec::new());
    }
    let accounts = emails.iter().map(|email| managed(tx, permit, new, email));
    let accounts: Vec<Account> = accounts.collect();
    let inserted = accounts::insert_new(tx.connection, &accounts)?;
    let is_inserted = |account: &Account| inserted.contains(&account.id);
    Ok(accounts.into_iter().filter(is_inserted).collect())
}

/// New accounts in the place of abandoned ones that have these addresses. They are not created yet.
///
/// # Errors
/// `unavailable` where such an account is verified or deleted at the same moment.
pub(super) fn in_place_of(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<Invite>,
    new: &NewInvitations,
    emails: &[EmailAddress],
) -> Result<HashMap<EmailAddress, Invitee>> {
    let mut invitees = HashMap::new();
    for email in emails {
        let account = managed(tx, permit, new, email);
        if !takeover::would_replace(tx, &account)? {
            return Err(Error::conflict("an account came and went"));
        }
        let invitee = Invitee {
            replaces: true,
            ..Invitee::of_new_account(account)
        };
        invitees.insert(email.clone(), invitee);
    }
    Ok(invitees)
}

/// An account that the organization manages, for somebody who has none.
fn managed(
    tx: &UnitOfWork<'_>,
    permit: &Permit<Invite>,
    new: &NewInvitations,
    email: &EmailAddress,
) -> Account {
    let sender = tx.context.principal.account();
    let language = new.language.or(sender.map(|sender| sender.language));
    let mut account = Account::new(email.clone(), Username::of_address(email), tx.now());
    account.managed_by_organization_id = Some(permit.organization.id);
    account.language = language.unwrap_or(Language::English);
    account
}

/// Creates the accounts that replace abandoned ones: not before they have a seat, so that nobody loses an
/// account to an invitation that comes to nothing.
///
/// # Errors
/// As [`replace_abandoned`].
pub(super) fn take_over(tx: &mut UnitOfWork<'_>, seated: Vec<Invitee>) -> Result<Vec<Invitee>> {
    seated
        .into_iter()
        .map(|invitee| {
            if invitee.replaces {
                replace_abandoned(tx, invitee)
            } else {
                Ok(invitee)
            }
        })
        .collect()
}

/// Creates the account. Where the abandoned one has just come into use, it is invited to join like any other.
///
/// # Errors
/// `unavailable` where the abandoned account is deleted at this moment.
fn replace_abandoned(tx: &mut UnitOfWork<'_>, invitee: Invitee) -> Result<Invitee> {
    if takeover::take_over(tx, &invitee.account)? {
        return Ok(invitee);
    }
    let in_use = accounts::find_by_email(tx.connection, &invitee.account.email)?;
    Ok(Invitee {
        account: in_use.ok_or_else(|| Error::conflict("an account came and went"))?,
        kind: InvitationKind::Join,
        replaces: false,
    })
}

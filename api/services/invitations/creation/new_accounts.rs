//! Accounts for addresses that have none.

use super::request::NewInvitations;
use super::resolve::{Invitee, Resolved, resolve};
use crate::domain::email_address::EmailAddress;
use crate::domain::ids::OrganizationId;
use crate::domain::invitations::InvitationKind;
use crate::domain::language::Language;
use crate::domain::username::Username;
use crate::error::{Error, Result};
use crate::services::authorization::{Invite, Permit};
use crate::services::takeover;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::accounts::{self, Account};

/// Creates accounts for the unknown addresses. Where another transaction creates one at the same
/// moment, the address is resolved again.
///
/// # Errors
/// `unavailable` where such an account is deleted again at the same moment.
pub(super) fn complete(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<Invite>,
    new: &NewInvitations,
    mut resolved: Resolved,
) -> Result<Resolved> {
    let organization = permit.organization.id;
    let unknown = std::mem::take(&mut resolved.unknown);
    let (created, conflicting) = create(tx, organization, new.language, unknown)?;
    for invitee in created {
        let email = invitee.account.email.clone();
        resolved.invitees.insert(email, invitee);
    }
    resolved.extend(resolve(tx, organization, &conflicting)?);
    if resolved.unknown.is_empty() {
        return Ok(resolved);
    }
    Err(Error::conflict("an account came and went"))
}

/// Inserts accounts in the order of their addresses, which prevents deadlocks. Gives those that were created or
/// can replace an abandoned one, and the addresses of which another transaction has created the account.
fn create(
    tx: &mut UnitOfWork<'_>,
    organization: OrganizationId,
    language: Option<Language>,
    mut emails: Vec<EmailAddress>,
) -> Result<(Vec<Invitee>, Vec<EmailAddress>)> {
    if emails.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    emails.sort();
    let sender = tx.context.principal.account();
    let language = language.or(sender.map(|sender| sender.language));
    let now = tx.now();
    let managed = emails.into_iter().map(|email| {
        let username = Username::of_address(&email);
        let mut account = Account::new(email, username, now);
        account.managed_by_organization_id = Some(organization);
        account.language = language.unwrap_or(Language::English);
        account
    });
    let new: Vec<Account> = managed.collect();
    let inserted = accounts::insert_new(tx.connection, &new)?;
    let (mut created, mut conflicting) = (Vec::new(), Vec::new());
    for account in new {
        let replaces = !inserted.contains(&account.id);
        if replaces && !takeover::would_replace(tx, &account)? {
            conflicting.push(account.email);
            continue;
        }
        created.push(Invitee {
            account,
            kind: InvitationKind::NewAccount,
            replaces,
        });
    }
    Ok((created, conflicting))
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

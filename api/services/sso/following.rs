//! Name and address of accounts that the organization manages follow its identity provider. What it leaves out stays.

use super::arriving::{Arriving, asserted_address, is_domain_proven, name_of};
use super::first_proof::{close_to_others, prove_mailbox, verify};
use crate::crypto::token::TokenKind;
use crate::domain::diagnosis::{Step, StepName, Steps};
use crate::domain::email_address::EmailAddress;
use crate::domain::events::{DomainEvent, MemberEvent};
use crate::domain::ids::IdentityId;
use crate::domain::username::Username;
use crate::error::Result;
use crate::services::context::Principal;
use crate::services::events;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::accounts::{self, Account};
use crate::store::{emergency_admins, mailed_tokens, memberships, pending_links, removed_members};

/// Has an account follow what the identity provider says of this identity, and gives it as it is then.
///
/// # Errors
/// Of a code that waited until the address was verified, by which alone somebody is expected here.
pub(super) fn follow(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    (account, identity): (Account, IdentityId),
    steps: &mut Steps,
) -> Result<Account> {
    if !account.is_managed_by(arriving.organization.id) {
        return Ok(account);
    }
    let name = name_of(arriving.arrival).filter(|name| *name != account.username);
    if let Some(name) = &name {
        accounts::rename(tx.connection, &account, name)?;
    }
    let address = new_address(tx, arriving, (&account, identity), steps)?;
    let followed = accounts::find(tx.connection, account.id)?.unwrap_or(account);
    if name.is_none() && address.is_none() {
        return Ok(followed);
    }
    publish(tx, arriving, &followed, (name, address))?;
    Ok(followed)
}

/// The address that the account has from now on, where that is another one: in a proven domain, and nobody else's.
fn new_address(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    (account, identity): (&Account, IdentityId),
    steps: &mut Steps,
) -> Result<Option<EmailAddress>> {
    let Some(email) = asserted_address(tx, arriving.arrival, &mut Steps::default()) else {
        return Ok(None);
    };
    if !arriving.is_proven {
        return Ok(None);
    }
    if email == account.email {
        prove_mailbox(tx, arriving, (account.clone(), Some(identity)), steps)?;
        return Ok(None);
    }
    if emergency_admins::is_any(tx.connection, account.id)? {
        steps.add(kept_for_emergencies(account, &email));
        return Ok(None);
    }
    if !accounts::readdress(tx.connection, account.id, &email)? {
        let step = Step::warning(
            StepName::Email,
            "an address that nobody else has here",
            email.to_string(),
            "Another account has this address, so that this one keeps its own. Delete the other, or change its address in \
             the identity provider.",
        );
        steps.add(step);
        return Ok(None);
    }
    if !was_theirs(tx, arriving, account)? {
        close_to_others(tx, account, Some(identity))?;
    }
    removed_members::carry_along(tx.connection, (&account.email, &email))?;
    // Links and codes that lie in the old mailbox open nothing any more.
    pending_links::delete_of_account(tx.connection, account.id)?;
    for kind in [
        TokenKind::SetPassword,
        TokenKind::VerifyEmail,
        TokenKind::DisownAccount,
    ] {
        mailed_tokens::delete_of_account(tx.connection, account.id, kind)?;
    }
    steps.add(Step::ok(
        StepName::Email,
        format!(
            "The account {} to {email}.",
            arriving.said("follows", "would follow")
        ),
    ));
    verify(tx, arriving, account, steps)?;
    Ok(Some(email))
}

/// An emergency admin comes in when the provider answers wrongly, so that its word moves their mailbox nowhere: whoever
/// reads that sets their password.
fn kept_for_emergencies(account: &Account, email: &EmailAddress) -> Step {
    Step::warning(
        StepName::Email,
        format!(
            "{}, which the account of an emergency admin keeps",
            account.email
        ),
        email.to_string(),
        "Nothing is wrong: nobody but its owner changes by what an emergency admin signs in. If the address is to follow \
         the identity provider, take them out of the emergency admins in the sign-in policy first.",
    )
}

/// Whether the address that the account leaves was its person's own: nobody's mailbox, one by the word of the same
/// provider, or one in which they chose the password that they have. Nobody registers an account that is managed.
fn was_theirs(tx: &mut UnitOfWork<'_>, arriving: &Arriving<'_>, account: &Account) -> Result<bool> {
    if account.generated_address {
        return Ok(true);
    }
    if account.email_verified_at.is_none() {
        return Ok(false);
    }
    let is_chosen = account.password_hash.is_some() && account.password_origin.is_owner();
    let is_proven_here = !arriving.arrival.guest
        && is_domain_proven(tx, arriving.connection, account.email.domain())?;
    Ok(is_chosen || is_proven_here)
}

fn publish(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    account: &Account,
    (username, email): (Option<Username>, Option<EmailAddress>),
) -> Result<()> {
    let organization = arriving.organization.id;
    // Who waits for a verified address is no member yet.
    if memberships::find(tx.connection, organization, account.id)?.is_none() {
        return Ok(());
    }
    let event = DomainEvent::Member {
        organization,
        account: account.id,
        event: MemberEvent::Updated {
            role: None,
            account_type: None,
            username,
            email,
        },
    };
    let owner = Principal::Owner(account.clone());
    tx.acting_as(owner, |tx| events::publish(tx, event))
}

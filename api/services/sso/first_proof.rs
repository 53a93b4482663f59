//! Proofs of a mailbox: the provider's word, in a domain that the organization has proven, and a code that was mailed.

use super::arriving::Arriving;
use super::entering::is_by_code_only;
use super::entry_refusals as refusals;
use crate::crypto::token::TokenKind;
use crate::domain::diagnosis::Steps;
use crate::domain::ids::{IdentityId, OrganizationId};
use crate::domain::password::PasswordOrigin;
use crate::error::{Error, Refusal, Result};
use crate::services::context::Principal;
use crate::services::credentials;
use crate::services::invite_codes::pending_joins::SettledJoin;
use crate::services::sign_on_requirement::require_emergency_password;
use crate::services::unit_of_work::UnitOfWork;
use crate::services::verification::verify_email;
use crate::store::accounts::{self, Account};
use crate::store::{account_passwords, emergency_admins, mailed_tokens, memberships};

/// Takes the provider's word for the first proof of the mailbox of a locked account, where there was none, and gives the
/// account as it is then. Whoever opened it before may have been somebody else, such as a guest who was given its address. Of an emergency
/// admin's account the word proves nothing: they are there for the case that the provider answers wrongly.
///
/// # Errors
/// As [`verify`].
pub(super) fn prove_mailbox(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    (account, identity): (Account, Option<IdentityId>),
    steps: &mut Steps,
) -> Result<Account> {
    if account.email_verified_at.is_some() || emergency_admins::is_any(tx.connection, account.id)? {
        return Ok(account);
    }
    close_to_others(tx, &account, identity)?;
    verify(tx, arriving, &account, steps)?;
    Ok(accounts::find(tx.connection, account.id)?.unwrap_or(account))
}

/// Whether the provider's word does not do for an account, because nobody has shown its mailbox to be theirs and it is an
/// emergency admin's: its owner has to show that it is theirs.
pub(super) fn takes_its_owner(tx: &mut UnitOfWork<'_>, account: &Account) -> Result<bool> {
    let is_unproven = account.email_verified_at.is_none();
    Ok(is_unproven && emergency_admins::is_any(tx.connection, account.id)?)
}

/// Marks the address as verified, and has codes take effect that waited for it.
///
/// # Errors
/// Of the code by which alone somebody is expected here, as when it is redeemed.
pub(super) fn verify(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    account: &Account,
    steps: &mut Steps,
) -> Result<()> {
    let owner = Principal::Owner(account.clone());
    let joins = tx.acting_as(owner, |tx| verify_email(tx, account))?;
    for refusal in joins
        .into_iter()
        .filter_map(|join| refused_here(arriving, join))
    {
        let refusal = Error::Refused(refusal);
        let organization = arriving.organization.id;
        let is_member = memberships::find(tx.connection, organization, account.id)?.is_some();
        if !is_member && is_by_code_only(arriving) {
            return Err(refusals::waiting_code(refusal, steps));
        }
        steps.add(refusals::code_of_member_refused(&refusal));
    }
    Ok(())
}

fn refused_here(arriving: &Arriving<'_>, join: SettledJoin) -> Option<Box<Refusal>> {
    let (organization, _) = join.destination.organization;
    join.result
        .err()
        .filter(|_| organization == arriving.organization.id)
}

/// Ends what opens an account, but for the identity that has come, where it opens it already. A password that the organization gave stays its owner's.
pub(super) fn close_to_others(
    tx: &mut UnitOfWork<'_>,
    account: &Account,
    identity: Option<IdentityId>,
) -> Result<()> {
    let owner = Principal::Owner(account.clone());
    tx.acting_as(owner, |tx| {
        credentials::revoke_before_first_proof(tx, account.id, identity)
    })?;
    match account.password_origin {
        PasswordOrigin::Assigned => Ok(()),
        PasswordOrigin::Owner | PasswordOrigin::Replaced => {
            account_passwords::remove(tx.connection, account.id)
        }
    }
}

/// Takes a code that somebody read in the mailbox of a locked account for its proof, before anything is asked of the account,
/// and gives it as it is then: an invite code that takes a mailbox waits for nothing more. Whoever opened the account before
/// and never read the mailbox opens it no more.
///
/// # Errors
/// `emergency_admin_required` where it would take the last password of an organization's emergency admins.
pub(super) fn prove_by_code(
    tx: &mut UnitOfWork<'_>,
    organization: OrganizationId,
    account: Account,
) -> Result<Account> {
    if account.email_verified_at.is_none() {
        close_to_registrant(tx, &account)?;
    } else if !account.is_managed_by(organization) && has_password_of_others(&account) {
        close_to_setter(tx, organization, &account)?;
    }
    verify_email(tx, &account)?;
    Ok(accounts::find(tx.connection, account.id)?.unwrap_or(account))
}

fn has_password_of_others(account: &Account) -> bool {
    account.password_hash.is_some() && !account.password_origin.is_owner()
}

/// Ends what opens an account that nobody had shown to be theirs: whoever registered the address may have been somebody
/// else than its owner.
fn close_to_registrant(tx: &mut UnitOfWork<'_>, account: &Account) -> Result<()> {
    credentials::revoke_before_first_proof(tx, account.id, None)?;
    remove_password(tx, account)?;
    for kind in [TokenKind::SetPassword, TokenKind::DisownAccount] {
        mailed_tokens::delete_of_account(tx.connection, account.id, kind)?;
    }
    Ok(())
}

/// Ends what opens an account whose password somebody else has set, such as the organization that managed it: its admins
/// would come along into this one. Identities here stay, since reading a mailbox is no proof of single sign-on.
fn close_to_setter(
    tx: &mut UnitOfWork<'_>,
    organization: OrganizationId,
    account: &Account,
) -> Result<()> {
    credentials::revoke_elsewhere(tx, account.id, organization)?;
    remove_password(tx, account)
}

/// Takes a password away, but not the last one of emergency admins.
fn remove_password(tx: &mut UnitOfWork<'_>, account: &Account) -> Result<()> {
    if account.password_hash.is_none() {
        return Ok(());
    }
    account_passwords::remove(tx.connection, account.id)?;
    require_emergency_password(tx, account.id)
}

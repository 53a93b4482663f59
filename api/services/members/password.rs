//! Help for people who lost access: a new password for a managed account.
//!
//! Hashing happens between the two functions: no connection is held meanwhile.

use super::{about, not_managed_here, require_managed, require_may_act_on, require_seen};
use crate::clock::new_id;
use crate::crypto::token::TokenKind;
use crate::domain::events::MemberEvent;
use crate::domain::ids::{AccountId, AuditEventId};
use crate::domain::organization::Role;
use crate::error::{Error, Result};
use crate::mail::MailContent;
use crate::mail::outbox::QueuedMail;
use crate::services::authorization::{Permit, ResetPasswords};
use crate::services::memberships;
use crate::services::sign_on_requirement::{names_of, only_ways_in};
use crate::services::unit_of_work::UnitOfWork;
use crate::services::{events, invitations, trust};
use crate::store::accounts::Account;
use crate::store::managed_accounts::NewPasswordHash;
use crate::store::{emergency_admins, mailed_tokens, managed_accounts, sessions};

/// The hash of a password that somebody else sets for an account.
#[derive(Clone)]
pub struct NewPassword {
    pub hash: String,
    /// Whether Rollcall made it up.
    pub generated: bool,
    /// Whether its owner is to choose another at once.
    pub must_change: bool,
}

/// Refuses accounts that the caller may not help: those that this organization does not manage,
/// to staff everybody but the students and learners of the groups that they manage, and to API keys admins.
///
/// # Errors
/// `not_found`, `forbidden`, `not_managed_here`; `email_not_verified` of the caller, where the owner is told
/// by mail.
pub fn require_resettable(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ResetPasswords>,
    id: AccountId,
) -> Result<Account> {
    require_seen(tx, permit, id)?;
    let (account, membership) = memberships::find(tx, permit.organization.id, id)?;
    if tx.account_id() == Some(id) {
        return Err(Error::forbidden(
            "This is your own account: change its password with the current one.",
        ));
    }
    let is_staff = membership.account_type.is_staff() || membership.role == Role::Admin;
    if permit.restricted_to_manager().is_some() && is_staff {
        return Err(Error::forbidden(
            "Only admins set the password of staff and of admins.",
        ));
    }
    require_may_act_on(tx, &membership)?;
    require_managed(&account, permit.organization.id)?;
    if !account.generated_address {
        trust::require_verified_sender(tx)?;
    }
    Ok(account)
}

/// Sets the password, signs the account out everywhere and kills the links that would set another;
/// tells its owner by mail. Gives the account.
///
/// # Errors
/// As [`require_resettable`], which is asked again: hashing took a while.
pub fn reset(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ResetPasswords>,
    id: AccountId,
    new: &NewPassword,
) -> Result<Account> {
    let organization = &permit.organization;
    tx.transaction(|tx| {
        let account = require_resettable(tx, permit, id)?;
        let password = NewPasswordHash {
            hash: &new.hash,
            must_change: new.must_change,
        };
        if !managed_accounts::set_password(tx.connection, organization.id, id, &password)? {
            return Err(not_managed_here());
        }
        let ended = sessions::delete_all(tx.connection, id, None)?;
        mailed_tokens::delete_of_account(tx.connection, id, TokenKind::SetPassword)?;
        invitations::accept_by_use(tx, id)?;
        tell_owner(tx, permit, &account)?;
        let event = MemberEvent::PasswordReset {
            generated: new.generated,
            must_change_password: new.must_change,
            ended_sessions: ended,
        };
        events::publish(tx, about(permit, id, event))?;
        Ok(account)
    })
}

/// By what alone the organization opens to whom the password was set for: an emergency admin's password does open it.
fn connections_of(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ResetPasswords>,
    account: &Account,
) -> Result<String> {
    let organization = &permit.organization;
    let connections = only_ways_in(tx, organization)?;
    if connections.is_empty()
        || emergency_admins::contains(tx.connection, organization.id, account.id)?
    {
        return Ok(String::new());
    }
    Ok(names_of(&connections))
}

fn tell_owner(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ResetPasswords>,
    account: &Account,
) -> Result<()> {
    let at = tx.now();
    let connections = connections_of(tx, permit, account)?;
    let mail = QueuedMail {
        to: account,
        language: None,
        priority: None,
        organization: Some(permit.organization.id),
        // Each time is a cause of its own.
        cause: format!("member password reset {}", new_id::<AuditEventId>()),
        content: MailContent::PasswordChanged {
            login: account.email.to_string(),
            by_organization: Some(permit.organization.name.clone()),
            connections,
            at,
        },
    };
    tx.queue_mail(&mail)?;
    Ok(())
}

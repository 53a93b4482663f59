//! Help for people who lost access: a new password for a managed account (PRODUCT 3.9).
//!
//! Hashing happens between the two functions: no connection is held meanwhile.

use serde_json::json;

use super::{no_such_member, read, require_managed, require_seen};
use crate::clock::new_id;
use crate::crypto::token::TokenKind;
use crate::domain::audit::AuditAction;
use crate::domain::ids::{AccountId, AuditEventId};
use crate::domain::organization::Role;
use crate::error::{Error, Result};
use crate::mail::outbox::QueuedMail;
use crate::mail::{MailContent, Outbox};
use crate::services::audit::{self, Event, Subject};
use crate::services::authorization::{Permit, ResetPasswords};
use crate::services::invitations;
use crate::store::accounts::Account;
use crate::store::{Connection, mailed_tokens, managed_accounts, sessions, transaction};

/// The hash of a password that somebody else sets for an account.
#[derive(Clone)]
pub struct NewPassword {
    pub hash: String,
    /// Whether Rollcall made it up.
    pub generated: bool,
    /// Whether its owner is to choose another at once.
    pub must_change: bool,
}

/// Refuses accounts that are not the holder's to help: those that this organization did not create,
/// and to staff everybody but the students and learners of the groups that they manage.
///
/// # Errors
/// `not_found`, `forbidden`, `not_managed_here`.
pub fn require_resettable(
    connection: &mut Connection,
    permit: &Permit<ResetPasswords>,
    id: AccountId,
) -> Result<Account> {
    require_seen(connection, permit, id)?;
    let (account, membership) = read(connection, permit.organization.id, id)?;
    if permit.account_id == Some(id) {
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
    require_managed(&account, permit.organization.id)?;
    Ok(account)
}

/// Sets the password, signs the account out everywhere and kills the links that would set another;
/// tells its owner by mail. Gives the account.
///
/// # Errors
/// As [`require_resettable`], which is asked again: hashing took a while.
pub fn reset(
    connection: &mut Connection,
    permit: &Permit<ResetPasswords>,
    outbox: &Outbox,
    id: AccountId,
    new: &NewPassword,
) -> Result<Account> {
    let organization = &permit.organization;
    transaction(connection, |connection| {
        let account = require_resettable(connection, permit, id)?;
        if !managed_accounts::set_password(
            connection,
            organization.id,
            id,
            &new.hash,
            new.must_change,
        )? {
            return Err(no_such_member());
        }
        let ended = sessions::delete_all(connection, id, None)?;
        mailed_tokens::delete_of_account(connection, id, TokenKind::SetPassword)?;
        invitations::note_account_used(connection, id, &permit.act)?;
        tell_owner(connection, permit, outbox, &account)?;
        let details = json!({
            "generated": new.generated,
            "must_change_password": new.must_change,
            "ended_sessions": ended,
        });
        let subject = Subject::Account(id);
        let event = Event::within(
            organization.id,
            AuditAction::MemberPasswordReset,
            subject,
            details,
        );
        audit::record(connection, &permit.act, event)?;
        Ok(account)
    })
}

fn tell_owner(
    connection: &mut Connection,
    permit: &Permit<ResetPasswords>,
    outbox: &Outbox,
    account: &Account,
) -> Result<()> {
    let at = permit.act.at;
    let mail = QueuedMail {
        to: account,
        language: None,
        organization: Some(permit.organization.id),
        // Each time is a cause of its own.
        cause: format!("member password reset {}", new_id::<AuditEventId>()),
        content: MailContent::PasswordChanged {
            login: account.email.to_string(),
            by_organization: Some(permit.organization.name.clone()),
            at,
        },
    };
    outbox.queue(connection, &mail, at)?;
    Ok(())
}

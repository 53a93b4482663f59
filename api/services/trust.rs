//! Trust is earned by a mailbox (`docs/permissions.md#trust`): who may become an admin or staff, and who may
//! make Rollcall write to others.

use super::unit_of_work::UnitOfWork;
use crate::domain::ids::{AccountId, OrganizationId};
use crate::domain::password::PasswordOrigin;
use crate::error::{Code, Error, Result};
use crate::store::accounts::Account;
use crate::store::sessions;

/// Whether a mailbox stands behind the account's sessions: its address is verified, and its owner chose the
/// password. Who signs in with a password that somebody else has set, or that was changed by whoever knew such a
/// one, may be anybody of the organization that has set it.
pub fn has_mailbox(account: &Account) -> bool {
    account.email_verified_at.is_some() && account.password_origin.is_owner()
}

/// Refuses an account whose password somebody else has set, for what only its owner may do.
///
/// # Errors
/// `email_not_verified`.
pub fn require_own_password(account: &Account) -> Result<()> {
    if account.password_origin.is_owner() {
        return Ok(());
    }
    require_address(account)?;
    Err(password_of_others())
}

/// Refuses an account with a generated address, for what takes a mailbox.
///
/// # Errors
/// `email_not_verified`.
pub fn require_address(account: &Account) -> Result<()> {
    if account.generated_address {
        return Err(without_mailbox());
    }
    Ok(())
}

/// The refusal of an account that has no address of its owner's.
pub fn without_mailbox() -> Error {
    Error::refused(
        Code::EmailNotVerified,
        "This account has no mailbox that could show whose it is. Register with an email address of your \
         own, and try again with that account.",
    )
}

/// The refusal of a password that somebody else has set.
pub fn password_of_others() -> Error {
    Error::refused(
        Code::EmailNotVerified,
        "Somebody else has set this account's password, so signing in does not show that you read its mailbox. \
         Set a password of your own by the link that /v1/auth/password/forgot mails you, then try again.",
    )
}

/// Whether the account may become an admin or staff of the organization: a mailbox stands behind it, or it has a
/// generated address, which has none, and whoever uses it has chosen another password than the one that the
/// organization, which manages it, had set.
pub fn is_trusted(account: &Account, organization: OrganizationId) -> bool {
    let is_own_without_mailbox =
        account.generated_address && account.is_managed_by(organization) && is_chosen(account);
    has_mailbox(account) || is_own_without_mailbox
}

fn is_chosen(account: &Account) -> bool {
    match account.password_origin {
        PasswordOrigin::Owner | PasswordOrigin::Replaced => account.password_hash.is_some(),
        PasswordOrigin::Assigned => false,
    }
}

/// Refuses to make an account an admin or staff that is not trusted.
///
/// # Errors
/// `email_not_verified`.
pub fn require_trusted(account: &Account, organization: OrganizationId) -> Result<()> {
    if is_trusted(account, organization) {
        return Ok(());
    }
    if account.generated_address {
        return Err(Error::refused(
            Code::EmailNotVerified,
            "This account has no mailbox. It can become an admin's or staff's only in the organization that \
             made it, once its owner has signed in and chosen another password. Elsewhere, invite an email \
             address of theirs.",
        ));
    }
    Err(untrusted())
}

/// The refusal of an account that nothing has proved to be in the hands of its mailbox's reader.
pub fn untrusted() -> Error {
    Error::refused(
        Code::EmailNotVerified,
        "Nothing has proved yet that this person reads the mailbox of the address and alone knows the \
         password, so they cannot become an admin or staff. Have them set a password by the link that \
         /v1/auth/password/forgot mails them: that proves both.",
    )
}

/// Ends the sessions of people who become admins or staff, except the one that acts: whoever has one of
/// them would gain what they gain.
pub fn end_other_sessions(tx: &mut UnitOfWork<'_>, accounts: &[AccountId]) -> Result<()> {
    let current = tx.context.principal.session().ok();
    let current = current.map(|session| session.session);
    sessions::delete_all_of(tx.connection, accounts, current)
}

/// Refuses a sender whose own address is not verified, where mail leaves for mailboxes. The command line
/// needs no address.
///
/// # Errors
/// `email_not_verified`.
pub fn require_verified_sender(tx: &UnitOfWork<'_>) -> Result<()> {
    let leaves = tx.services.config.mail_leaves();
    match tx.context.principal.account() {
        Some(account) if leaves && account.email_verified_at.is_none() => Err(unverified_sender()),
        Some(_) | None => Ok(()),
    }
}

/// The refusal of a sender whose own address is not verified.
pub fn unverified_sender() -> Error {
    Error::refused(
        Code::EmailNotVerified,
        "Verify your own address first: this sends mail to others in your name. Ask for the link at \
         /v1/auth/email/resend, unless you have it already, and follow it.",
    )
}

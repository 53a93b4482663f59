//! Trust is earned by a mailbox (`docs/permissions.md#trust`): who may become an admin or staff, and who may
//! make Rollcall write to others.

use super::unit_of_work::UnitOfWork;
use crate::domain::ids::{AccountId, OrganizationId};
use crate::domain::password::PasswordOrigin;
use crate::error::{Code, Error, Result};
use crate::store::accounts::Account;
use crate::store::sessions;

/// Whether the account may become an admin or staff of the organization: its address is verified and
/// nobody of another organization knows the password, or the organization manages it and whoever uses it
/// has chosen the password.
pub fn is_trusted(account: &Account, organization: OrganizationId) -> bool {
    let is_own_choice = match account.password_origin {
        PasswordOrigin::Owner | PasswordOrigin::Replaced => account.password_hash.is_some(),
        PasswordOrigin::Assigned => false,
    };
    let is_known_elsewhere = match account.password_origin {
        PasswordOrigin::Owner | PasswordOrigin::Replaced => false,
        PasswordOrigin::Assigned => !account.is_managed_by(organization),
    };
    let is_verified = account.email_verified_at.is_some();
    (is_verified && !is_known_elsewhere) || (account.is_managed_by(organization) && is_own_choice)
}

/// Refuses to make an account an admin or staff that is not trusted.
///
/// # Errors
/// `email_not_verified`.
pub fn require_trusted(account: &Account, organization: OrganizationId) -> Result<()> {
    if is_trusted(account, organization) {
        return Ok(());
    }
    Err(untrusted())
}

/// The refusal of an account that nothing has proved to be in the hands of its mailbox's reader.
pub fn untrusted() -> Error {
    Error::refused(
        Code::EmailNotVerified,
        "Nothing has proved yet that this person reads the mailbox of the address and alone knows the \
         password, so they cannot become an admin or staff. Have them verify the address \
         (/v1/auth/email/resend mails them a link), and choose a password of their own where somebody \
         else set it; for an account that this organization manages one of the two is enough.",
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
        "Verify your own address first: this sends mail to others in your name. Follow the link that \
         was mailed to you, or ask for another at /v1/auth/email/resend.",
    )
}

//! New links that the bearer of an expired one asks for.

use super::key::{ALL_LINKS, find_by_secret, owner};
use crate::domain::invitations::InvitationStatus;
use crate::error::{Code, Error, Result};
use crate::services::context::Principal;
use crate::services::invitations::errors::unknown;
use crate::services::invitations::lifecycle::lock;
use crate::services::invitations::renewal;
use crate::services::unit_of_work::UnitOfWork;

/// Sends a new link in the place of one that has expired, to the same mailbox. Sends nothing where the
/// old link is still good, or where there is nothing left to be invited to. The response does not tell
/// which it was, because the bearer may be anybody who holds an old mail.
///
/// # Errors
/// `invitation_unknown`.
pub fn renew(tx: &mut UnitOfWork<'_>, secret: &str) -> Result<()> {
    match tx.transaction(|tx| renew_if_expired(tx, secret)) {
        Err(error) if is_kept_secret(&error) => Ok(()),
        renewed => renewed,
    }
}

fn renew_if_expired(tx: &mut UnitOfWork<'_>, secret: &str) -> Result<()> {
    let known = find_by_secret(tx.connection, secret, ALL_LINKS)?;
    let invitation = lock(tx.connection, &known)?.ok_or_else(unknown)?;
    match invitation.status_at(tx.now()) {
        InvitationStatus::Expired => {}
        InvitationStatus::Pending
        | InvitationStatus::Accepted
        | InvitationStatus::Declined
        | InvitationStatus::Revoked => return Ok(()),
    }
    let owner = owner(tx.connection, &invitation)?;
    tx.acting_as(Principal::Owner(owner), |tx| {
        renewal::renew(tx, &invitation)
    })
}

fn is_kept_secret(error: &Error) -> bool {
    matches!(
        error.code(),
        Code::NoSeat | Code::AlreadyMember | Code::InvitationEnded
    )
}

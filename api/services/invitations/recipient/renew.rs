//! New links that the bearer of an expired one asks for.

use super::key::{ALL_LINKS, find_by_secret, owner};
use crate::domain::invitations::InvitationStatus;
use crate::error::{Error, Result};
use crate::services::context::Principal;
use crate::services::invitations::errors::unknown;
use crate::services::invitations::lifecycle::lock;
use crate::services::invitations::renewal;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::invitations::Invitation;

/// Sends a new link in the place of one that has expired, to the same mailbox. Sends nothing where the
/// old link is still good, or where there is nothing left to be invited to. The response does not tell
/// which it was, because the bearer may be anybody who holds an old mail.
///
/// # Errors
/// `invitation_unknown`.
pub fn renew(tx: &mut UnitOfWork<'_>, secret: &str) -> Result<()> {
    tx.transaction(|tx| {
        let known = find_by_secret(tx.connection, secret, ALL_LINKS)?;
        let invitation = lock(tx.connection, &known)?.ok_or_else(unknown)?;
        match invitation.status_at(tx.now()) {
            InvitationStatus::Expired => renew_quietly(tx, &invitation),
            InvitationStatus::Pending
            | InvitationStatus::Accepted
            | InvitationStatus::Declined
            | InvitationStatus::Revoked => Ok(()),
        }
    })
}

/// Renews a locked invitation, and keeps it a secret why it cannot be.
fn renew_quietly(tx: &mut UnitOfWork<'_>, invitation: &Invitation) -> Result<()> {
    let owner = owner(tx.connection, invitation)?;
    let renewed = tx.acting_as(Principal::Owner(owner), |tx| {
        tx.transaction(|tx| renewal::renew(tx, invitation))
    });
    match renewed {
        Err(Error::Refused(_)) => Ok(()),
        Ok(())
        | Err(
            Error::Unavailable(_) | Error::Conflict(_) | Error::Deadlock(_) | Error::Internal(_),
        ) => renewed,
    }
}

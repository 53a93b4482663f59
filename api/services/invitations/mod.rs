//! Email invitations (PRODUCT 3.5): an offer to one address.
//!
//! One that makes an account holds a seat as a member from the start; one that has to be accepted
//! reserves a seat while it is pending, and whatever ends it, under the lock on its row, gives the seat
//! back or turns it into a member's: exactly once, whoever else is at it.
//!
//! Locks are taken in one order: organization, account, invitation, seats, membership.

mod creation;
mod lifecycle;
mod links;
mod manage;
mod recipient;

pub use creation::{AddressResult, NewInvitations, Typed, create};
pub use lifecycle::{end_all_of_account, end_for_departure, note_account_used, settle_expired};
pub use manage::{InvitationView, find, list, resend, revoke};
pub use recipient::{
    Acceptance, Joining, ReceivedInvitation, accept, address_of, decline_mailed, decline_own,
    of_caller, preview, renew,
};

use crate::domain::ids::AccountId;
use crate::domain::invitations::InvitationStatus;
use crate::error::{Code, Error, Result};
use crate::services::limits::LimitRequest;
use crate::store::invitations::Invitation;
use crate::store::{Connection, accounts};

/// Takes uses of limits in the transaction of what they are for.
pub type Take<'a> = &'a dyn Fn(&mut Connection, &[LimitRequest]) -> Result<()>;

fn no_such_invitation() -> Error {
    Error::not_found("invitation")
}

/// The refusal of a secret that belongs to no invitation.
fn unknown() -> Error {
    Error::refused(
        Code::InvitationUnknown,
        "There is no invitation behind this link. It may have been used up, or a newer link has \
         taken its place: look for the latest mail.",
    )
}

fn expired() -> Error {
    Error::refused(
        Code::InvitationExpired,
        "This invitation has expired. Ask for a new link: it is sent to the same mailbox.",
    )
}

/// The refusal of an invitation that has ended in this way.
fn ended(status: InvitationStatus) -> Error {
    let detail = match status {
        InvitationStatus::Accepted => "This invitation has been accepted already.",
        InvitationStatus::Declined => {
            "This invitation was declined. Ask the people who run the organization for another one."
        }
        InvitationStatus::Pending | InvitationStatus::Revoked | InvitationStatus::Expired => {
            "This invitation has been taken back. Ask the people who run the organization for \
             another one."
        }
    };
    Error::refused(Code::InvitationEnded, detail)
}

/// What the person who sent an invitation is called; nobody where it was the console, or where their
/// account is gone.
fn sender_name(connection: &mut Connection, invitation: &Invitation) -> Result<Option<String>> {
    let senders: Vec<AccountId> = invitation.invited_by_account_id.into_iter().collect();
    let names = accounts::usernames(connection, &senders)?;
    Ok(names.into_values().next().map(|name| name.to_string()))
}

//! The refusals that several operations on invitations share.

use crate::domain::invitations::InvitationStatus;
use crate::error::{Code, Error};

/// The refusal of an id that names no invitation which the sender of the request may see.
pub(super) fn no_such_invitation() -> Error {
    Error::not_found("invitation")
}

/// The refusal of a secret that belongs to no invitation.
pub fn unknown() -> Error {
    Error::refused(
        Code::InvitationUnknown,
        "There is no invitation behind this link. It may have been used up, or a newer link has \
         taken its place: look for the latest mail.",
    )
}

/// The refusal of an invitation that has expired.
pub fn expired() -> Error {
    Error::refused(
        Code::InvitationExpired,
        "This invitation has expired. Ask for a new link: it is sent to the same mailbox.",
    )
}

/// The refusal of an invitation that has ended in this way.
pub fn ended(status: InvitationStatus) -> Error {
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

/// The refusal of a new link where the account with the address is deleted.
pub(super) fn without_account() -> Error {
    Error::refused(
        Code::InvitationEnded,
        "The address of this invitation has no account any more. Invite it again.",
    )
}

/// The refusal of an account other than the one that the invitation was sent to.
pub fn for_another_address() -> Error {
    Error::refused(
        Code::InvitationForAnotherAddress,
        "This invitation is for another address. Sign in with the address that it was sent to.",
    )
}

/// The refusal of a session of an account whose address is not verified.
pub fn mailbox_unproved() -> Error {
    Error::refused(
        Code::EmailNotVerified,
        "Nothing has proved yet that this address is yours. Follow the link in the invitation's \
         mail, or verify the address first.",
    )
}

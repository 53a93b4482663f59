//! Email invitations (`docs/invitations.md`): an offer to one address.
//!
//! An invitation that makes an account gives it a membership with a seat from the start. One that has
//! to be accepted reserves a seat while it is pending; whatever ends it, under the lock on its row,
//! releases the seat or turns it into a member's, exactly once under concurrency.
//!
//! A fixed lock order (organization, account, invitation, seats, membership) prevents deadlocks.

mod creation;
pub mod errors;
mod inviter;
mod lifecycle;
mod links;
mod manage;
mod recipient;
mod renewal;
mod revocation;
mod view;

pub use creation::{AddressResult, GivenAddress, NewInvitations, create};
pub use lifecycle::{
    accept_by_use, expire_overdue, is_invited, lock_of_account, revoke_of_account, revoke_of_member,
};
pub use manage::{find, group_not_managed, list, require_visible, resend};
pub use recipient::{
    Acceptance, InvitationKey, ReceivedInvitation, accept, accept_carried, address_of, carried,
    decline_mailed, decline_own, of_caller, preview, renew,
};
pub use revocation::{revoke, revoke_of_staff_by, revoke_of_staff_by_operator};
pub use view::InvitationView;

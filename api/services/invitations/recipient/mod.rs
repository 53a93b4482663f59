//! Invitations as those who got them handle them: preview, accept, decline, renew.

mod accept;
mod decline;
mod key;
mod renew;
mod view;

pub use accept::{Acceptance, accept, accept_carried};
pub use decline::{decline_mailed, decline_own};
pub use key::{InvitationKey, address_of, carried};
pub use renew::renew;
pub use view::{ReceivedInvitation, of_caller, preview};

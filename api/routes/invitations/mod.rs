//! Email invitations (`docs/invitations.md`).

mod manage;
mod received;
mod recipient;
mod requests;
mod responses;

use crate::routes::mounting::Mounting;

/// Mounts these operations.
pub fn mount(mounting: &mut Mounting<'_>) {
    manage::mount(mounting);
    recipient::mount(mounting);
}

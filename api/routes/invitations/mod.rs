//! Email invitations (`docs/invitations.md`).

mod manage;
mod received;
mod recipient;
mod requests;
mod responses;

use crate::routes::mounting::Mounting;

/// Mounts these operations.
pub fn mount(config: &mut Mounting<'_, '_>) {
    manage::mount(config);
    recipient::mount(config);
}

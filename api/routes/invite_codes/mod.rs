//! Invite codes: managed, and used (`docs/invite-codes.md`).

mod group;
pub mod joining;
mod manage;
mod organization;
mod responses;

use crate::routes::mounting::Mounting;

/// Mounts these operations.
pub fn mount(config: &mut Mounting<'_, '_>) {
    config
        .service(joining::preview_invite_code)
        .service(joining::redeem_invite_code)
        .service(organization::get_invite_code)
        .service(organization::update_invite_code)
        .service(organization::reset_invite_code)
        .service(organization::get_invite_code_qr)
        .service(organization::list_invite_code_uses)
        .service(group::get_group_invite_code)
        .service(group::update_group_invite_code)
        .service(group::reset_group_invite_code)
        .service(group::get_group_invite_code_qr)
        .service(group::list_group_invite_code_uses);
}

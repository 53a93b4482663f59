//! Invite codes: managed, and used (`docs/invite-codes.md`).

mod group;
pub mod joining;
mod manage;
mod organization;
mod responses;

use crate::routes::mounting::{Mounting, operations};

/// Mounts these operations.
pub fn mount(mounting: &mut Mounting<'_>) {
    operations!(
        mounting,
        joining::preview_invite_code,
        joining::redeem_invite_code,
        organization::get_invite_code,
        organization::update_invite_code,
        organization::reset_invite_code,
        organization::get_invite_code_qr,
        organization::list_invite_code_uses,
        group::get_group_invite_code,
        group::update_group_invite_code,
        group::reset_group_invite_code,
        group::get_group_invite_code_qr,
        group::list_group_invite_code_uses
    );
}

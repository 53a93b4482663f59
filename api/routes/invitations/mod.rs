//! Email invitations (`docs/invitations.md`).

mod manage;
mod received;
mod recipient;
mod requests;
mod responses;

use utoipa_actix_web::service_config::ServiceConfig;

/// Mounts these operations.
pub fn mount(config: &mut ServiceConfig<'_>) {
    manage::mount(config);
    recipient::mount(config);
}

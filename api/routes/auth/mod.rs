//! Accounts and their sessions: registering, signing in and out, passwords (PRODUCT 3.3).

mod password;
mod registration;
mod sign_in;
mod tokens;

use utoipa_actix_web::service_config::ServiceConfig;

/// Mounts these operations.
pub fn mount(config: &mut ServiceConfig<'_>) {
    config
        .service(registration::register_account)
        .service(sign_in::login)
        .service(sign_in::refresh_session)
        .service(sign_in::logout)
        .service(password::change_password);
}

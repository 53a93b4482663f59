//! Accounts and their sessions: registering, verifying an address, signing in and out, passwords
//! (`docs/accounts.md`).

mod email;
mod password;
mod refresh_cookie;
mod registration;
mod sign_in;
mod tokens;

pub(super) use self::tokens::{SessionKind, Tokens, cookie_of};

use crate::routes::mounting::Mounting;

/// Mounts these operations.
pub fn mount(config: &mut Mounting<'_, '_>) {
    config
        .service(registration::register_account)
        .service(sign_in::login)
        .service(sign_in::refresh_session)
        .service(sign_in::logout)
        .service(password::change_password)
        .service(password::forgot_password)
        .service(password::reset_password)
        .service(email::verify_email)
        .service(email::disown_account)
        .service(email::resend_verification);
}

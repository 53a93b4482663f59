//! Accounts and their sessions: registering, verifying an address, signing in and out, passwords
//! (`docs/accounts.md`).

mod email;
mod password;
mod refresh_cookie;
mod registration;
mod sign_in;
mod tokens;

pub(super) use self::refresh_cookie::CookieErrors;
pub(super) use self::tokens::{SessionKind, Tokens, cookie_of, require_cookie_origin};

use crate::routes::mounting::{Mounting, operations};

/// Mounts these operations.
pub fn mount(mounting: &mut Mounting<'_>) {
    operations!(
        mounting,
        registration::register_account,
        sign_in::login,
        sign_in::refresh_session,
        sign_in::logout,
        password::change_password,
        password::forgot_password,
        password::reset_password,
        email::verify_email,
        email::disown_account,
        email::resend_verification
    );
}

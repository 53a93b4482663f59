//! What is drawn from the system's secure random source.

use ring::rand::{SecureRandom as _, SystemRandom};

use crate::domain::generated_password;
use crate::domain::invite_code::InviteCode;
use crate::domain::password::Password;
use crate::error::{Error, Result};

/// Fills `bytes` with random ones.
///
/// # Errors
/// `internal` where the system has no randomness to give.
pub fn fill(bytes: &mut [u8]) -> Result<()> {
    SystemRandom::new()
        .fill(bytes)
        .map_err(|_| Error::internal("the system has no randomness to give"))
}

/// A new invite code.
///
/// # Errors
/// As [`fill`].
pub fn invite_code() -> Result<InviteCode> {
    InviteCode::generate(fill)
}

/// A new password that people can read and type.
///
/// # Errors
/// As [`fill`].
pub fn password() -> Result<Password> {
    generated_password::generate(fill)
}

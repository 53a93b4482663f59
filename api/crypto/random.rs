//! What is drawn from the system's secure random source.

use ring::rand::{SecureRandom as _, SystemRandom};

use crate::domain::domains::CHALLENGE_CHARS;
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

/// A new challenge for the owner of a domain.
///
/// # Errors
/// As [`fill`].
pub fn domain_challenge() -> Result<String> {
    let mut bytes = [0; CHALLENGE_CHARS];
    fill(&mut bytes)?;
    let character = |byte: u8| char::from_digit(u32::from(byte) % 32, 32);
    Ok(bytes.into_iter().filter_map(character).collect())
}

/// A new password that people can read and type.
///
/// # Errors
/// As [`fill`].
pub fn password() -> Result<Password> {
    generated_password::generate(fill)
}

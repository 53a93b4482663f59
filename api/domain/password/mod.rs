//! Passwords: the rule for new ones, and the form that is hashed (`docs/accounts.md`).

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::sync::LazyLock;

use unicode_normalization::{UnicodeNormalization, is_nfc};

use super::string_enum::string_enum;

/// The shortest new password, in characters.
const MIN_PASSWORD_CHARS: usize = 10;

/// The longest new password, in characters.
const MAX_PASSWORD_CHARS: usize = 128;

/// The longest attempt at a password, in bytes: room for the longest password, however
/// their keyboard composes them.
const MAX_ATTEMPT_BYTES: usize = 2_048;

/// A new password that keeps the rule. It is a secret: nothing prints it.
///
/// It is never trimmed or altered: white space and control characters are as good as any others.
#[derive(Clone)]
pub struct Password(String);

/// What somebody offers as their password, to be compared with a hash. It may break the rule for
/// new passwords, which an older password need not keep. It is a secret: nothing prints it.
#[derive(Clone)]
pub struct PasswordAttempt(String);

string_enum! {
    /// Who chose an account's password (`docs/members.md#managed-accounts`).
    PasswordOrigin {
        /// Its owner: at registration, or by a link from the mailbox.
        Owner = "owner",
        /// Somebody else: an organization that imported the account or reset its password.
        Assigned = "assigned",
        /// Whoever knew an assigned one, which proves nothing of the mailbox.
        Replaced = "replaced",
    }
}

impl PasswordOrigin {
    /// Whether nobody else than the owner has ever known it.
    #[must_use]
    pub const fn is_owner(self) -> bool {
        match self {
            Self::Owner => true,
            Self::Assigned | Self::Replaced => false,
        }
    }

    /// The origin of a password that somebody chooses who knows the one before.
    #[must_use]
    pub const fn of_next(self) -> Self {
        match self {
            Self::Owner => Self::Owner,
            Self::Assigned | Self::Replaced => Self::Replaced,
        }
    }
}

/// The first part of the rule that a new password breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// It has too few characters.
    #[error("A password has at least {MIN_PASSWORD_CHARS} characters.")]
    TooShort,
    /// It has too many characters.
    #[error("A password has at most {MAX_PASSWORD_CHARS} characters.")]
    TooLong,
    /// It has no letter of any script.
    #[error("A password has at least one letter.")]
    NeedsLetter,
    /// It has no digit of any script.
    #[error("A password has at least one digit.")]
    NeedsDigit,
    /// It is one of the first that an attacker tries.
    #[error("This password is too common; choose another.")]
    TooCommon,
}

/// An attempt that is longer than any password, and so cannot be anybody's password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("This is too long to be a password.")]
pub struct AttemptTooLong;

impl Password {
    /// Takes a password that keeps the rule: 10 to 128 characters, a letter and a digit of any
    /// script, and not one of the common passwords (NIST SP 800-63B, 5.1.1.2), in whatever case.
    ///
    /// Characters are counted in Unicode NFC, so that the answer does not depend on the keyboard.
    ///
    /// # Errors
    /// The first part of the rule that it breaks, in the order of [`PasswordError`].
    pub fn parse(text: String) -> Result<Self, PasswordError> {
        check(&hash_input(&text))?;
        Ok(Self(text))
    }

    /// The password as it was chosen, to hand it out or to seal it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is hashed: the password in Unicode NFC (RFC 8265, 4.2), so that it is the same whether
    /// it was typed on a system that composes characters or on one that does not.
    pub fn to_hash_input(&self) -> Cow<'_, str> {
        hash_input(&self.0)
    }
}

impl PasswordAttempt {
    /// Takes any text of a bounded length.
    ///
    /// # Errors
    /// Where it is longer than any password can be; to whoever signs in that is a wrong password.
    pub fn parse(text: String) -> Result<Self, AttemptTooLong> {
        if text.len() > MAX_ATTEMPT_BYTES {
            return Err(AttemptTooLong);
        }
        Ok(Self(text))
    }

    /// What is compared with the hash: see [`Password::to_hash_input`].
    pub fn to_hash_input(&self) -> Cow<'_, str> {
        hash_input(&self.0)
    }
}

fn hash_input(text: &str) -> Cow<'_, str> {
    if is_nfc(text) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.nfc().collect())
    }
}

fn check(password: &str) -> Result<(), PasswordError> {
    let length = password.chars().count();
    if length < MIN_PASSWORD_CHARS {
        Err(PasswordError::TooShort)
    } else if length > MAX_PASSWORD_CHARS {
        Err(PasswordError::TooLong)
    } else if !password.contains(char::is_alphabetic) {
        Err(PasswordError::NeedsLetter)
    } else if !password.contains(char::is_numeric) {
        Err(PasswordError::NeedsDigit)
    } else if is_common(password) {
        Err(PasswordError::TooCommon)
    } else {
        Ok(())
    }
}

fn is_common(password: &str) -> bool {
    COMMON_PASSWORDS.contains(password.to_lowercase().as_str())
}

/// Lower case; the file's head names its sources.
static COMMON_PASSWORDS: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    include_str!("common_passwords.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect()
});

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

impl fmt::Debug for PasswordAttempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordAttempt(…)")
    }
}

#[cfg(test)]
mod tests;

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
mod tests {
    use super::*;

    fn refusal(text: &str) -> Option<PasswordError> {
        Password::parse(text.to_owned()).err()
    }

    #[test]
    fn good_passwords_are_taken_as_they_are() {
        for text in [
            "maple tiger 4",
            "  seven7spaces  ",
            "Ääkköset2ovat",
            "密码密码密码密码密码1",
            "كلمةالمرور٣٤",
            "mậtkhẩucủatôi1",
            "пароль-школы-9",
            "😀😀😀😀😀😀😀😀a1",
            "tab\tand\0null1",
            "=HYPERLINK(1)",
        ] {
            let password = Password::parse(text.to_owned()).unwrap();
            assert_eq!(password.reveal(), text);
        }
    }

    #[test]
    fn each_part_of_the_rule_is_told() {
        for (text, error) in [
            ("", PasswordError::TooShort),
            ("short1", PasswordError::TooShort),
            ("ninechar1", PasswordError::TooShort),
            ("1234567890", PasswordError::NeedsLetter),
            ("١٢٣٤٥٦٧٨٩٠!", PasswordError::NeedsLetter),
            ("!!!!!!!!!!", PasswordError::NeedsLetter),
            ("correct horse battery", PasswordError::NeedsDigit),
            ("密码密码密码密码密码", PasswordError::NeedsDigit),
            ("password123", PasswordError::TooCommon),
            ("PassWord123", PasswordError::TooCommon),
            ("1q2w3e4r5t", PasswordError::TooCommon),
            ("Schule1234", PasswordError::TooCommon),
        ] {
            assert_eq!(refusal(text), Some(error), "{text}");
        }
    }

    #[test]
    fn lengths_count_composed_characters() {
        let text = |length: usize| format!("{}1", "é".repeat(length - 1));
        assert_eq!(refusal(&text(9)), Some(PasswordError::TooShort));
        assert_eq!(refusal(&text(10)), None);
        assert_eq!(refusal(&text(128)), None);
        assert_eq!(refusal(&text(129)), Some(PasswordError::TooLong));
        let decomposed: String = text(128).nfd().collect();
        assert_eq!(refusal(&decomposed), None);
        let short: String = text(9).nfd().collect();
        assert_eq!(refusal(&short), Some(PasswordError::TooShort));
    }

    #[test]
    fn systems_that_compose_differently_agree() {
        let windows = Password::parse("M\u{fc}hlenstra\u{df}e 7".to_owned()).unwrap();
        let macos = PasswordAttempt::parse("Mu\u{308}hlenstra\u{df}e 7".to_owned()).unwrap();
        assert_eq!(windows.to_hash_input(), macos.to_hash_input());
        assert!(matches!(windows.to_hash_input(), Cow::Borrowed(_)));
    }

    #[test]
    fn attempts_may_be_anything_of_bounded_length() {
        for text in ["", " ", "x", "password123"] {
            let attempt = PasswordAttempt::parse(text.to_owned()).unwrap();
            assert_eq!(attempt.to_hash_input(), text);
        }
        assert!(PasswordAttempt::parse("x".repeat(MAX_ATTEMPT_BYTES)).is_ok());
        assert!(PasswordAttempt::parse("x".repeat(MAX_ATTEMPT_BYTES + 1)).is_err());
        // The character whose decomposition is longest.
        let widest = "\u{1d160}".repeat(MAX_PASSWORD_CHARS);
        assert!(widest.nfd().collect::<String>().len() <= MAX_ATTEMPT_BYTES);
    }

    #[test]
    fn secrets_are_not_printed() {
        let password = Password::parse("maple tiger 4".to_owned()).unwrap();
        assert_eq!(format!("{password:?}"), "Password(…)");
        let attempt = PasswordAttempt::parse("maple tiger 4".to_owned()).unwrap();
        assert_eq!(format!("{attempt:?}"), "PasswordAttempt(…)");
    }

    #[test]
    fn the_list_holds_only_what_the_rest_of_the_rule_lets_through() {
        assert!(COMMON_PASSWORDS.len() > 10_000);
        for common in COMMON_PASSWORDS.iter() {
            assert_eq!(refusal(common), Some(PasswordError::TooCommon), "{common}");
            assert_eq!(
                refusal(&common.to_uppercase()),
                Some(PasswordError::TooCommon),
                "{common}"
            );
        }
    }

    #[test]
    fn messages_are_stable() {
        for (error, message) in [
            (
                PasswordError::TooShort,
                "A password has at least 10 characters.",
            ),
            (
                PasswordError::TooLong,
                "A password has at most 128 characters.",
            ),
            (
                PasswordError::NeedsLetter,
                "A password has at least one letter.",
            ),
            (
                PasswordError::NeedsDigit,
                "A password has at least one digit.",
            ),
            (
                PasswordError::TooCommon,
                "This password is too common; choose another.",
            ),
        ] {
            assert_eq!(error.to_string(), message);
        }
    }
}

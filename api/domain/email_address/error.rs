//! Why a text is no address, in words that help whoever wrote it.

use super::characters::is_invisible;

/// Why a text is not an email address. The message helps whoever wrote the text and does not repeat
/// it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmailAddressError {
    /// Nothing was given but white space.
    #[error("An email address is needed.")]
    Missing,
    /// Something was given that mail cannot be sent to.
    #[error("{reason}")]
    Invalid {
        /// What is wrong, as a sentence.
        reason: &'static str,
    },
    /// It has a character that addresses do not have.
    #[error("{}", words_of_character("An email address", *character))]
    WrongCharacter {
        /// The first of them.
        character: char,
    },
    /// Its domain has a character that domains do not have.
    #[error("{}", words_of_character("The domain after the @", *character))]
    WrongInDomain {
        /// The first of them.
        character: char,
    },
}

impl EmailAddressError {
    /// What is wrong, where a domain was to be given and no address.
    pub fn of_domain(self) -> String {
        const EXPECTED: &str = "Expected a domain such as example.org.";
        match self {
            Self::Missing | Self::Invalid { .. } => EXPECTED.to_owned(),
            Self::WrongCharacter { character } | Self::WrongInDomain { character } => {
                format!("A domain has no {}. {EXPECTED}", named(character))
            }
        }
    }
}

pub(super) const fn invalid(reason: &'static str) -> EmailAddressError {
    EmailAddressError::Invalid { reason }
}

/// The message for a character that is invisible, or was lost.
pub(super) fn invisible_or_lost(text: &str) -> Option<&'static str> {
    if text.contains(char::REPLACEMENT_CHARACTER) {
        Some("The address has a character that was lost when its file was saved or read.")
    } else if text.contains(|c| is_invisible(c) || c.is_control()) {
        Some("The address has an invisible character inside; type it anew.")
    } else {
        None
    }
}

/// What is wrong with a character in a part of an address, and what was probably meant by it.
fn words_of_character(part: &str, character: char) -> String {
    let meant = match character {
        '’' | '‘' | '‛' | 'ʼ' | 'ʹ' | '´' | '′' => "'",
        '‐'..='―' | '−' | '⁃' | '﹣' | '﹘' => "-",
        '。' | '｡' | '․' | '۔' | '‧' | '·' | '・' => ".",
        '﹫' => "@",
        '∗' | '⁎' => "*",
        '⁄' | '∕' => "/",
        _ => {
            return format!(
                "{part} has no {}: leave it out, or type the address anew.",
                named(character)
            );
        }
    };
    format!(
        "{part} has no {}; “{meant}” was probably meant.",
        named(character)
    )
}

/// A character, with its number in Unicode where it may look like another.
fn named(character: char) -> String {
    if character.is_ascii() {
        return format!("“{character}”");
    }
    format!("U+{:04X} ({character})", u32::from(character))
}

//! Why a text is no address, in words that help whoever wrote it.

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
    #[error("{}", words_of_character(*character))]
    WrongCharacter {
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
            Self::WrongCharacter { character } => {
                format!("A domain has no {}. {EXPECTED}", named(character))
            }
        }
    }
}

pub(super) const fn invalid(reason: &'static str) -> EmailAddressError {
    EmailAddressError::Invalid { reason }
}

/// What is wrong with a character, and what was probably meant by it.
fn words_of_character(character: char) -> String {
    let meant = match character {
        '’' | '‘' | '‛' | 'ʼ' | 'ʹ' | '´' | '′' => "'",
        '‐'..='―' | '−' | '⁃' | '﹣' | '﹘' => "-",
        '。' | '｡' | '․' | '۔' | '‧' | '·' | '・' => ".",
        '﹫' => "@",
        '∗' | '⁎' => "*",
        '⁄' | '∕' => "/",
        _ => {
            return format!(
                "An email address has no {}: leave it out, or type the address anew.",
                named(character)
            );
        }
    };
    format!(
        "An email address has no {}; “{meant}” was probably meant.",
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

//! What a grant opens: content or an assignment of another system, by its type and its id there
//! (`docs/grants.md#resources`).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The most characters of a type and of an id.
pub const MAX_RESOURCE_TYPE: usize = 64;
pub const MAX_RESOURCE_ID: usize = 255;

/// A resource of another system.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Resource {
    pub resource_type: ResourceType,
    pub id: ResourceId,
}

/// What a resource is, in one word of the system that has it: `course`, `lti:assignment`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct ResourceType(String);

/// The id of a resource in the system that has it. Two ids are one where they are written alike, letter by letter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct ResourceId(String);

/// Why a text is no type or id of a resource. The message does not repeat the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResourceError {
    #[error("This must not be empty.")]
    Missing,
    #[error("This has at most {0} characters.")]
    TooLong(usize),
    #[error(
        "A type is a word of lower-case letters from a to z, digits, and `-`, `_`, `.` or `:` behind the first."
    )]
    OtherCharacters,
    /// Clients and proxies take both for a place in the path, and ask for something else.
    #[error("`.` and `..` are no ids: addresses of the web have another meaning for them.")]
    DotSegment,
    #[error("An id has no white space at its ends.")]
    PaddedId,
    /// U+FFFD stands where bytes of an address were no UTF-8.
    #[error("An id has no control characters, and is written in UTF-8.")]
    UnreadableId,
}

impl ResourceType {
    /// Takes back what this application has stored: it was parsed before it was written.
    pub const fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// Takes a text that is a type as it stands; nothing is trimmed or changed.
    ///
    /// # Errors
    /// Where it is none.
    pub fn parse(text: &str) -> Result<Self, ResourceError> {
        refuse_length(text, MAX_RESOURCE_TYPE)?;
        let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        if text.starts_with(is_word) && text.chars().all(|c| is_word(c) || "-_.:".contains(c)) {
            return Ok(Self(text.to_owned()));
        }
        Err(ResourceError::OtherCharacters)
    }

    /// The word itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ResourceId {
    /// Takes back what this application has stored: it was parsed before it was written.
    pub const fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// Takes a text that is an id as it stands; nothing is trimmed or changed.
    ///
    /// # Errors
    /// Where it is none.
    pub fn parse(text: &str) -> Result<Self, ResourceError> {
        refuse_length(text, MAX_RESOURCE_ID)?;
        if matches!(text, "." | "..") {
            return Err(ResourceError::DotSegment);
        }
        if text.trim() != text {
            return Err(ResourceError::PaddedId);
        }
        if text.contains(|c: char| c.is_control() || c == char::REPLACEMENT_CHARACTER) {
            return Err(ResourceError::UnreadableId);
        }
        Ok(Self(text.to_owned()))
    }

    /// The id itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn refuse_length(text: &str, most: usize) -> Result<(), ResourceError> {
    if text.is_empty() {
        return Err(ResourceError::Missing);
    }
    if text.chars().nth(most).is_some() {
        return Err(ResourceError::TooLong(most));
    }
    Ok(())
}

/// What both have that are texts parsed once.
macro_rules! parsed_text {
    ($($name:ident),+) => {$(
        impl FromStr for $name {
            type Err = ResourceError;

            fn from_str(text: &str) -> Result<Self, ResourceError> {
                Self::parse(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = ResourceError;

            fn try_from(text: String) -> Result<Self, ResourceError> {
                Self::parse(&text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}

parsed_text!(ResourceType, ResourceId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_a_word_in_lower_case() {
        for good in ["course", "7", "lti:resource_link", "x-1.2", &"t".repeat(64)] {
            assert_eq!(ResourceType::parse(good).unwrap().as_str(), good);
        }
        for (bad, why) in [
            ("", ResourceError::Missing),
            (&*"t".repeat(65), ResourceError::TooLong(64)),
            ("Course", ResourceError::OtherCharacters),
            ("straße", ResourceError::OtherCharacters),
            ("a b", ResourceError::OtherCharacters),
            ("a/b", ResourceError::OtherCharacters),
            ("..", ResourceError::OtherCharacters),
            ("-a", ResourceError::OtherCharacters),
            (" a", ResourceError::OtherCharacters),
        ] {
            assert_eq!(ResourceType::parse(bad), Err(why), "{bad:?}");
        }
    }

    #[test]
    fn an_id_is_whatever_another_system_writes() {
        for good in ["1", "a/b", "...", "Ä b", "%2F", "a+b", &"龙".repeat(255)] {
            assert_eq!(ResourceId::parse(good).unwrap().as_str(), good);
        }
        for (bad, why) in [
            ("", ResourceError::Missing),
            (&*"龙".repeat(256), ResourceError::TooLong(255)),
            (".", ResourceError::DotSegment),
            ("..", ResourceError::DotSegment),
            (" a", ResourceError::PaddedId),
            ("a\u{a0}", ResourceError::PaddedId),
            ("a\nb", ResourceError::UnreadableId),
            ("a\0b", ResourceError::UnreadableId),
            ("a\u{fffd}", ResourceError::UnreadableId),
        ] {
            assert_eq!(ResourceId::parse(bad), Err(why), "{bad:?}");
        }
    }
}

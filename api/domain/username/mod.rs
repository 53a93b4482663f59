//! The name that people see.

pub mod artifacts;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_segmentation::UnicodeSegmentation;

use super::email_address::EmailAddress;

/// The longest username, in characters as a reader counts them: grapheme clusters (`docs/accounts.md`).
const MAX_USERNAME_CHARS: usize = 100;

/// The most code points of a username: more than ten for each character nobody's name has.
const MAX_CODE_POINTS: usize = 1_000;

/// A person's name as everybody sees it: 1 to 100 characters of any script, in Unicode NFC, without
/// white space around it, and with one space in place of any within it. Names are not unique.
///
/// It is always one line that shows something and that stays in its place: it holds no control
/// characters and nothing that turns the direction of the text beside it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Username(String);

/// Why a text is not a username. The message does not repeat the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UsernameError {
    /// Nothing was given but white space.
    #[error("A username is needed.")]
    Missing,
    /// It has too many characters.
    #[error("A username has at most {MAX_USERNAME_CHARS} characters.")]
    TooLong,
    /// It has characters that a name cannot have, or none that show.
    #[error("{reason}")]
    Invalid {
        /// What is wrong, as a sentence.
        reason: &'static str,
    },
}

impl Username {
    /// Takes back what this application has stored: it was parsed before it was written.
    pub const fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The username that `text` spells, in one line ([`in_one_line`]).
    ///
    /// Joiners (U+200C, U+200D) and combining marks are letters' business in Persian, Hindi, emoji
    /// and more, so they stay.
    ///
    /// # Errors
    /// Where nothing is left after trimming, where it is longer than 100 characters, or where it
    /// has a control character, a bidirectional control, or nothing to see.
    pub fn parse(text: &str) -> Result<Self, UsernameError> {
        let name = in_one_line(text);
        if name.is_empty() {
            return Err(UsernameError::Missing);
        }
        if is_too_long(&name) {
            return Err(UsernameError::TooLong);
        }
        match fault(&name) {
            Some(reason) => Err(UsernameError::Invalid { reason }),
            None => Ok(Self(name)),
        }
    }

    /// A name for somebody of whom only the address is known: `jane.doe+7a@x.org` gives `Jane Doe`.
    pub fn of_address(address: &EmailAddress) -> Self {
        let local_part = address.local_part();
        let person = of_guest(local_part).unwrap_or(local_part);
        let person = person.split('+').next().unwrap_or_default();
        let words: Vec<_> = person
            .split(['.', '_'])
            .filter(|word| !word.is_empty())
            .map(capitalized)
            .collect();
        Self::parse(&words.join(" "))
            .or_else(|_| Self::parse(local_part))
            // A domain is ASCII: it can always be seen.
            .unwrap_or_else(|_| Self(address.domain().chars().take(MAX_USERNAME_CHARS).collect()))
    }

    /// The name as people see it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A name of somebody or something in one line, in Unicode NFC. White space around it comes off, and marks of
/// direction; runs of white space within it, line breaks among them, become one space.
pub fn in_one_line(text: &str) -> String {
    let words: Vec<&str> = trimmed(text).split_whitespace().collect();
    words.join(" ").nfc().collect()
}

/// A text without what spreadsheets and web pages leave around a name: white space of any width, and marks of
/// direction.
pub fn trimmed(text: &str) -> &str {
    text.trim_matches(is_padding)
}

/// Who a guest of a tenant of Entra is in the address that they were invited by: the tenant makes
/// `jane.doe_x.org#EXT#@…` of `jane.doe@x.org`.
fn of_guest(local_part: &str) -> Option<&str> {
    let mark = local_part.to_ascii_lowercase().find("#ext#")?;
    let (person, _domain) = local_part.get(..mark)?.rsplit_once('_')?;
    Some(person)
}

fn is_padding(c: char) -> bool {
    let is_mark = matches!(
        c,
        '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2060}' | '\u{feff}'
    );
    c.is_whitespace() || is_mark || is_bidi_control(c)
}

fn is_too_long(name: &str) -> bool {
    let mut code_points = name.chars();
    let mut characters = name.graphemes(true);
    code_points.nth(MAX_CODE_POINTS).is_some() || characters.nth(MAX_USERNAME_CHARS).is_some()
}

/// With a capital at the start, and behind each dash.
fn capitalized(word: &str) -> String {
    let parts: Vec<String> = word
        .split('-')
        .map(|part| {
            let mut characters = part.chars();
            let first = characters.next().map(char::to_uppercase);
            first.into_iter().flatten().chain(characters).collect()
        })
        .collect();
    parts.join("-")
}

fn fault(name: &str) -> Option<&'static str> {
    if name.contains(char::is_control) {
        Some("A username has no control characters.")
    } else if name.contains(is_bidi_control) {
        Some("A username has no invisible characters that turn the direction of text.")
    } else if name.contains(is_lost_letter) {
        Some(
            "A username has no \u{fffd} (U+FFFD): a program could not read a letter there. Write the letter again.",
        )
    } else if !name.contains(is_visible) {
        Some("A username has at least one character that can be seen.")
    } else {
        None
    }
}

/// Embeddings, overrides and isolates of the Unicode Bidirectional Algorithm (UAX #9, 2.1 to 2.5):
/// an open one garbles what stands beside the name. Right-to-left letters need none of them.
pub const fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// What programs write where they could not read a letter, and code points that never stand for one (Unicode, 23.7).
pub fn is_lost_letter(c: char) -> bool {
    c == char::REPLACEMENT_CHARACTER
        || matches!(c, '\u{fdd0}'..='\u{fdef}')
        || u32::from(c) & 0xfffe == 0xfffe
}

/// Whether a character shows something.
pub fn is_visible(c: char) -> bool {
    !c.is_whitespace() && !is_combining_mark(c) && !is_blank(c)
}

/// Characters that are neither white space nor marks and still show nothing: zero-width characters,
/// joiners, Hangul fillers, the empty Braille cell, tags.
const fn is_blank(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2060}'..='\u{206f}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for Username {
    type Err = UsernameError;

    fn from_str(text: &str) -> Result<Self, UsernameError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Username {
    type Error = UsernameError;

    fn try_from(text: String) -> Result<Self, UsernameError> {
        Self::parse(&text)
    }
}

#[cfg(test)]
mod tests;

//! Short ASCII names for addresses and links.

use std::fmt;
use std::str::FromStr;

use deunicode::deunicode_char;
use serde::{Deserialize, Serialize};

/// The longest slug, in bytes: a label of a domain name (RFC 1035, 2.3.4).
pub const MAX_SLUG_BYTES: usize = 63;

/// The longest slug that is made from a name, in bytes: there is room for a number behind it.
const MAX_SLUG_FROM_NAME_BYTES: usize = 40;

/// A name of 1 to 63 lower-case ASCII letters and digits, with single dashes inside. It can stand
/// as a label in a domain name, before the `@` of an email address and in a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Slug(String);

/// A text that is not a slug.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "A slug has 1 to {MAX_SLUG_BYTES} characters: lower-case letters from a to z, digits, and single dashes between them."
)]
pub struct SlugError;

/// What a name belongs to: the word that stands in where nothing of it can be written in ASCII.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlugFallback {
    /// `organization`.
    Organization,
    /// `person`.
    Person,
}

impl SlugFallback {
    const fn word(self) -> &'static str {
        match self {
            Self::Organization => "organization",
            Self::Person => "person",
        }
    }
}

impl Slug {
    /// Takes back what this application has stored: it was parsed before it was written.
    pub const fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// Takes a text that is a slug already; nothing is trimmed or changed.
    ///
    /// # Errors
    /// Where it is not one.
    pub fn parse(text: &str) -> Result<Self, SlugError> {
        let words_are_good = text
            .split('-')
            .all(|word| !word.is_empty() && word.bytes().all(is_slug_byte));
        if !words_are_good || text.len() > MAX_SLUG_BYTES {
            return Err(SlugError);
        }
        Ok(Self(text.to_owned()))
    }

    /// The slug of a name in any script, transliterated: `Müller & Söhne` gives `muller-sohne`.
    ///
    /// It has at most 40 bytes and is cut at the end of a word where that keeps half of them or
    /// more.
    pub fn from_name(name: &str, fallback: SlugFallback) -> Self {
        let mut slug = dashed(name);
        shorten(&mut slug);
        if slug.is_empty() {
            slug.push_str(fallback.word());
        }
        Self(slug)
    }

    /// The slug with a number behind it, for when it is taken: `jane-doe` gives `jane-doe-2`. Its
    /// end makes way for the number where both are longer than a slug may be.
    pub fn numbered(&self, number: u32) -> Self {
        let suffix = format!("-{number}");
        let mut slug = self.0.clone();
        slug.truncate(MAX_SLUG_BYTES.saturating_sub(suffix.len()));
        trim_dash(&mut slug);
        slug.push_str(&suffix);
        Self(slug)
    }

    /// The slug as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

const fn is_slug_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

/// The letters and digits of a name in ASCII, with one dash for whatever stands between them. It
/// stops once there is more than a slug may keep.
fn dashed(name: &str) -> String {
    let mut slug = String::new();
    for c in name.chars().flat_map(transliterated) {
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !is_apostrophe(c) && !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        if slug.len() > MAX_SLUG_FROM_NAME_BYTES + 1 {
            break;
        }
    }
    trim_dash(&mut slug);
    slug
}

/// An unknown character parts words, as punctuation does.
fn transliterated(c: char) -> std::str::Chars<'static> {
    deunicode_char(c).unwrap_or(" ").chars()
}

/// `O'Brien` is one word, and transliterations write soft signs and glottal stops so.
const fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '`' | '"')
}

fn shorten(slug: &mut String) {
    if slug.len() <= MAX_SLUG_FROM_NAME_BYTES {
        return;
    }
    let word_end = slug
        .get(..=MAX_SLUG_FROM_NAME_BYTES)
        .and_then(|start| start.rfind('-'))
        .filter(|&end| end >= MAX_SLUG_FROM_NAME_BYTES / 2);
    slug.truncate(word_end.unwrap_or(MAX_SLUG_FROM_NAME_BYTES));
    trim_dash(slug);
}

fn trim_dash(slug: &mut String) {
    if slug.ends_with('-') {
        slug.pop();
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for Slug {
    type Err = SlugError;

    fn from_str(text: &str) -> Result<Self, SlugError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Slug {
    type Error = SlugError;

    fn try_from(text: String) -> Result<Self, SlugError> {
        Self::parse(&text)
    }
}

#[cfg(test)]
mod tests;

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
mod tests {
    use unicode_normalization::UnicodeNormalization;

    use super::*;

    fn slug(name: &str) -> String {
        Slug::from_name(name, SlugFallback::Person).0
    }

    #[test]
    fn names_of_any_script_have_slugs() {
        for (name, expected) in [
            ("Jane Doe", "jane-doe"),
            ("  Jane   Q.  DOE ", "jane-q-doe"),
            ("Müller & Söhne", "muller-sohne"),
            ("Jürgen Groß", "jurgen-gross"),
            ("Yrjö-Åke Ääkkönen", "yrjo-ake-aakkonen"),
            ("Nguyễn Thị Đào", "nguyen-thi-dao"),
            ("İpek Işık", "ipek-isik"),
            ("Łukasz Żółć", "lukasz-zolc"),
            ("李明", "li-ming"),
            ("Class 🚀", "class-rocket"),
            ("Γιώργος", "giorgos"),
            ("Наталья", "natalia"),
            ("محمد", "mhmd"),
            ("דוד", "dvd"),
            ("한국 학교", "hangug-haggyo"),
            ("O'Brien", "obrien"),
            ("O’Brien", "obrien"),
            ("7.A (2026/27)", "7-a-2026-27"),
            ("a_b", "a-b"),
            ("-- x --", "x"),
        ] {
            assert_eq!(slug(name), expected, "{name}");
        }
    }

    #[test]
    fn unicode_forms_of_a_name_have_one_slug() {
        for name in ["Müller", "Nguyễn Thị Ánh", "Ääkkönen", "Żółć"] {
            assert_eq!(slug(&name.nfd().collect::<String>()), slug(name));
        }
    }

    #[test]
    fn a_word_stands_in_for_a_name_without_letters() {
        for name in [
            "", "  ", "?!…", "---", "'", "\u{200d}", "\u{301}", "\u{e000}",
        ] {
            let organization = Slug::from_name(name, SlugFallback::Organization);
            assert_eq!(organization.as_str(), "organization", "{name:?}");
            assert_eq!(slug(name), "person", "{name:?}");
        }
    }

    #[test]
    fn long_names_are_cut_at_the_end_of_a_word() {
        for (name, expected) in [
            (
                "Gymnasium am Münsterplatz der Stadt Freiburg im Breisgau",
                "gymnasium-am-munsterplatz-der-stadt",
            ),
            (
                "aaaaaaaaa bbbbbbbbb ccccccccc ddddddddd1 e",
                "aaaaaaaaa-bbbbbbbbb-ccccccccc-ddddddddd1",
            ),
            (
                "a Donaudampfschifffahrtsgesellschaftskapitänspatent",
                "a-donaudampfschifffahrtsgesellschaftskap",
            ),
        ] {
            assert_eq!(slug(name), expected);
        }
        assert_eq!(slug(&"x".repeat(500)).len(), MAX_SLUG_FROM_NAME_BYTES);
    }

    #[test]
    fn a_slug_of_every_character_is_a_slug_and_its_own_slug() {
        for c in '\0'..='\u{1ffff}' {
            for name in [
                format!("{c}"),
                format!("A{c}b{c}"),
                format!("{c} ").repeat(30),
            ] {
                let slug = Slug::from_name(&name, SlugFallback::Organization);
                assert_eq!(Slug::parse(slug.as_str()), Ok(slug.clone()), "{name:?}");
                let again = Slug::from_name(slug.as_str(), SlugFallback::Person);
                assert_eq!(again, slug, "{name:?}");
            }
        }
    }

    #[test]
    fn numbers_fit_behind() {
        let slug = Slug::parse("jane-doe").unwrap();
        assert_eq!(slug.numbered(2).as_str(), "jane-doe-2");
        let longest = Slug::parse(&"x".repeat(MAX_SLUG_BYTES)).unwrap();
        assert_eq!(
            longest.numbered(10).as_str(),
            format!("{}-10", "x".repeat(60))
        );
        let dash_at_the_cut = Slug::parse(&format!("{}-x", "x".repeat(60))).unwrap();
        assert_eq!(
            dash_at_the_cut.numbered(2).as_str(),
            format!("{}-2", "x".repeat(60))
        );
        assert!(Slug::parse(longest.numbered(u32::MAX).as_str()).is_ok());
    }

    #[test]
    fn only_slugs_parse() {
        for text in ["a", "7", "jane-doe", "a-b-c-2", &"x".repeat(63)] {
            assert_eq!(text.parse::<Slug>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "-",
            "-a",
            "a-",
            "a--b",
            "xn--a",
            "A",
            "a b",
            " a",
            "ä",
            "a_b",
            "a.b",
            "a\n",
            &"x".repeat(64),
        ] {
            assert_eq!(Slug::parse(text), Err(SlugError), "{text:?}");
        }
    }
}

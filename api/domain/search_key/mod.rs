//! How names and addresses are folded so that people find them as they type them.

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;

use super::email_address::EmailAddress;
use super::username::Username;

/// The longest folded name or address, in bytes. It holds the longest of nearly any script, and both
/// together fit into an index entry of PostgreSQL (about 2,700 bytes).
const MAX_KEY_BYTES: usize = 500;

/// Folds a name for searching and sorting: compatibility forms, case, accents, apostrophes, hyphens and
/// runs of white space make no difference.
///
/// Folding a key gives the same key.
pub fn search_key(name: &str) -> String {
    without_hyphens(&folded(name))
}

/// Folds an address for searching, in each spelling of its domain. The canonical address is always the
/// end of the key.
pub fn address_key(email: &EmailAddress) -> String {
    let (domain, _) = idna::domain_to_unicode(email.domain());
    let shown = search_key(&format!("{}@{domain}", email.local_part()));
    if shown == email.as_str() {
        return shown;
    }
    format!("{shown}\n{email}")
}

/// Folds a member's name and address into one key, a line each: it is searched for words and sorted by,
/// so that people of the same name stand in the order of their addresses.
pub fn member_key(username: &Username, email: &EmailAddress) -> String {
    format!("{}\n{}", search_key(username.as_str()), address_key(email))
}

/// What is searched for: words that are each any part of a key, in any order.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct SearchWords(BTreeSet<String>);

impl SearchWords {
    /// The words of a text, folded as keys are; `None` where nothing in it counts.
    pub fn parse(text: &str) -> Option<Self> {
        let text = folded(text);
        let words = text
            .split(' ')
            .map(|word| word.trim_matches(['<', '>', ',', ';']));
        let words = words.flat_map(|word| match word.rsplit_once('@') {
            Some((local_part, domain)) => vec![part_of_address(local_part, domain)],
            None => word.split('-').map(str::to_owned).collect(),
        });
        let words: BTreeSet<String> = words.filter(|word| !word.is_empty()).collect();
        (!words.is_empty()).then_some(Self(words))
    }

    /// The words, each once.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// For each word, a pattern for SQL's `LIKE … ESCAPE '\'` that matches the keys that contain it.
    pub fn patterns(&self) -> impl Iterator<Item = String> {
        self.iter().map(like_pattern)
    }
}

/// A part of an address with its `@`, as [`address_key`] shows it: `@xn--bcher-kva.example` is
/// `@bucher.example`.
fn part_of_address(local_part: &str, domain: &str) -> String {
    let (domain, _) = idna::domain_to_unicode(domain);
    search_key(&format!("{local_part}@{domain}"))
}

/// A text folded, with its hyphens: words with a single space between them.
fn folded(text: &str) -> String {
    // Lower case first, then decomposed: `İ` becomes an `i` with a dot, and the dot an accent.
    let base: String = text
        .chars()
        .filter(|&c| !is_apostrophe(c))
        .nfkd()
        .flat_map(char::to_lowercase)
        .nfkd()
        .filter(|&c| !is_accent(c) && !is_invisible(c) && !is_apostrophe(c))
        .collect();
    let mut key = String::with_capacity(base.len());
    for word in base.split_whitespace() {
        if !key.is_empty() {
            key.push(' ');
        }
        word.chars().for_each(|c| push_base_letter(c, &mut key));
    }
    // Composed, a syllable of Korean is one letter and not three.
    key.nfc().collect()
}

fn without_hyphens(folded: &str) -> String {
    let mut key = String::with_capacity(folded.len());
    for word in folded.replace('-', "").split_whitespace() {
        if !key.is_empty() {
            key.push(' ');
        }
        key.push_str(word);
    }
    bound(&mut key);
    key
}

/// A name as it is compared with others that must differ from it: case does not matter, accents do.
pub fn name_key(name: &str) -> String {
    name.nfc()
        .collect::<String>()
        .to_lowercase()
        .nfc()
        .collect()
}

/// A pattern for SQL's `LIKE … ESCAPE '\'` that matches whatever contains `fragment`, taken
/// literally.
fn like_pattern(fragment: &str) -> String {
    format!("%{}%", escape_like(fragment))
}

/// A text that SQL's `LIKE … ESCAPE '\'` takes literally.
pub fn escape_like(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 2);
    for c in text.chars() {
        if matches!(c, '\\' | '%' | '_') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// Marks that change how a letter sounds or is stressed, in Latin, Greek, Cyrillic, Hebrew, Arabic
/// and more. Vowel signs, nuktas, the voicing of kana and viramas (classes 0, 7, 8, 9 of the
/// Unicode Character Database) are not accents: without them another word is left.
fn is_accent(c: char) -> bool {
    !matches!(canonical_combining_class(c), 0 | 7 | 8 | 9)
}

/// Characters that come along when text is copied, joiners and variation selectors: nobody types
/// them into a search box.
const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
    )
}

/// Apostrophes, and what people type or paste in their place.
const fn is_apostrophe(c: char) -> bool {
    matches!(
        c,
        '\'' | '`'
            | '\u{b4}'
            | '\u{2b9}'..='\u{2bd}'
            | '\u{2c8}'
            | '\u{2ca}'
            | '\u{2cb}'
            | '\u{384}'
            | '\u{55a}'
            | '\u{5f3}'
            | '\u{1fbd}'
            | '\u{1fbf}'
            | '\u{1fef}'
            | '\u{1ffd}'
            | '\u{1ffe}'
            | '\u{2018}'..='\u{201b}'
            | '\u{2032}'
            | '\u{2035}'
            | '\u{a78b}'
            | '\u{a78c}'
            | '\u{ff07}'
            | '\u{ff40}'
    )
}

/// Hyphens, dashes and signs that look like one.
const fn is_hyphen(c: char) -> bool {
    matches!(
        c,
        '-' | '\u{58a}' | '\u{5be}' | '\u{1400}' | '\u{1806}' | '\u{2010}'
            ..='\u{2015}'
                | '\u{2043}'
                | '\u{2212}'
                | '\u{2e17}'
                | '\u{2e3a}'
                | '\u{2e3b}'
                | '\u{fe58}'
                | '\u{fe63}'
                | '\u{ff0d}'
    )
}

/// Letters that people write with an accent or a ligature and that Unicode takes for letters of
/// their own; hyphens and full stops in all their shapes.
fn push_base_letter(c: char, key: &mut String) {
    let base = match c {
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'þ' => "th",
        'ø' => "o",
        'đ' | 'ð' => "d",
        'ħ' => "h",
        'ı' => "i",
        'ł' => "l",
        'ŧ' => "t",
        'ς' => "σ",
        '\u{3002}' => ".",
        c if is_hyphen(c) => "-",
        _ => return key.push(c),
    };
    key.push_str(base);
}

fn bound(key: &mut String) {
    let mut end = key.len().min(MAX_KEY_BYTES);
    while !key.is_char_boundary(end) {
        end -= 1;
    }
    key.truncate(end);
    key.truncate(key.trim_end().len());
}

#[cfg(test)]
mod tests;

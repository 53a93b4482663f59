//! Which encoding bytes are in.
//!
//! A byte-order mark tells it, and so does what is valid UTF-8. UTF-16 shows by its zero bytes (`unicode`). Of the
//! encodings with a byte for each character, any could be it: the one whose text is by far the most
//! plausible is taken. Where none is, whoever sent the file has to say, so that nobody's name becomes
//! gibberish.

use std::collections::HashSet;

use super::code_pages::{UpperHalf, character, is_undefined};
use super::encoding::Encoding;
use super::letters::{further_languages, is_letter, lower};
use super::plausibility::weigh;
use super::region::{Region, Script};
use super::unsupported_scripts::{Doubt, doubt};

/// How many different words are weighed.
const MAX_WORDS: usize = 4_000;

/// By how much a text has to be more plausible than any other.
const MARGIN: f64 = 2.0;

/// How much less plausible it is that one more language is needed for the letters.
const LANGUAGE: f64 = 2.0;

/// How much less plausible an encoding is than the one before it in `Encoding::SINGLE_BYTE`, which people use more
/// often: it decides between readings that are alike, and outweighs no letter.
const RARER: f64 = 0.15;

/// What the characters beyond ASCII of a word have to weigh each, on the average: as a letter between neighbours
/// of known kinds that it was never seen beside.
const FLOOR_OF_WORD: f64 = -3.2;

/// The same for a text as a whole, in Latin letters: most of a name is ASCII, and any of a hundred others may
/// stand in it, of which a list of names shows few places.
const FLOOR_OF_LATIN: f64 = -2.6;

/// The same in other scripts: every letter counts, and the list has seen each in most of its places.
const FLOOR_OF_OTHER_SCRIPTS: f64 = -1.6;

/// The same where the text may be of a script that is not read.
const FLOOR_IN_DOUBT: f64 = -0.4;
const FLOOR_IN_GREAT_DOUBT: f64 = -0.1;

/// How many characters beyond ASCII it takes then: of two or three, any may be somebody's name.
const EVIDENCE_IN_DOUBT: u32 = 4;

/// Of how many words one may be implausible: foreign names and slips are in every list.
const ONE_IMPLAUSIBLE_OF: usize = 10;

/// Whether bytes, of which the last sequence may be cut off, look like UTF-8.
///
/// Text in an encoding with a byte for each character holds next to no sequence that is valid in UTF-8.
/// So the more frequent kind wins; damaged UTF-8 stays UTF-8, to be refused instead of read as gibberish.
pub(super) fn looks_like_utf8(bytes: &[u8]) -> bool {
    let (mut valid, mut invalid) = (0_usize, 0_usize);
    for chunk in bytes.utf8_chunks() {
        let characters = chunk.valid().chars();
        valid += characters.filter(|character| !character.is_ascii()).count();
        invalid += usize::from(!chunk.invalid().is_empty());
    }
    valid >= invalid
}

/// Tells which encoding with a byte for each character the bytes are in.
///
/// # Errors
///
/// The encodings that it may be, the most plausible first, where that cannot be told.
pub(super) fn single_byte(bytes: &[u8]) -> Result<Encoding, Vec<Encoding>> {
    let words = words(bytes);
    let readings = Encoding::SINGLE_BYTE.into_iter().zip(0_u8..);
    let mut readings: Vec<Reading> = readings
        .filter_map(|(encoding, order)| Reading::of(&words, encoding, order))
        .collect();
    readings.sort_by(|one, other| other.weight.total_cmp(&one.weight));
    // Of encodings that give the same text, one is enough.
    let mut texts = HashSet::new();
    readings.retain(|reading| texts.insert(reading.text.clone()));
    let doubt = doubt(bytes);
    match readings.as_slice() {
        [best, others @ ..] if best.is_plausible_despite(doubt) && best.leads(others) => {
            Ok(best.encoding)
        }
        _ => Err(readings.iter().map(|reading| reading.encoding).collect()),
    }
}

/// The words with bytes beyond ASCII, each once.
fn words(bytes: &[u8]) -> Vec<&[u8]> {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || !byte.is_ascii();
    let all = bytes
        .split(|byte| !is_part(byte))
        .filter(|word| !word.is_ascii());
    let mut seen = HashSet::new();
    all.filter(|word| seen.insert(*word))
        .take(MAX_WORDS)
        .collect()
}

/// The words in one encoding.
struct Reading {
    encoding: Encoding,
    text: String,
    weight: f64,
    /// The number of characters beyond ASCII, and their weight on the average.
    upper: u32,
    average: f64,
    is_plausible: bool,
}

impl Reading {
    /// None where a byte stands for nothing in this encoding.
    fn of(words: &[&[u8]], encoding: Encoding, order: u8) -> Option<Self> {
        let table = encoding.upper_half()?;
        let region = Region::of(encoding);
        let (mut text, mut letters) = (String::new(), HashSet::new());
        let (mut weight, mut upper, mut implausible) = (0.0, 0_u32, 0_usize);
        for word in words {
            let word = decoded(word, table)?;
            let beyond_ascii = word.iter().filter(|c| !c.is_ascii());
            letters.extend(
                beyond_ascii
                    .clone()
                    .filter(|c| is_letter(**c))
                    .map(|c| lower(*c)),
            );
            let count = u32::try_from(beyond_ascii.count()).unwrap_or(u32::MAX);
            let of_word = weigh(&word, region);
            weight += of_word.sum;
            upper += count;
            let is_implausible =
                of_word.has_implausible || of_word.sum < FLOOR_OF_WORD * f64::from(count);
            implausible += usize::from(is_implausible);
            text.extend(word.iter().chain([&' ']));
        }
        let is_of_script = region.script() == Script::Latin || !letters.is_empty();
        let further = further_languages(&letters, region) + usize::from(!is_of_script);
        weight -= LANGUAGE * f64::from(u8::try_from(further).unwrap_or(u8::MAX));
        let floor = if region.script() == Script::Latin {
            FLOOR_OF_LATIN
        } else {
            FLOOR_OF_OTHER_SCRIPTS
        };
        Some(Self {
            encoding,
            text,
            upper,
            average: weight / f64::from(upper.max(1)),
            is_plausible: are_few(implausible, words.len()) && weight >= floor * f64::from(upper),
            weight: weight - RARER * f64::from(order),
        })
    }

    /// Whether it is plausible, though the text may be of another script.
    fn is_plausible_despite(&self, doubt: Doubt) -> bool {
        let floor = match doubt {
            Doubt::Absent => return self.is_plausible,
            Doubt::Possible => FLOOR_IN_DOUBT,
            Doubt::Strong => FLOOR_IN_GREAT_DOUBT,
        };
        self.is_plausible && self.average >= floor && self.upper >= EVIDENCE_IN_DOUBT
    }

    fn leads(&self, others: &[Self]) -> bool {
        others
            .first()
            .is_none_or(|second| self.weight - second.weight >= MARGIN)
    }
}

/// Whether so many implausible words are to be expected among all; a part of one is rounded.
const fn are_few(implausible: usize, words: usize) -> bool {
    implausible * ONE_IMPLAUSIBLE_OF <= words + ONE_IMPLAUSIBLE_OF / 2
}

fn decoded(word: &[u8], table: &UpperHalf) -> Option<Vec<char>> {
    let characters = word.iter().map(|byte| character(*byte, table));
    characters
        .map(|character| (!is_undefined(character)).then_some(character))
        .collect()
}

#[cfg(test)]
mod tests;

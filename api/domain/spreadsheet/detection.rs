//! Which encoding bytes are in.
//!
//! A byte-order mark tells it, and so does what is valid UTF-8. UTF-16 shows by its zero bytes. Of the
//! encodings with a byte for each character, any could be it: the one whose text is by far the most
//! plausible is taken. Where none is, whoever sent the file has to say, so that nobody's name becomes
//! gibberish.

use std::collections::{HashMap, HashSet};

use super::encoding::{Encoding, UpperHalf, character, is_undefined};
use super::plausibility::{Script, is_letter, languages_needed, lower, weigh};
use super::refusal::FileRefused;
use super::wording::SAVE_ANEW;

/// How many different words are weighed.
const MAX_WORDS: usize = 4_000;

/// By how much a text has to be more plausible than any other.
const MARGIN: f64 = 2.0;

/// How much less plausible it is that one more language is needed for the letters.
const LANGUAGE: f64 = 2.0;

/// What the first bytes of a file tell about its encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// The encoding.
    pub(super) encoding: Encoding,
    /// The length of the byte-order mark.
    pub(super) length: usize,
}

impl Mark {
    /// Looks for a byte-order mark.
    ///
    /// # Errors
    ///
    /// Refuses UTF-32, which no spreadsheet program writes unasked.
    pub(super) fn of(start: &[u8]) -> Result<Option<Self>, FileRefused> {
        let (encoding, length) = match start {
            [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => return Err(utf32()),
            [0xef, 0xbb, 0xbf, ..] => (Encoding::Utf8Bom, 3),
            [0xff, 0xfe, ..] => (Encoding::Utf16Le, 2),
            [0xfe, 0xff, ..] => (Encoding::Utf16Be, 2),
            _ => return Ok(None),
        };
        Ok(Some(Self { encoding, length }))
    }
}

fn utf32() -> FileRefused {
    FileRefused::unreadable(format!(
        "This file is in the encoding UTF-32, which is not supported. {SAVE_ANEW}"
    ))
}

/// Recognises UTF-16 without a mark: by the zero byte that every Latin letter has in it, or by bytes that no
/// text has in another encoding and characters of few blocks of Unicode.
pub(super) fn unmarked_utf16(start: &[u8]) -> Option<Encoding> {
    const LOOKED_AT: usize = 4_096;
    let start = start.get(..LOOKED_AT).unwrap_or(start);
    if !start.iter().any(|byte| is_control(*byte)) {
        return None;
    }
    by_zero_bytes(start).or_else(|| {
        let both = [Encoding::Utf16Le, Encoding::Utf16Be].into_iter();
        let share = |encoding| Some((share_of_two_blocks(start, encoding)?, encoding));
        let (share, encoding) = both.filter_map(share).max_by_key(|(share, _)| *share)?;
        (share >= 80).then_some(encoding)
    })
}

fn by_zero_bytes(start: &[u8]) -> Option<Encoding> {
    let (mut units, mut little, mut big) = (0_usize, 0_usize, 0_usize);
    for unit in start.chunks_exact(2) {
        units += 1;
        match unit {
            [0, 0] => {}
            [_, 0] => little += 1,
            [0, _] => big += 1,
            _ => {}
        }
    }
    if little > units / 2 {
        Some(Encoding::Utf16Le)
    } else if big > units / 2 {
        Some(Encoding::Utf16Be)
    } else {
        None
    }
}

/// How many of a hundred characters are in the two blocks that have the most; none where the bytes are no
/// text.
fn share_of_two_blocks(start: &[u8], encoding: Encoding) -> Option<usize> {
    let text = encoding.decode(start.get(..start.len() & !1).unwrap_or_default());
    if text.is_empty() || text.contains(is_no_text) {
        return None;
    }
    let mut blocks: HashMap<u32, usize> = HashMap::new();
    for character in text.chars() {
        *blocks.entry(u32::from(character) >> 8).or_default() += 1;
    }
    let mut counts: Vec<usize> = blocks.into_values().collect();
    counts.sort_unstable();
    let most: usize = counts.iter().rev().take(2).sum();
    Some(most * 100 / counts.iter().sum::<usize>().max(1))
}

/// A control character that nobody writes into a table.
fn is_control(byte: u8) -> bool {
    matches!(byte, 0..=8 | 0x0e..=0x19 | 0x1c..=0x1f)
}

fn is_no_text(character: char) -> bool {
    let is_control = u8::try_from(character).is_ok_and(is_control);
    is_control
        || is_undefined(character)
        || matches!(character, '\u{e000}'..='\u{f8ff}' | '\u{fff0}'..)
}

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
    match readings.as_slice() {
        [best, others @ ..] if best.is_plausible && best.leads(others) => Ok(best.encoding),
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
    is_plausible: bool,
}

impl Reading {
    /// None where a byte stands for nothing in this encoding.
    fn of(words: &[&[u8]], encoding: Encoding, order: u8) -> Option<Self> {
        let table = encoding.upper_half()?;
        let script = script(encoding);
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
            let of_word = weigh(&word, script);
            weight += of_word.sum;
            upper += count;
            let is_implausible = of_word.has_implausible || of_word.sum < -3.2 * f64::from(count);
            implausible += usize::from(is_implausible);
            text.extend(word.iter().chain([&' ']));
        }
        weight -= LANGUAGE * f64::from(languages_needed(&letters).saturating_sub(1));
        let floor = if script == Script::Latin { -2.6 } else { -1.6 };
        Some(Self {
            encoding,
            text,
            is_plausible: implausible * 10 <= words.len() + 5 && weight >= floor * f64::from(upper),
            // Which of them people use more often.
            weight: weight - 0.15 * f64::from(order),
        })
    }

    fn leads(&self, others: &[Self]) -> bool {
        others
            .first()
            .is_none_or(|second| self.weight - second.weight >= MARGIN)
    }
}

fn decoded(word: &[u8], table: &UpperHalf) -> Option<Vec<char>> {
    let characters = word.iter().map(|byte| character(*byte, table));
    characters
        .map(|character| (!is_undefined(character)).then_some(character))
        .collect()
}

fn script(encoding: Encoding) -> Script {
    match encoding {
        Encoding::Windows1251 => Script::Cyrillic,
        Encoding::Windows1253 => Script::Greek,
        Encoding::Utf8
        | Encoding::Utf8Bom
        | Encoding::Utf16Le
        | Encoding::Utf16Be
        | Encoding::Windows1250
        | Encoding::Windows1252
        | Encoding::Windows1254
        | Encoding::MacRoman
        | Encoding::Cp850
        | Encoding::Cp437 => Script::Latin,
    }
}

#[cfg(test)]
mod tests {
    use super::super::plausibility::words_of;
    use super::*;

    fn bytes(text: &str, encoding: Encoding) -> Option<Vec<u8>> {
        let table = encoding.upper_half()?;
        let byte = |c: char| match c.is_ascii() {
            true => u8::try_from(c).ok(),
            false => (0x80..=0xff).find(|byte| character(*byte, table) == c),
        };
        text.chars().map(byte).collect()
    }

    fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(unit).collect()
    }

    #[test]
    fn a_byte_order_mark_tells_the_encoding() {
        for (start, encoding, length) in [
            (&b"\xef\xbb\xbfemail"[..], Encoding::Utf8Bom, 3),
            (b"\xff\xfee\0", Encoding::Utf16Le, 2),
            (b"\xfe\xff\0e", Encoding::Utf16Be, 2),
        ] {
            assert_eq!(Mark::of(start), Ok(Some(Mark { encoding, length })));
        }
        assert_eq!(Mark::of(b"email"), Ok(None));
        for start in [b"\xff\xfe\0\0e\0\0\0", b"\0\0\xfe\xff\0\0\0e"] {
            assert!(Mark::of(start).unwrap_err().detail.contains("UTF-32"));
        }
    }

    #[test]
    fn utf16_shows_without_a_mark() {
        for text in [
            "email,Имя\n",
            "Мира\r\nИван",
            "Mira Holt\r\n",
            "Γιώργος",
            "יוסי כהן",
        ] {
            let found = unmarked_utf16(&utf16(text, u16::to_le_bytes));
            assert_eq!(found, Some(Encoding::Utf16Le), "{text}");
            let found = unmarked_utf16(&utf16(text, u16::to_be_bytes));
            assert_eq!(found, Some(Encoding::Utf16Be), "{text}");
        }
        for text in [
            "email,name",
            "a",
            "",
            "email,name\na@x.org,A\0da\n",
            "\0\0\0\0",
        ] {
            assert_eq!(unmarked_utf16(text.as_bytes()), None, "{text:?}");
        }
        let long = format!("{}\0", "a@x.org,Ada Lovelace\n".repeat(200));
        assert_eq!(unmarked_utf16(long.as_bytes()), None);
    }

    #[test]
    fn the_more_frequent_kind_of_sequence_is_utf8() {
        assert!(looks_like_utf8("Zoë Ångström".as_bytes()));
        assert!(looks_like_utf8(b"Zo\xc3\xab and \xc3"));
        assert!(looks_like_utf8(b"\xc3\xab \xc3\xab \xff"));
        assert!(!looks_like_utf8(b"Zo\xeb"));
        assert!(!looks_like_utf8(b"\xc5ngstr\xf6m, Men\xdc\x96"));
    }

    /// The encodings in which programs write a language.
    fn home(language: &str) -> &'static [Encoding] {
        match language {
            "pl" | "cs" | "sk" | "hu" | "ro" | "hr" => &[Encoding::Windows1250],
            "tr" => &[Encoding::Windows1254],
            "ru" | "uk" | "bg" | "sr" => &[Encoding::Windows1251],
            "el" => &[Encoding::Windows1253],
            "de" => &Encoding::SINGLE_BYTE,
            _ => &[
                Encoding::Windows1252,
                Encoding::MacRoman,
                Encoding::Cp850,
                Encoding::Cp437,
            ],
        }
    }

    #[test]
    fn lists_of_every_language_are_told_apart() {
        let (mut told, mut all) = (0, 0);
        for (language, words) in words_of() {
            for encoding in home(language) {
                for words in words.chunks(5) {
                    let text = words.join(", ");
                    let Some(bytes) = bytes(&text, *encoding) else {
                        continue;
                    };
                    if bytes.is_ascii() {
                        continue;
                    }
                    all += 1;
                    if let Ok(found) = single_byte(&bytes) {
                        assert_eq!(
                            found.decode(&bytes),
                            text,
                            "{language} {encoding:?} {found:?}"
                        );
                        told += 1;
                    }
                }
            }
        }
        assert!(all > 1_000 && told * 100 > all * 97, "{told} of {all}");
    }

    #[test]
    fn names_that_nobody_has_listed_are_told_apart() {
        for (text, encoding) in [
            ("Zoë Ångström, Œuvre ÿ, 5 €", Encoding::Windows1252),
            ("JOSÉ NÚÑEZ", Encoding::Windows1252),
            ("Pat O’Brien", Encoding::Windows1252),
            ("Übelhör, Jäckle, Rößner", Encoding::Windows1252),
            ("Bjørk Håvardsen, Sæbjørn", Encoding::Windows1252),
            ("Škvorecký, Bočková, Řepka", Encoding::Windows1250),
            ("Gąsiorek, Wyżykowski, Święcki", Encoding::Windows1250),
            ("Özdoğru, Işıkhan, Şentürk", Encoding::Windows1254),
            ("Прохор Шаляпин", Encoding::Windows1251),
            ("Галушко Їжакевич", Encoding::Windows1251),
            ("Σωκράτης Βενιζέλος", Encoding::Windows1253),
            ("José Núñez, Zoé Brûlé", Encoding::MacRoman),
            ("Jürgen Größer, Übelhör", Encoding::MacRoman),
            ("Jürgen Größer, Übelhör", Encoding::Cp850),
            ("Måns Sjöö, Göte Åhléns", Encoding::Cp437),
        ] {
            let bytes = bytes(text, encoding).unwrap();
            let found = single_byte(&bytes).unwrap_or_else(|others| panic!("{text}: {others:?}"));
            assert_eq!(found.decode(&bytes), text, "{found:?}");
        }
    }

    #[test]
    fn what_is_in_other_encodings_is_unclear() {
        use encoding_rs::{BIG5, EUC_KR, GBK, IBM866, ISO_8859_5, KOI8_R, SHIFT_JIS, WINDOWS_1255};
        for (encoding, text) in [
            (KOI8_R, "Иван Петров, Ольга Смирнова"),
            (IBM866, "Иван Петров, Ольга Смирнова"),
            (ISO_8859_5, "Иван Петров, Ольга Смирнова"),
            (encoding_rs::X_MAC_CYRILLIC, "Иван Петров, Ольга Смирнова"),
            (encoding_rs::ISO_8859_2, "Šárka Nováková, Tomáš Žák"),
            (
                encoding_rs::WINDOWS_1257,
                "Jānis Bērziņš, Kārlis Ozoliņš, Šarūnas",
            ),
            (encoding_rs::WINDOWS_1256, "محمد أحمد, فاطمة علي"),
            (encoding_rs::WINDOWS_874, "สมชาย ใจดี"),
            (WINDOWS_1255, "משה כהן, דוד לוי, שרה אברהם"),
            (SHIFT_JIS, "山田太郎, 鈴木花子"),
            (GBK, "李明, 王小红, 张伟"),
            (BIG5, "陳大文, 黃小明"),
            (EUC_KR, "김철수, 이영희"),
        ] {
            let (bytes, _, failed) = encoding.encode(text);
            assert!(!failed, "{text}");
            let found = single_byte(&bytes).map(|found| found.decode(&bytes));
            assert!(found.is_err(), "{}: {found:?}", encoding.name());
        }
    }
}

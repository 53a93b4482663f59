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

/// How many different words are weighed.
const MAX_WORDS: usize = 4_000;

/// By how much a text has to be more plausible than any other.
const MARGIN: f64 = 2.0;

/// How much less plausible it is that one more language is needed for the letters.
const LANGUAGE: f64 = 2.0;

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
            let is_implausible = of_word.has_implausible || of_word.sum < -3.2 * f64::from(count);
            implausible += usize::from(is_implausible);
            text.extend(word.iter().chain([&' ']));
        }
        let is_of_script = region.script() == Script::Latin || !letters.is_empty();
        let further = further_languages(&letters, region) + usize::from(!is_of_script);
        weight -= LANGUAGE * f64::from(u8::try_from(further).unwrap_or(u8::MAX));
        let floor = if region.script() == Script::Latin {
            -2.6
        } else {
            -1.6
        };
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

#[cfg(test)]
mod tests {
    use super::super::letters::words_of;
    use super::*;

    fn bytes(text: &str, encoding: Encoding) -> Option<Vec<u8>> {
        let table = encoding.upper_half()?;
        let byte = |c: char| match c.is_ascii() {
            true => u8::try_from(c).ok(),
            false => (0x80..=0xff).find(|byte| character(*byte, table) == c),
        };
        text.chars().map(byte).collect()
    }

    #[test]
    fn the_more_frequent_kind_of_sequence_is_utf8() {
        assert!(looks_like_utf8("Zoë Ångström".as_bytes()));
        assert!(looks_like_utf8(b"Zo\xc3\xab and \xc3"));
        assert!(looks_like_utf8(b"\xc3\xab \xc3\xab \xff"));
        assert!(!looks_like_utf8(b"Zo\xeb"));
        assert!(!looks_like_utf8(b"\xc5ngstr\xf6m, Men\xdc\x96"));
    }

    #[test]
    fn lists_of_every_language_are_told_apart() {
        let (mut told, mut all) = (0, 0);
        for (language, words) in words_of() {
            let encodings = Encoding::SINGLE_BYTE.iter();
            let home = |of: &&Encoding| Region::of(**of).languages().contains(&language);
            for encoding in encodings.filter(home) {
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
            ("Tõnis Põllu, Õie Kõrgesaar", Encoding::Cp850),
            ("Šlapák, Tomáš Žák, Anežka Liška", Encoding::Iso8859_2),
            ("Wąsik, Świątek, Paździoch", Encoding::Iso8859_2),
            ("Božo Leščić, Nataša Šuštar", Encoding::Iso8859_2),
            ("Žuravljov, Šmigun, Kuznetšov", Encoding::Iso8859_15),
            ("Άννα Δημητρίου, Άγης Μόκας", Encoding::Iso8859_7),
            (
                "Jānis Bērziņš, Kārlis Ozoliņš, Šarūnas",
                Encoding::Windows1257,
            ),
            ("Иван Петров, Ольга Смирнова", Encoding::MacCyrillic),
            ("Dvořáček, Šlapák, Růžičková", Encoding::Cp852),
            ("Erdősi Gergő, Szőke István, Mária", Encoding::Cp852),
            ("Yıldıray, Şafakçı, Kılıçarslan", Encoding::Cp857),
            ("Ainārs Cīrulītis, Pērkons, Šķēle", Encoding::Cp775),
        ] {
            let bytes = bytes(text, encoding).unwrap();
            let found = single_byte(&bytes).unwrap_or_else(|others| panic!("{text}: {others:?}"));
            assert_eq!(found.decode(&bytes), text, "{found:?}");
        }
    }

    #[test]
    fn signs_that_stand_alone_are_told_apart() {
        for text in [
            "£5",
            "5£",
            "Fee (£)",
            "£ 12",
            "€5",
            "5€",
            "5,00 €",
            "§ 5",
            "§5",
            "20°",
            "7–8",
            "Year – 7",
        ] {
            let bytes = bytes(text, Encoding::Windows1252).unwrap();
            let found = single_byte(&bytes).map(|found| found.decode(&bytes));
            assert_eq!(found.as_deref(), Ok(text));
        }
    }

    #[test]
    fn a_sign_within_a_password_becomes_no_letter() {
        for text in [
            "blue£kettle44",
            "£bluekettle44",
            "bluekettle44£",
            "Blue£44",
            "blue€kettle",
            "blue§44kettle",
        ] {
            for encoding in [
                Encoding::Windows1252,
                Encoding::Windows1250,
                Encoding::Iso8859_15,
                Encoding::MacRoman,
            ] {
                let Some(bytes) = bytes(text, encoding) else {
                    continue;
                };
                if let Ok(found) = single_byte(&bytes) {
                    assert_eq!(found.decode(&bytes), text, "{encoding:?} {found:?}");
                }
            }
        }
    }

    #[test]
    fn what_is_in_other_encodings_is_unclear() {
        use encoding_rs::{BIG5, EUC_KR, GBK, IBM866, ISO_8859_5, KOI8_R, SHIFT_JIS, WINDOWS_1255};
        for (encoding, text) in [
            (KOI8_R, "Иван Петров, Ольга Смирнова"),
            (IBM866, "Иван Петров, Ольга Смирнова"),
            (ISO_8859_5, "Иван Петров, Ольга Смирнова"),
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

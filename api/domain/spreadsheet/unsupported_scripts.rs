//! Scripts that no encoding of ours has. Their bytes are letters in one that is read, too: of a few Hebrew names
//! Windows-1251 makes Cyrillic ones that nobody has.

use encoding_rs::{Encoding, GBK, ISO_8859_6, SHIFT_JIS, WINDOWS_1255, WINDOWS_1256};

/// How sure it has to be that a text is in none of these scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doubt {
    /// It is no text of theirs.
    Absent,
    /// It may be one: another reading has to be of letters that stand where names have them.
    Possible,
    /// It is one by every rule of its script: another reading has to be of words that are known.
    Strong,
}

/// Whether the bytes may be a text of another script.
pub(super) fn doubt(bytes: &[u8]) -> Doubt {
    if may_be_hebrew(bytes) {
        return Doubt::Strong;
    }
    let is_arabic = [WINDOWS_1256, ISO_8859_6]
        .iter()
        .any(|it| may_be_arabic(bytes, it));
    if is_arabic || may_be_japanese(bytes) || may_be_chinese(bytes) {
        return Doubt::Possible;
    }
    Doubt::Absent
}

/// Whether all words beyond ASCII are Arabic, and not all letters of the first two rows: these are the capitals of
/// Cyrillic, and Arabic names have l, m, n, w or y.
fn may_be_arabic(bytes: &[u8], encoding: &'static Encoding) -> bool {
    const OF_THE_NEXT_ROW: &str = "لمنهوىي";
    let text = encoding.decode_without_bom_handling_and_without_replacement(bytes);
    text.is_some_and(|text| {
        words(&text).all(|word| word.chars().all(is_arabic))
            && text.contains(|c| OF_THE_NEXT_ROW.contains(c))
    })
}

/// Whether all words beyond ASCII are Japanese.
fn may_be_japanese(bytes: &[u8]) -> bool {
    let text = SHIFT_JIS.decode_without_bom_handling_and_without_replacement(bytes);
    text.is_some_and(|text| words(&text).all(|word| word.chars().all(is_japanese)))
}

/// Whether all words beyond ASCII are Hebrew: five letters have another form at the end of a word, and only there. In
/// DOS they stand at the first place beyond ASCII.
fn may_be_hebrew(bytes: &[u8]) -> bool {
    let shifted = || -> Vec<u8> {
        let dos = bytes.iter().map(|byte| match byte {
            0x80..=0x9a => byte + 0x60,
            0x9b.. => 0xff,
            _ => *byte,
        });
        dos.collect()
    };
    let is_hebrew = |bytes: &[u8]| {
        let text = WINDOWS_1255.decode_without_bom_handling_and_without_replacement(bytes);
        text.is_some_and(|text| {
            // A letter alone may be a sign of another encoding.
            let is_name = |word: &str| word.chars().filter(|c| !c.is_ascii()).count() > 1;
            words(&text).any(is_name) && words(&text).all(is_hebrew_word)
        })
    };
    is_hebrew(bytes) || is_hebrew(&shifted())
}

fn is_hebrew_word(word: &str) -> bool {
    const AT_THE_END: &str = "ךםןףץ";
    const ELSEWHERE: &str = "כמנצ";
    // 7א is a class.
    let word = word.trim_matches(|c: char| c.is_ascii_digit());
    let mut letters = word.chars().rev();
    let ends_well = letters.next().is_some_and(|last| !ELSEWHERE.contains(last));
    ends_well
        && letters.all(|letter| !AT_THE_END.contains(letter))
        && word.chars().all(|c| matches!(c, 'א'..='ת' | '׳' | '״'))
}

/// The words with characters beyond ASCII.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c| !is_part(c)).filter(|word| !word.is_ascii())
}

fn is_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || !c.is_ascii()
}

/// Whether all words beyond ASCII are Chinese of the first level of GB 2312, the characters in use: pairs of bytes, of
/// which the first is in a part of the second's range.
fn may_be_chinese(bytes: &[u8]) -> bool {
    let is_pair = |pair: &[u8]| matches!(pair, [0xb0..=0xd7, 0xa1..=0xfe]);
    let mut words = bytes.split(|byte| !is_part(char::from(*byte)));
    let are_pairs = words.all(|word| word.is_ascii() || word.chunks(2).all(is_pair));
    are_pairs
        && GBK
            .decode_without_bom_handling_and_without_replacement(bytes)
            .is_some()
}

/// Letters without the marks of vowels, which names are written without.
fn is_arabic(c: char) -> bool {
    matches!(c, '\u{621}'..='\u{63a}' | '\u{641}'..='\u{64a}' | '\u{67e}'..='\u{6d3}' | '\u{200c}')
}

/// Kana and Chinese characters, without half-width forms.
fn is_japanese(c: char) -> bool {
    matches!(c, '\u{3005}' | '\u{3041}'..='\u{30ff}' | '\u{4e00}'..='\u{9fff}')
}

//! How a file shows that it is in an encoding of Unicode: by a byte-order mark, or as UTF-16 without one.

use std::collections::HashMap;

use super::code_pages::is_undefined;
use super::encoding::Encoding;
use super::refusal::FileRefused;
use super::wording::SAVE_ANEW;

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
    let controls = start.iter().filter(|byte| is_control(**byte)).count();
    if controls == 0 {
        return None;
    }
    by_zero_bytes(start).or_else(|| {
        // A single one in a short text is damage, whatever the others may be taken for.
        if controls == 1 {
            return None;
        }
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

#[cfg(test)]
mod tests {
    use super::*;

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
            "a\0b\n",
            "a\0b\r\n",
            "ab\u{1}d",
            "\0\0\0\0",
        ] {
            assert_eq!(unmarked_utf16(text.as_bytes()), None, "{text:?}");
        }
        let long = format!("{}\0", "a@x.org,Ada Lovelace\n".repeat(200));
        assert_eq!(unmarked_utf16(long.as_bytes()), None);
    }
}

//! Which encoding the bytes of a file are in.

use serde::{Deserialize, Serialize};

use super::refusal::FileRefused;
use super::wording::SAVE_ANEW;

/// The encodings that a file may be in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
pub enum Encoding {
    /// UTF-8 without a byte-order mark; also plain ASCII.
    #[serde(rename = "utf-8")]
    Utf8,
    /// UTF-8 with a byte-order mark.
    #[serde(rename = "utf-8-bom")]
    Utf8Bom,
    /// UTF-16, little-endian, with or without a byte-order mark.
    #[serde(rename = "utf-16le")]
    Utf16Le,
    /// UTF-16, big-endian, with or without a byte-order mark.
    #[serde(rename = "utf-16be")]
    Utf16Be,
    /// Windows-1252, the "ANSI" of Western Europe and the Americas.
    #[serde(rename = "windows-1252")]
    Windows1252,
}

impl Encoding {
    /// The decoder of this encoding, which leaves a byte-order mark alone.
    pub(super) fn decoder(self) -> encoding_rs::Decoder {
        let encoding = match self {
            Self::Utf8 | Self::Utf8Bom => encoding_rs::UTF_8,
            Self::Utf16Le => encoding_rs::UTF_16LE,
            Self::Utf16Be => encoding_rs::UTF_16BE,
            Self::Windows1252 => encoding_rs::WINDOWS_1252,
        };
        encoding.new_decoder_without_bom_handling()
    }

    /// Whether a decoded character shows that the file is no text, or in another encoding.
    ///
    /// Windows-1252 leaves five bytes undefined, which the decoder turns into control characters.
    /// A name has none of them: a file with such a byte is in an encoding that is not offered.
    pub(super) fn forbids(self, character: char) -> bool {
        let undefined = matches!(
            character,
            '\u{81}' | '\u{8d}' | '\u{8f}' | '\u{90}' | '\u{9d}'
        );
        character == '\0' || (self == Self::Windows1252 && undefined)
    }
}

/// What the first bytes of a file tell about its encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Opening {
    /// The encoding; UTF-8 where the first bytes do not tell.
    pub(super) encoding: Encoding,
    /// The length of the byte-order mark.
    pub(super) mark: usize,
    /// Whether the first bytes settle it.
    pub(super) settled: bool,
}

impl Opening {
    /// Looks at the first bytes of a file.
    ///
    /// # Errors
    ///
    /// Refuses UTF-32, which no spreadsheet program writes unasked.
    pub(super) fn of(start: &[u8]) -> Result<Self, FileRefused> {
        match start {
            [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Err(utf32()),
            [0xef, 0xbb, 0xbf, ..] => Ok(Self::marked(Encoding::Utf8Bom, 3)),
            [0xff, 0xfe, ..] => Ok(Self::marked(Encoding::Utf16Le, 2)),
            [0xfe, 0xff, ..] => Ok(Self::marked(Encoding::Utf16Be, 2)),
            _ => Ok(Self::unmarked(start)),
        }
    }

    fn marked(encoding: Encoding, mark: usize) -> Self {
        Self {
            encoding,
            mark,
            settled: true,
        }
    }

    fn unmarked(start: &[u8]) -> Self {
        let utf16 = unmarked_utf16(start);
        Self {
            encoding: utf16.unwrap_or(Encoding::Utf8),
            mark: 0,
            settled: utf16.is_some(),
        }
    }
}

/// Recognises UTF-16 by the zero byte that every Latin letter of a header has in it.
fn unmarked_utf16(start: &[u8]) -> Option<Encoding> {
    const UNITS: usize = 64;
    let (mut units, mut little, mut big) = (0_usize, 0_usize, 0_usize);
    for unit in start.chunks_exact(2).take(UNITS) {
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

/// Whether bytes, of which the last sequence may be cut off, look like UTF-8.
///
/// Text in Windows-1252 holds next to no sequence that is valid in UTF-8. So the more frequent
/// kind wins; damaged UTF-8 stays UTF-8, to be refused instead of read as gibberish.
pub(super) fn looks_like_utf8(bytes: &[u8]) -> bool {
    let (mut valid, mut invalid) = (0_usize, 0_usize);
    for chunk in bytes.utf8_chunks() {
        let characters = chunk.valid().chars();
        valid += characters.filter(|character| !character.is_ascii()).count();
        invalid += usize::from(!chunk.invalid().is_empty());
    }
    valid >= invalid
}

fn utf32() -> FileRefused {
    FileRefused::unreadable(format!(
        "This file is in the encoding UTF-32, which is not supported. {SAVE_ANEW}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    #[test]
    fn a_byte_order_mark_settles_the_encoding() {
        for (start, encoding, mark) in [
            (&b"\xef\xbb\xbfemail"[..], Encoding::Utf8Bom, 3),
            (b"\xff\xfee\0", Encoding::Utf16Le, 2),
            (b"\xfe\xff\0e", Encoding::Utf16Be, 2),
        ] {
            let settled = true;
            let opening = Opening {
                encoding,
                mark,
                settled,
            };
            assert_eq!(Opening::of(start), Ok(opening));
        }
    }

    #[test]
    fn utf16_shows_without_a_mark() {
        let little = utf16("email,Имя");
        assert_eq!(unmarked_utf16(&little), Some(Encoding::Utf16Le));
        let big: Vec<u8> = little
            .chunks(2)
            .flat_map(|unit| [unit[1], unit[0]])
            .collect();
        assert_eq!(unmarked_utf16(&big), Some(Encoding::Utf16Be));
        assert_eq!(unmarked_utf16(b"email,name"), None);
        assert_eq!(unmarked_utf16(b"a"), None);
        assert_eq!(unmarked_utf16(b""), None);
    }

    #[test]
    fn utf32_is_refused() {
        for start in [b"\xff\xfe\0\0e\0\0\0", b"\0\0\xfe\xff\0\0\0e"] {
            assert!(Opening::of(start).unwrap_err().detail.contains("UTF-32"));
        }
    }

    #[test]
    fn the_more_frequent_kind_of_sequence_wins() {
        assert!(looks_like_utf8("Zoë Ångström".as_bytes()));
        assert!(looks_like_utf8(b"Zo\xc3\xab and \xc3"));
        assert!(looks_like_utf8(b"\xc3\xab \xc3\xab \xff"));
        assert!(!looks_like_utf8(b"Zo\xeb"));
        assert!(!looks_like_utf8(b"\xc5ngstr\xf6m, Men\xdc\x96"));
    }
}

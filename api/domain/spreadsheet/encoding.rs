//! The encodings that the bytes of a file may be in.

use std::sync::LazyLock;

use encoding_rs::{
    MACINTOSH, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1250, WINDOWS_1251, WINDOWS_1252, WINDOWS_1253,
    WINDOWS_1254,
};
use oem_cp::code_table::{DECODING_TABLE_CP437, DECODING_TABLE_CP850};
use serde::{Deserialize, Serialize};

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
    /// The "ANSI" of Western Europe and the Americas.
    #[serde(rename = "windows-1252")]
    Windows1252,
    /// That of Central and Eastern Europe.
    #[serde(rename = "windows-1250")]
    Windows1250,
    /// That of Cyrillic.
    #[serde(rename = "windows-1251")]
    Windows1251,
    /// That of Greek.
    #[serde(rename = "windows-1253")]
    Windows1253,
    /// That of Turkish.
    #[serde(rename = "windows-1254")]
    Windows1254,
    /// The "CSV (Macintosh)" of spreadsheet programs.
    #[serde(rename = "mac-roman")]
    MacRoman,
    /// DOS, Western Europe.
    #[serde(rename = "cp850")]
    Cp850,
    /// DOS, the United States.
    #[serde(rename = "cp437")]
    Cp437,
}

/// What the 128 bytes above ASCII stand for.
pub(super) type UpperHalf = [char; 128];

impl Encoding {
    /// All of them, by their names in JSON.
    const ALL: [(Self, &'static str); 12] = [
        (Self::Utf8, "utf-8"),
        (Self::Utf8Bom, "utf-8-bom"),
        (Self::Utf16Le, "utf-16le"),
        (Self::Utf16Be, "utf-16be"),
        (Self::Windows1252, "windows-1252"),
        (Self::Windows1250, "windows-1250"),
        (Self::Windows1251, "windows-1251"),
        (Self::Windows1253, "windows-1253"),
        (Self::Windows1254, "windows-1254"),
        (Self::MacRoman, "mac-roman"),
        (Self::Cp850, "cp850"),
        (Self::Cp437, "cp437"),
    ];

    /// Those with a byte for each character, in the order in which one is taken where all give the same
    /// text.
    pub(super) const SINGLE_BYTE: [Self; 8] = [
        Self::Windows1252,
        Self::Windows1250,
        Self::Windows1254,
        Self::Windows1251,
        Self::Windows1253,
        Self::MacRoman,
        Self::Cp850,
        Self::Cp437,
    ];

    /// The encoding that people mean by a name, of which there are many for each.
    pub fn from_label(label: &str) -> Option<Self> {
        let compact = |text: &str| -> String {
            let kept = text.chars().filter(|c| c.is_ascii_alphanumeric());
            kept.map(|c| c.to_ascii_lowercase()).collect()
        };
        let wanted = compact(label);
        let mut names = Self::ALL.into_iter();
        let named = names.find(|(_, name)| compact(name) == wanted);
        named
            .map(|(encoding, _)| encoding)
            .or_else(|| match wanted.as_str() {
                "ibm850" | "dos850" | "850" | "pc850" => Some(Self::Cp850),
                "ibm437" | "dos437" | "437" | "pc437" | "pc8" => Some(Self::Cp437),
                "utf8sig" | "utf8withbom" => Some(Self::Utf8Bom),
                "macroman" | "applemacintosh" => Some(Self::MacRoman),
                "ansi" => Some(Self::Windows1252),
                _ => Self::of_standard(encoding_rs::Encoding::for_label(label.as_bytes())?),
            })
    }

    fn of_standard(standard: &'static encoding_rs::Encoding) -> Option<Self> {
        let mut own = Self::ALL.into_iter().map(|(encoding, _)| encoding);
        own.find(|own| *own != Self::Utf8Bom && own.standard() == Some(standard))
    }

    /// The encoding by its definition for the web; none for those of DOS.
    fn standard(self) -> Option<&'static encoding_rs::Encoding> {
        Some(match self {
            Self::Utf8 | Self::Utf8Bom => UTF_8,
            Self::Utf16Le => UTF_16LE,
            Self::Utf16Be => UTF_16BE,
            Self::Windows1250 => WINDOWS_1250,
            Self::Windows1251 => WINDOWS_1251,
            Self::Windows1252 => WINDOWS_1252,
            Self::Windows1253 => WINDOWS_1253,
            Self::Windows1254 => WINDOWS_1254,
            Self::MacRoman => MACINTOSH,
            Self::Cp850 | Self::Cp437 => return None,
        })
    }

    /// What its bytes above ASCII stand for, if each is a character.
    pub(super) fn upper_half(self) -> Option<&'static UpperHalf> {
        match self {
            Self::Utf8 | Self::Utf8Bom | Self::Utf16Le | Self::Utf16Be => None,
            Self::Cp850 => Some(&DECODING_TABLE_CP850),
            Self::Cp437 => Some(&DECODING_TABLE_CP437),
            Self::Windows1250
            | Self::Windows1251
            | Self::Windows1252
            | Self::Windows1253
            | Self::Windows1254
            | Self::MacRoman => {
                let mut tables = STANDARD_TABLES.iter();
                tables.find(|(of, _)| *of == self).map(|(_, table)| table)
            }
        }
    }

    /// The decoder of an encoding of Unicode, which leaves a byte-order mark alone.
    pub(super) fn decoder(self) -> encoding_rs::Decoder {
        let standard = self.standard().unwrap_or(WINDOWS_1252);
        standard.new_decoder_without_bom_handling()
    }

    /// Reads all bytes; what stands for nothing becomes U+FFFD.
    pub(super) fn decode(self, bytes: &[u8]) -> String {
        match self.upper_half() {
            Some(table) => bytes.iter().map(|byte| character(*byte, table)).collect(),
            None => {
                let standard = self.standard().unwrap_or(UTF_8);
                standard.decode_without_bom_handling(bytes).0.into_owned()
            }
        }
    }

    /// What people call it.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Utf8 | Self::Utf8Bom => "UTF-8",
            Self::Utf16Le | Self::Utf16Be => "UTF-16",
            Self::Windows1250 => "Windows-1250",
            Self::Windows1251 => "Windows-1251",
            Self::Windows1252 => "Windows-1252",
            Self::Windows1253 => "Windows-1253",
            Self::Windows1254 => "Windows-1254",
            Self::MacRoman => "Mac Roman",
            Self::Cp850 => "DOS 850",
            Self::Cp437 => "DOS 437",
        }
    }
}

/// The character of one byte.
pub(super) fn character(byte: u8, table: &UpperHalf) -> char {
    let upper = byte.checked_sub(0x80).map(usize::from);
    upper.map_or(char::from(byte), |place| {
        table
            .get(place)
            .copied()
            .unwrap_or(char::REPLACEMENT_CHARACTER)
    })
}

/// Whether a decoded character shows that the file is no text, or in another encoding. Bytes that stand
/// for nothing become control characters of the upper half, or U+FFFD.
pub(super) fn is_undefined(character: char) -> bool {
    matches!(character, '\u{80}'..='\u{9f}' | char::REPLACEMENT_CHARACTER)
}

static STANDARD_TABLES: LazyLock<Vec<(Encoding, UpperHalf)>> = LazyLock::new(|| {
    let tables = Encoding::SINGLE_BYTE.into_iter().filter_map(|encoding| {
        let standard = encoding.standard()?;
        let mut table = [char::REPLACEMENT_CHARACTER; 128];
        for (byte, slot) in (0x80..=0xff_u8).zip(&mut table) {
            let (text, _) = standard.decode_without_bom_handling(std::slice::from_ref(&byte));
            *slot = text.chars().next().unwrap_or(char::REPLACEMENT_CHARACTER);
        }
        Some((encoding, table))
    });
    tables.collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoding_has_its_characters() {
        for (encoding, byte, character) in [
            (Encoding::Windows1250, 0xb3, 'ł'),
            (Encoding::Windows1251, 0xc8, 'И'),
            (Encoding::Windows1252, 0x80, '€'),
            (Encoding::Windows1253, 0xe3, 'γ'),
            (Encoding::Windows1254, 0xf0, 'ğ'),
            (Encoding::MacRoman, 0x8e, 'é'),
            (Encoding::Cp850, 0x9b, 'ø'),
            (Encoding::Cp437, 0x9b, '¢'),
        ] {
            assert_eq!(encoding.decode(&[b'a', byte]), format!("a{character}"));
        }
        assert!(Encoding::Windows1252.decode(b"\x81").contains(is_undefined));
        assert!(Encoding::Windows1253.decode(b"\xff").contains(is_undefined));
        for encoding in Encoding::SINGLE_BYTE {
            assert!(encoding.upper_half().is_some());
        }
    }

    #[test]
    fn encodings_are_known_by_many_names() {
        for (encoding, name) in Encoding::ALL {
            assert_eq!(Encoding::from_label(name), Some(encoding));
            assert_eq!(serde_json::to_value(encoding).unwrap(), name);
        }
        for (label, encoding) in [
            ("UTF8", Encoding::Utf8),
            ("UTF-16", Encoding::Utf16Le),
            ("latin1", Encoding::Windows1252),
            ("ISO-8859-1", Encoding::Windows1252),
            ("cp1251", Encoding::Windows1251),
            ("Windows 1250", Encoding::Windows1250),
            ("macintosh", Encoding::MacRoman),
            ("x-mac-roman", Encoding::MacRoman),
            ("IBM850", Encoding::Cp850),
            ("DOS-437", Encoding::Cp437),
        ] {
            assert_eq!(Encoding::from_label(label), Some(encoding), "{label}");
        }
        for label in ["", "koi8-r", "iso-8859-2", "shift_jis", "utf-32"] {
            assert_eq!(Encoding::from_label(label), None, "{label}");
        }
    }
}

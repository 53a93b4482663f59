//! What the bytes above ASCII stand for in the encodings with a byte for each character.

use std::sync::LazyLock;

use oem_cp::code_table::{
    DECODING_TABLE_CP437, DECODING_TABLE_CP775, DECODING_TABLE_CP850, DECODING_TABLE_CP852,
    DECODING_TABLE_CP857,
};

use super::encoding::Encoding;

/// What the 128 bytes above ASCII stand for.
pub(super) type UpperHalf = [char; 128];

impl Encoding {
    /// Those with a byte for each character, in the order in which one is taken where all give the same
    /// text.
    pub(super) const SINGLE_BYTE: [Self; 16] = [
        Self::Windows1252,
        Self::Windows1250,
        Self::Windows1254,
        Self::Windows1251,
        Self::Windows1253,
        Self::Windows1257,
        Self::Iso8859_15,
        Self::Iso8859_2,
        Self::Iso8859_7,
        Self::MacRoman,
        Self::MacCyrillic,
        Self::Cp850,
        Self::Cp852,
        Self::Cp437,
        Self::Cp857,
        Self::Cp775,
    ];

    /// What its bytes above ASCII stand for, if each is a character.
    pub(super) fn upper_half(self) -> Option<&'static UpperHalf> {
        let mut tables = TABLES.iter();
        tables.find(|(of, _)| *of == self).map(|(_, table)| table)
    }

    /// Reads all bytes; what stands for nothing becomes U+FFFD.
    pub(super) fn decode(self, bytes: &[u8]) -> String {
        match self.upper_half() {
            Some(table) => bytes.iter().map(|byte| character(*byte, table)).collect(),
            None => {
                let standard = self.standard().unwrap_or(encoding_rs::UTF_8);
                standard.decode_without_bom_handling(bytes).0.into_owned()
            }
        }
    }
}

static TABLES: LazyLock<Vec<(Encoding, UpperHalf)>> = LazyLock::new(|| {
    let tables = Encoding::SINGLE_BYTE.into_iter();
    tables
        .filter_map(|encoding| {
            let standard = encoding.standard().map(of_standard);
            Some((encoding, standard.or_else(|| of_dos(encoding))?))
        })
        .collect()
});

fn of_standard(standard: &'static encoding_rs::Encoding) -> UpperHalf {
    let mut table = [char::REPLACEMENT_CHARACTER; 128];
    for (byte, slot) in (0x80..=0xff_u8).zip(&mut table) {
        let (text, _) = standard.decode_without_bom_handling(std::slice::from_ref(&byte));
        *slot = text.chars().next().unwrap_or(char::REPLACEMENT_CHARACTER);
    }
    table
}

fn of_dos(encoding: Encoding) -> Option<UpperHalf> {
    match encoding {
        Encoding::Cp437 => Some(DECODING_TABLE_CP437),
        Encoding::Cp775 => Some(DECODING_TABLE_CP775),
        Encoding::Cp850 => Some(DECODING_TABLE_CP850),
        Encoding::Cp852 => Some(DECODING_TABLE_CP852),
        Encoding::Cp857 => {
            let characters = DECODING_TABLE_CP857;
            Some(characters.map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER)))
        }
        Encoding::Utf8
        | Encoding::Utf8Bom
        | Encoding::Utf16Le
        | Encoding::Utf16Be
        | Encoding::Windows1250
        | Encoding::Windows1251
        | Encoding::Windows1252
        | Encoding::Windows1253
        | Encoding::Windows1254
        | Encoding::Windows1257
        | Encoding::Iso8859_2
        | Encoding::Iso8859_7
        | Encoding::Iso8859_15
        | Encoding::MacRoman
        | Encoding::MacCyrillic => None,
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
            (Encoding::Windows1257, 0xeb, 'ė'),
            (Encoding::Iso8859_2, 0xb9, 'š'),
            (Encoding::Iso8859_7, 0xb6, 'Ά'),
            (Encoding::Iso8859_15, 0xa6, 'Š'),
            (Encoding::MacRoman, 0x8e, 'é'),
            (Encoding::MacCyrillic, 0x88, 'И'),
            (Encoding::Cp850, 0x9b, 'ø'),
            (Encoding::Cp852, 0x9f, 'č'),
            (Encoding::Cp857, 0x9f, 'ş'),
            (Encoding::Cp775, 0xd5, 'š'),
            (Encoding::Cp437, 0x9b, '¢'),
        ] {
            assert_eq!(encoding.decode(&[b'a', byte]), format!("a{character}"));
        }
        assert!(Encoding::Windows1252.decode(b"\x81").contains(is_undefined));
        assert!(Encoding::Windows1253.decode(b"\xff").contains(is_undefined));
        assert!(
            Encoding::Cp857.decode(b"\xd5").contains(is_undefined)
                || Encoding::Cp857.decode(b"\xe7").contains(is_undefined)
        );
        for encoding in Encoding::SINGLE_BYTE {
            assert!(encoding.upper_half().is_some());
        }
    }
}

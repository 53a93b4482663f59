//! Where people write in an encoding.

use super::encoding::Encoding;

/// A script, as far as encodings differ in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Script {
    Latin,
    Greek,
    Cyrillic,
    Other,
}

impl Script {
    pub(super) fn of(letter: char) -> Self {
        match letter {
            '\u{b5}' => Self::Other,
            '\0'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' => Self::Latin,
            '\u{370}'..='\u{3ff}' => Self::Greek,
            '\u{400}'..='\u{52f}' => Self::Cyrillic,
            _ => Self::Other,
        }
    }
}

/// The languages that share encodings with a byte for each character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Region {
    Western,
    Central,
    Turkish,
    Baltic,
    Cyrillic,
    Greek,
}

impl Region {
    pub(super) const ALL: [Self; 6] = [
        Self::Western,
        Self::Central,
        Self::Turkish,
        Self::Baltic,
        Self::Cyrillic,
        Self::Greek,
    ];

    /// The region of an encoding. Those of Unicode have none of their own.
    pub(super) fn of(encoding: Encoding) -> Self {
        match encoding {
            Encoding::Utf8
            | Encoding::Utf8Bom
            | Encoding::Utf16Le
            | Encoding::Utf16Be
            | Encoding::Windows1252
            | Encoding::Iso8859_15
            | Encoding::MacRoman
            | Encoding::Cp850
            | Encoding::Cp437 => Self::Western,
            Encoding::Windows1250 | Encoding::Iso8859_2 | Encoding::Cp852 => Self::Central,
            Encoding::Windows1254 | Encoding::Cp857 => Self::Turkish,
            Encoding::Windows1257 | Encoding::Cp775 => Self::Baltic,
            Encoding::Windows1251 | Encoding::MacCyrillic => Self::Cyrillic,
            Encoding::Windows1253 | Encoding::Iso8859_7 => Self::Greek,
        }
    }

    pub(super) fn script(self) -> Script {
        match self {
            Self::Western | Self::Central | Self::Turkish | Self::Baltic => Script::Latin,
            Self::Cyrillic => Script::Cyrillic,
            Self::Greek => Script::Greek,
        }
    }

    /// Its languages, as `words.txt` names them. Names of the neighbours stand in lists everywhere.
    pub(super) fn languages(self) -> &'static [&'static str] {
        match self {
            Self::Western => &[
                "de", "fr", "es", "pt", "it", "nl", "sv", "fi", "da", "no", "is", "et", "ca", "ga",
                "sq",
            ],
            Self::Central => &["pl", "cs", "sk", "hu", "ro", "hr", "de"],
            Self::Turkish => &["tr", "de"],
            Self::Baltic => &["lv", "lt", "et", "de"],
            Self::Cyrillic => &["ru", "uk", "bg", "sr"],
            Self::Greek => &["el"],
        }
    }
}

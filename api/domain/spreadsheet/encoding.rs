//! The encodings that the bytes of a file may be in.

use encoding_rs::{
    ISO_8859_2, ISO_8859_7, ISO_8859_15, MACINTOSH, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1250,
    WINDOWS_1251, WINDOWS_1252, WINDOWS_1253, WINDOWS_1254, WINDOWS_1257, X_MAC_CYRILLIC,
};
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
    /// That of the Baltic countries.
    #[serde(rename = "windows-1257")]
    Windows1257,
    /// Central Europe, as Unix wrote it.
    #[serde(rename = "iso-8859-2")]
    Iso8859_2,
    /// Greek, as Unix wrote it.
    #[serde(rename = "iso-8859-7")]
    Iso8859_7,
    /// Western Europe, as Unix wrote it.
    #[serde(rename = "iso-8859-15")]
    Iso8859_15,
    /// The "CSV (Macintosh)" of spreadsheet programs.
    #[serde(rename = "mac-roman")]
    MacRoman,
    /// The same for Cyrillic.
    #[serde(rename = "mac-cyrillic")]
    MacCyrillic,
    /// DOS, Western Europe.
    #[serde(rename = "cp850")]
    Cp850,
    /// DOS, Central Europe.
    #[serde(rename = "cp852")]
    Cp852,
    /// DOS, the United States.
    #[serde(rename = "cp437")]
    Cp437,
    /// DOS, Turkish.
    #[serde(rename = "cp857")]
    Cp857,
    /// DOS, the Baltic countries.
    #[serde(rename = "cp775")]
    Cp775,
}

impl Encoding {
    /// All of them, by their names in JSON.
    const ALL: [(Self, &'static str); 20] = [
        (Self::Utf8, "utf-8"),
        (Self::Utf8Bom, "utf-8-bom"),
        (Self::Utf16Le, "utf-16le"),
        (Self::Utf16Be, "utf-16be"),
        (Self::Windows1252, "windows-1252"),
        (Self::Windows1250, "windows-1250"),
        (Self::Windows1251, "windows-1251"),
        (Self::Windows1253, "windows-1253"),
        (Self::Windows1254, "windows-1254"),
        (Self::Windows1257, "windows-1257"),
        (Self::Iso8859_2, "iso-8859-2"),
        (Self::Iso8859_7, "iso-8859-7"),
        (Self::Iso8859_15, "iso-8859-15"),
        (Self::MacRoman, "mac-roman"),
        (Self::MacCyrillic, "mac-cyrillic"),
        (Self::Cp850, "cp850"),
        (Self::Cp852, "cp852"),
        (Self::Cp437, "cp437"),
        (Self::Cp857, "cp857"),
        (Self::Cp775, "cp775"),
    ];

    /// The names of those with a byte for each character, for a sentence.
    pub const SINGLE_BYTE_NAMES: &str = "windows-1250 to windows-1254, windows-1257, iso-8859-2, iso-8859-7, \
                                         iso-8859-15, mac-roman, mac-cyrillic, cp437, cp775, cp850, cp852 or \
                                         cp857";

    /// The encoding that people mean by a name, of which there are many for each.
    pub fn from_label(label: &str) -> Option<Self> {
        let compact = |text: &str| -> String {
            let kept = text.chars().filter(|c| c.is_ascii_alphanumeric());
            kept.map(|c| c.to_ascii_lowercase()).collect()
        };
        let wanted = compact(label);
        let page = ["ibm", "dos", "pc", ""];
        let pages = page.iter().filter_map(|before| wanted.strip_prefix(before));
        let is_meant = |name: &str| {
            let name = compact(name);
            name == wanted
                || pages
                    .clone()
                    .any(|page| name.strip_prefix("cp") == Some(page))
        };
        let mut names = Self::ALL.into_iter();
        let named = names.find(|(_, name)| is_meant(name));
        named
            .map(|(encoding, _)| encoding)
            .or_else(|| match wanted.as_str() {
                "pc8" => Some(Self::Cp437),
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
    pub(super) fn standard(self) -> Option<&'static encoding_rs::Encoding> {
        Some(match self {
            Self::Utf8 | Self::Utf8Bom => UTF_8,
            Self::Utf16Le => UTF_16LE,
            Self::Utf16Be => UTF_16BE,
            Self::Windows1250 => WINDOWS_1250,
            Self::Windows1251 => WINDOWS_1251,
            Self::Windows1252 => WINDOWS_1252,
            Self::Windows1253 => WINDOWS_1253,
            Self::Windows1254 => WINDOWS_1254,
            Self::Windows1257 => WINDOWS_1257,
            Self::Iso8859_2 => ISO_8859_2,
            Self::Iso8859_7 => ISO_8859_7,
            Self::Iso8859_15 => ISO_8859_15,
            Self::MacRoman => MACINTOSH,
            Self::MacCyrillic => X_MAC_CYRILLIC,
            Self::Cp850 | Self::Cp852 | Self::Cp437 | Self::Cp857 | Self::Cp775 => return None,
        })
    }

    /// The decoder of an encoding of Unicode, which leaves a byte-order mark alone.
    pub(super) fn decoder(self) -> encoding_rs::Decoder {
        let standard = self.standard().unwrap_or(WINDOWS_1252);
        standard.new_decoder_without_bom_handling()
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
            Self::Windows1257 => "Windows-1257",
            Self::Iso8859_2 => "ISO 8859-2",
            Self::Iso8859_7 => "ISO 8859-7",
            Self::Iso8859_15 => "ISO 8859-15",
            Self::MacRoman => "Mac Roman",
            Self::MacCyrillic => "Mac Cyrillic",
            Self::Cp850 => "DOS 850",
            Self::Cp852 => "DOS 852",
            Self::Cp437 => "DOS 437",
            Self::Cp857 => "DOS 857",
            Self::Cp775 => "DOS 775",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            ("852", Encoding::Cp852),
            ("latin2", Encoding::Iso8859_2),
            ("ISO8859-15", Encoding::Iso8859_15),
            ("l9", Encoding::Iso8859_15),
        ] {
            assert_eq!(Encoding::from_label(label), Some(encoding), "{label}");
        }
        for label in ["", "cp", "koi8-r", "iso-8859-5", "shift_jis", "utf-32"] {
            assert_eq!(Encoding::from_label(label), None, "{label}");
        }
    }
}

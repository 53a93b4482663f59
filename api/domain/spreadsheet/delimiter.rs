//! What separates the cells of a record.

use serde::{Deserialize, Serialize};

/// The characters that may separate cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Delimiter {
    /// `,`
    #[serde(alias = ",")]
    Comma,
    /// `;`, which spreadsheet programs write where the comma is the decimal separator.
    #[serde(alias = ";")]
    Semicolon,
    /// A tab, as in a table copied from a spreadsheet.
    #[serde(alias = "\t")]
    Tab,
    /// `|`
    #[serde(alias = "|")]
    Pipe,
}

impl Delimiter {
    /// All delimiters, in the order of preference.
    pub(super) const ALL: [Self; 4] = [Self::Comma, Self::Semicolon, Self::Tab, Self::Pipe];

    /// The delimiter as it stands in a file.
    pub(super) const fn byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Semicolon => b';',
            Self::Tab => b'\t',
            Self::Pipe => b'|',
        }
    }

    /// The delimiter as a character of a text.
    pub(super) fn character(self) -> char {
        char::from(self.byte())
    }

    /// The delimiter that a character stands for.
    pub(super) fn from_char(character: char) -> Option<Self> {
        let delimits = |delimiter: &Self| delimiter.character() == character;
        Self::ALL.into_iter().find(delimits)
    }

    /// Whether a text has the character of any delimiter in it.
    pub(super) fn is_in(text: &str) -> bool {
        text.contains(Self::ALL.map(Self::character))
    }

    /// What people call these characters.
    pub(super) const fn plural(self) -> &'static str {
        match self {
            Self::Comma => "commas",
            Self::Semicolon => "semicolons",
            Self::Tab => "tabs",
            Self::Pipe => "vertical bars",
        }
    }
}

//! What separates the cells of a record.

use std::io::Read;

use csv::StringRecord;
use serde::{Deserialize, Serialize};

use super::limits::MAX_COLUMNS;
use super::synonyms::is_known;

/// The characters that may separate cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Delimiter {
    /// `,`
    Comma,
    /// `;`, which spreadsheet programs write where the comma is the decimal separator.
    Semicolon,
    /// A tab, as in a table copied from a spreadsheet.
    Tab,
}

impl Delimiter {
    /// All delimiters, in the order of preference.
    pub(super) const ALL: [Self; 3] = [Self::Comma, Self::Semicolon, Self::Tab];

    /// The delimiter as it stands in a file.
    pub(super) fn byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Semicolon => b';',
            Self::Tab => b'\t',
        }
    }

    /// The delimiter that a character stands for.
    pub(super) fn from_char(character: char) -> Option<Self> {
        let delimits = |delimiter: &Self| char::from(delimiter.byte()) == character;
        Self::ALL.into_iter().find(delimits)
    }

    /// The CSV parser with the settings that every reading here shares.
    pub(super) fn parser<R: Read>(self, text: R) -> csv::Reader<R> {
        csv::ReaderBuilder::new()
            .delimiter(self.byte())
            .has_headers(false)
            .flexible(true)
            .from_reader(text)
    }

    /// The delimiter under which the first record of a text has the most known columns, then the
    /// most cells; a comma where that does not tell.
    pub(super) fn sniff(text: &str) -> Self {
        // The first of equals must win, while `max_by_key` takes the last.
        let preferred_last = Self::ALL.into_iter().rev();
        let best = preferred_last.max_by_key(|delimiter| delimiter.fit(text));
        best.unwrap_or(Self::Comma)
    }

    /// How many known columns, and how many cells, the first record has under this delimiter.
    fn fit(self, text: &str) -> (usize, usize) {
        let records = self.parser(text.as_bytes()).into_records();
        // Of a blank record under another delimiter, the delimiters are left.
        let mut worded = records
            .map_while(Result::ok)
            .skip_while(|record| !is_worded(record));
        worded.next().map_or((0, 0), |header| {
            let cells = header.iter().take(MAX_COLUMNS);
            (cells.filter(|cell| is_known(cell)).count(), header.len())
        })
    }
}

/// Whether a record holds a letter or a digit.
fn is_worded(record: &StringRecord) -> bool {
    record.as_slice().contains(char::is_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_known_columns_win() {
        for (text, delimiter) in [
            ("email,password,username\n", Delimiter::Comma),
            ("email;password;username\n", Delimiter::Semicolon),
            ("email\tpassword\tusername\n", Delimiter::Tab),
            ("\"a, b, c, d\";email;name\n", Delimiter::Semicolon),
            (
                "notes, remarks, and so on;email;name\n",
                Delimiter::Semicolon,
            ),
            ("x;y;z,email,name\n", Delimiter::Comma),
            ("\n\n;;;\nemail;name\n", Delimiter::Semicolon),
        ] {
            assert_eq!(Delimiter::sniff(text), delimiter, "{text:?}");
        }
    }

    #[test]
    fn the_most_cells_win_among_equals() {
        assert_eq!(Delimiter::sniff("a,b;c;d\n"), Delimiter::Semicolon);
        assert_eq!(Delimiter::sniff("a;b,c\n"), Delimiter::Comma);
        assert_eq!(Delimiter::sniff("email\n"), Delimiter::Comma);
        assert_eq!(Delimiter::sniff(""), Delimiter::Comma);
        assert_eq!(Delimiter::sniff(",,\n,,\n"), Delimiter::Comma);
    }
}

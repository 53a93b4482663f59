//! What programs write before the header.

use super::delimiter::Delimiter;
use super::refusal::FileRefused;
use super::wording::SHOWN_CHARACTERS;

/// The characters that a spreadsheet program may add to a line when it saves the file anew.
const ADDED: [char; 6] = [',', ';', '\t', '|', '"', ' '];

/// The first line of the templates of Microsoft Entra.
const TEMPLATE_VERSION: &str = "version:v1.0";

/// What stands before the header: repeated byte-order marks, then a line such as `sep=;`, with
/// which Excel is told the delimiter, or the version line of the Microsoft Entra templates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Preamble {
    /// How many bytes of the text it takes.
    pub(super) length: usize,
    /// The number of the line below.
    pub(super) next_line: u64,
    /// The delimiter that it sets.
    pub(super) delimiter: Option<Delimiter>,
    /// Its line, if it has one.
    pub(super) skipped: Option<SkippedLine>,
}

/// A line that is no row: a title, a heading, a total, or what a program writes for itself.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct SkippedLine {
    /// The number of the line.
    #[schema(minimum = 1)]
    pub line: u64,
    /// Its beginning.
    #[schema(max_length = 200)]
    pub text: String,
}

impl SkippedLine {
    /// A line with its number.
    pub fn new(line: u64, text: &str) -> Self {
        let text = text.trim().chars().take(SHOWN_CHARACTERS).collect();
        Self { line, text }
    }
}

impl Preamble {
    /// Reads what precedes the header of `text`.
    ///
    /// # Errors
    ///
    /// Refuses a `sep=` line that sets an unsupported delimiter.
    pub(super) fn read(text: &str) -> Result<Self, FileRefused> {
        // Tools that add a byte-order mark to a file that has one leave the second in the text.
        let unmarked = text.trim_start_matches('\u{feff}');
        let marks = text.len() - unmarked.len();
        let line = unmarked.split(['\r', '\n']).next().unwrap_or_default();
        let separator = separator(line);
        if separator.is_none() && !is_version(line) {
            return Ok(Self {
                length: marks,
                next_line: 1,
                delimiter: None,
                skipped: None,
            });
        }
        let below = unmarked.get(line.len()..).unwrap_or_default();
        Ok(Self {
            length: marks + line.len() + line_end(below),
            next_line: 2,
            delimiter: separator.map(supported).transpose()?,
            skipped: Some(SkippedLine::new(1, line)),
        })
    }
}

/// The character that a `sep=` line sets.
fn separator(line: &str) -> Option<char> {
    // A spreadsheet program that has saved the file anew may have put it in quotes.
    let line = line.trim_matches('"');
    let (word, separator) = line.split_at_checked(4)?;
    let mut characters = separator.chars();
    match (characters.next(), characters.next()) {
        (Some(only), None) if word.eq_ignore_ascii_case("sep=") => Some(only),
        _ => None,
    }
}

fn is_version(line: &str) -> bool {
    line.trim_matches(ADDED)
        .eq_ignore_ascii_case(TEMPLATE_VERSION)
}

fn line_end(text: &str) -> usize {
    match text.as_bytes() {
        [b'\r', b'\n', ..] => 2,
        [_, ..] => 1,
        [] => 0,
    }
}

fn supported(separator: char) -> Result<Delimiter, FileRefused> {
    Delimiter::from_char(separator).ok_or_else(|| {
        FileRefused::unreadable(
            "Line 1 (\"sep=\") sets a delimiter that is not supported. Save the table with \
             commas, semicolons, tabs or vertical bars between the cells and upload that file.",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preamble(length: usize, next_line: u64, delimiter: Option<Delimiter>) -> Expected {
        Ok((length, next_line, delimiter))
    }

    type Expected = Result<(usize, u64, Option<Delimiter>), FileRefused>;

    fn read(text: &str) -> Expected {
        let read = Preamble::read(text)?;
        assert_eq!(read.skipped.is_some(), read.next_line == 2, "{text:?}");
        Ok((read.length, read.next_line, read.delimiter))
    }

    #[test]
    fn most_files_have_none() {
        for text in [
            "",
            "email,name\n",
            "sep",
            "sep=",
            "sep==x\n",
            "säp=;\n",
            "version\n",
        ] {
            assert_eq!(read(text), preamble(0, 1, None), "{text:?}");
        }
    }

    #[test]
    fn a_separator_line_is_taken_with_its_line_end() {
        for (text, length, delimiter) in [
            ("sep=;\nemail", 6, Delimiter::Semicolon),
            ("SEP=,\r\nemail", 7, Delimiter::Comma),
            ("sep=\t\remail", 6, Delimiter::Tab),
            ("\"sep=;\"\nemail", 8, Delimiter::Semicolon),
            ("sep=|\nemail", 6, Delimiter::Pipe),
            ("sep=;", 5, Delimiter::Semicolon),
        ] {
            let expected = preamble(length, 2, Some(delimiter));
            assert_eq!(read(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_version_line_is_taken() {
        assert_eq!(read("version:v1.0\r\nName"), preamble(14, 2, None));
        assert_eq!(read("version:v1.0,,,\nName"), preamble(16, 2, None));
    }

    #[test]
    fn repeated_marks_are_taken() {
        assert_eq!(read("\u{feff}email"), preamble(3, 1, None));
        let expected = preamble(12, 2, Some(Delimiter::Tab));
        assert_eq!(read("\u{feff}\u{feff}sep=\t\nemail"), expected);
    }

    #[test]
    fn other_separators_are_refused() {
        let refused = read("sep=^\nemail^name\n").unwrap_err();
        assert!(
            refused
                .detail
                .contains("commas, semicolons, tabs or vertical bars")
        );
    }
}

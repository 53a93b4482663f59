//! A list of names to make accounts of (`docs/imports.md#names-without-addresses`), as lines of a
//! text or as a list of texts.

use super::spreadsheet::{Encoding, FileRefused, ReadError, RefusalKind, decode_lines};
use super::username::{Username, UsernameError};

/// The most names of a list.
const MAX_USERNAMES: usize = 10_000;

/// The longest line that is taken for a name, in bytes: far more than any has. What is longer is a
/// text without line breaks, or no text; pages of rows are held in memory by their number, so that
/// this bounds their size.
const MAX_LINE_BYTES: usize = 16 * 1024;

/// Names that are not blank, in their order, as they were given; whether each is a username is not
/// asked yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsernameList(Vec<String>);

/// Why something is not a list of names.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UsernameListError {
    #[error("{0}")]
    NoText(String),
    #[error("{0}")]
    EncodingUnclear(String),
    #[error("There is no name in the list.")]
    Empty,
    #[error(
        "The list has more than {MAX_USERNAMES} names. Divide it, and send the parts one by one."
    )]
    TooMany,
    #[error("Name {number} is longer than any name. Write one name on each line.")]
    EndlessLine {
        /// Which name, counting from 1.
        number: usize,
    },
}

impl UsernameList {
    /// The names in a text, one a line, whichever line breaks and in any encoding that an imported file may
    /// have. `asked` is the one that whoever sends it names.
    ///
    /// # Errors
    /// Where it is no text or its encoding cannot be told, or as [`UsernameList::of_texts`].
    pub fn of_lines(text: &[u8], asked: Option<Encoding>) -> Result<Self, UsernameListError> {
        let text = decode_lines(text, asked)?;
        let text = text.trim_start_matches('\u{feff}');
        Self::of_texts(text.trim_end_matches(END_OF_FILE).split(['\r', '\n']))
    }

    /// The names among these texts.
    ///
    /// # Errors
    /// Where there is none, where there are too many, or where one is too long.
    pub fn of_texts<T: Into<String> + AsRef<str>>(
        texts: impl IntoIterator<Item = T>,
    ) -> Result<Self, UsernameListError> {
        let mut names = Vec::new();
        for text in texts.into_iter().filter(|text| !is_blank(text.as_ref())) {
            if names.len() == MAX_USERNAMES {
                return Err(UsernameListError::TooMany);
            }
            if text.as_ref().len() > MAX_LINE_BYTES {
                let number = names.len() + 1;
                return Err(UsernameListError::EndlessLine { number });
            }
            names.push(text.into());
        }
        if names.is_empty() {
            return Err(UsernameListError::Empty);
        }
        Ok(Self(names))
    }

    /// The names.
    pub fn names(&self) -> &[String] {
        &self.0
    }
}

/// The mark that old programs set behind the end of a text, and the blanks around it.
const END_OF_FILE: [char; 4] = ['\u{1a}', '\r', '\n', ' '];

impl From<ReadError> for UsernameListError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Refused(FileRefused {
                kind: RefusalKind::EncodingUnclear,
                detail,
            }) => Self::EncodingUnclear(detail),
            ReadError::Refused(refused) => Self::NoText(refused.detail),
            // Bytes in memory do not fail.
            ReadError::Source(error) => Self::NoText(error.to_string()),
        }
    }
}

/// What a name could not be made of because there is nothing: such lines are skipped.
fn is_blank(text: &str) -> bool {
    text.len() <= MAX_LINE_BYTES && Username::parse(text) == Err(UsernameError::Missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        UsernameList::of_lines(text.as_bytes(), None).unwrap().0
    }

    #[test]
    fn lines_end_in_any_way() {
        for text in [
            "Jane\nLi Ming",
            "Jane\r\nLi Ming\r\n",
            "Jane\rLi Ming\r",
            "\u{feff}Jane\n\n\nLi Ming",
        ] {
            assert_eq!(names(text), ["Jane", "Li Ming"], "{text:?}");
        }
    }

    #[test]
    fn blank_lines_are_no_names_and_bad_names_are() {
        assert_eq!(
            names("\n  \n\u{feff}\n\t\u{a0}\u{3000}\nx\n\u{200d}\n"),
            ["x", "\u{200d}"]
        );
    }

    #[test]
    fn names_stay_as_they_were_given() {
        assert_eq!(names(" '=Jane  Doe, \"7\"\t\n"), [" '=Jane  Doe, \"7\"\t"]);
    }

    #[test]
    fn what_is_no_list_is_refused() {
        let refused = |text: &[u8]| UsernameList::of_lines(text, None).unwrap_err();
        assert!(matches!(
            refused(b"Jane\0Doe"),
            UsernameListError::NoText(_)
        ));
        assert!(matches!(
            refused(b"\x89PNG\r\n\x1a\n"),
            UsernameListError::NoText(_)
        ));
        let unclear = refused(b"J\x81\xfe\xa1x\n");
        assert!(
            matches!(unclear, UsernameListError::EncodingUnclear(_)),
            "{unclear}"
        );
        assert_eq!(refused(b""), UsernameListError::Empty);
        assert_eq!(refused(b"\xef\xbb\xbf \r\n\r\n"), UsernameListError::Empty);
        let endless = format!("Jane\n{}", "x".repeat(MAX_LINE_BYTES + 1));
        assert_eq!(
            refused(endless.as_bytes()),
            UsernameListError::EndlessLine { number: 2 }
        );
    }

    #[test]
    fn encodings_are_told_apart() {
        let list = |bytes: &[u8]| UsernameList::of_lines(bytes, None).unwrap().0;
        assert_eq!(list(b"J\xfcrgen\nZo\xeb\n"), ["Jürgen", "Zoë"]);
        assert_eq!(list(b"J\0a\0n\0e\0\n\0L\0i\0"), ["Jane", "Li"]);
        let utf16 =
            |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_be_bytes).collect() };
        assert_eq!(
            list(&utf16("Иван Петров\r\nОльга\r\n")),
            ["Иван Петров", "Ольга"]
        );
        assert_eq!(list("Jane\r\nLi\r\n\u{1a}".as_bytes()), ["Jane", "Li"]);
        let greek = UsernameList::of_lines(b"\xc3\n", Some(Encoding::Windows1253)).unwrap();
        assert_eq!(greek.0, ["Γ"]);
    }

    #[test]
    fn blank_lines_do_not_count_to_the_limit() {
        let most = "x\n\n".repeat(MAX_USERNAMES);
        assert_eq!(names(&most).len(), MAX_USERNAMES);
        assert_eq!(
            UsernameList::of_lines(format!("{most}x").as_bytes(), None),
            Err(UsernameListError::TooMany)
        );
    }
}

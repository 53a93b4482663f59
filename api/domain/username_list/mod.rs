//! A list of names to make accounts of (`docs/imports.md#names-without-addresses`), as lines of a
//! text or as a list of texts.

mod marks;

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::email_address::EmailAddress;
use super::spreadsheet::{
    Encoding, FileRefused, ReadError, RefusalKind, SkippedLine, decode_lines, names_accounts,
    names_people,
};
use super::username::{Username, UsernameError, trimmed};
use marks::{is_mark_alone, without_bullet};

/// The most names of a list.
const MAX_USERNAMES: usize = 10_000;

/// The longest line that is taken for a name, in bytes: far more than any has. What is longer is a
/// text without line breaks, or no text; pages of rows are held in memory by their number, so that
/// this bounds their size.
const MAX_LINE_BYTES: usize = 16 * 1024;

/// Names that are not blank, in their order, without the marks of a list; whether each is a username is not
/// asked yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsernameList {
    names: Vec<String>,
    cleaned: CleanedList,
}

/// What was taken off a list of names, because it is no part of any.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CleanedList {
    /// The lines that were passed over: the head of the column, and the total below it. A name has its place among
    /// the names for a line where the list is JSON.
    #[schema(max_items = 2)]
    pub skipped: Vec<SkippedLine>,
    /// Around how many names stood a bullet, a number of the list, or a comma at the end of the line.
    #[schema(minimum = 0, maximum = 10000)]
    pub marked: usize,
}

/// Why a line of a list is not a person's name. The message does not repeat the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListedNameError {
    #[error(transparent)]
    Username(#[from] UsernameError),
    #[error(
        "This holds an email address, and lists are for people without one. Invite them by email, or import a CSV \
         file with a column for addresses."
    )]
    Address,
    #[error("This is a row of a table. Send the names alone, or the whole table as a CSV file.")]
    TableRow,
    #[error("This holds markup of a web page. Write the name as plain text.")]
    Markup,
}

/// Why something is not a list of names.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UsernameListError {
    #[error("{0}")]
    NoText(String),
    #[error("{0}")]
    EncodingUnclear(String),
    #[error("There is no name in the list.")]
    Empty,
    #[error("This is a web page. Copy the names from it as plain text, one on each line.")]
    WebPage,
    #[error(
        "The first line names columns of addresses or passwords: this is a table. Import it as a CSV file, or send the \
         names alone."
    )]
    Table,
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
        let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
        Self::of_texts(text.trim_end_matches(END_OF_FILE).split(['\r', '\n']))
    }

    /// The names among these texts.
    ///
    /// # Errors
    /// Where there is none, where there are too many, or where one is too long.
    pub fn of_texts<T: Into<String> + AsRef<str>>(
        texts: impl IntoIterator<Item = T>,
    ) -> Result<Self, UsernameListError> {
        let mut lines = lines_of(texts)?;
        let first = lines.front().ok_or(UsernameListError::Empty)?;
        refuse_other_kinds(without_bullet(&first.1))?;
        let skipped = skip_around(&mut lines);
        let mut names: Vec<String> = lines.into_iter().map(|(_, name)| name).collect();
        if names.len() > MAX_USERNAMES {
            return Err(UsernameListError::TooMany);
        }
        let marked = marks::take_off(&mut names);
        let cleaned = CleanedList { skipped, marked };
        Ok(Self { names, cleaned })
    }

    /// The names.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// What was taken off the list, if anything was.
    pub fn cleaned(&self) -> Option<&CleanedList> {
        let is_clean = self.cleaned == CleanedList::default();
        (!is_clean).then_some(&self.cleaned)
    }
}

/// Takes the head of the column and the total below it off the lines, where a name is left.
fn skip_around(lines: &mut VecDeque<Line>) -> Vec<SkippedLine> {
    let mut skipped = Vec::new();
    let beginning = lines.front().map(|(_, text)| without_bullet(text));
    if lines.len() > 1 && beginning.is_some_and(is_head) {
        skipped.extend(lines.pop_front());
    }
    let end = lines.back().map(|(_, text)| without_bullet(text));
    if lines.len() > 1 && end.is_some_and(is_total) {
        skipped.extend(lines.pop_back());
    }
    let skipped = skipped.into_iter();
    skipped
        .map(|(line, text)| SkippedLine::new(line, without_bullet(&text)))
        .collect()
}

/// A line with its number.
type Line = (u64, String);

/// The lines that are not blank: at most two more than a list may have names, for what stands around them.
fn lines_of<T: Into<String> + AsRef<str>>(
    texts: impl IntoIterator<Item = T>,
) -> Result<VecDeque<Line>, UsernameListError> {
    let mut lines = VecDeque::new();
    let texts = (1..).zip(texts);
    for (line, text) in texts.filter(|(_, text)| !is_blank(text.as_ref())) {
        if lines.len() > MAX_USERNAMES + 1 {
            return Err(UsernameListError::TooMany);
        }
        if text.as_ref().len() > MAX_LINE_BYTES {
            let number = lines.len() + 1;
            return Err(UsernameListError::EndlessLine { number });
        }
        lines.push_back((line, text.into()));
    }
    Ok(lines)
}

/// The name of a person, in a line of a list.
///
/// # Errors
/// Where it is no username, or plainly something else.
pub fn listed_name(line: &str) -> Result<Username, ListedNameError> {
    if line.contains(['@', '＠']) && holds_address(line) {
        let is_row = trimmed(line).contains([',', ';', '\t', '|']);
        return Err(match is_row {
            true => ListedNameError::TableRow,
            false => ListedNameError::Address,
        });
    }
    if is_markup(line) {
        return Err(ListedNameError::Markup);
    }
    if is_table_row(line) {
        return Err(ListedNameError::TableRow);
    }
    Ok(Username::parse(line)?)
}

fn holds_address(line: &str) -> bool {
    let is_around = |c: char| c.is_whitespace() || "<>()[]\"',;|".contains(c);
    let mut words = line.split(is_around);
    words.any(|word| EmailAddress::parse(word.trim_start_matches("mailto:")).is_ok())
}

/// Whether there is a tag of HTML in a line.
fn is_markup(line: &str) -> bool {
    let mut tags = line.split('<').skip(1);
    tags.any(|tag| {
        tag.starts_with(|c: char| c.is_ascii_alphabetic() || "/!".contains(c)) && tag.contains('>')
    })
}

/// Whether a line is divided into more cells than the halves of a name. Of two cells that a tab divides, one with a
/// digit is no half.
fn is_table_row(line: &str) -> bool {
    let count = |divider| cells(line, divider).count();
    let is_of_digits = cells(line, '\t').any(|cell| cell.contains(|c: char| c.is_ascii_digit()));
    count(';') > 1 || count('\t') > if is_of_digits { 1 } else { 2 }
}

fn cells(line: &str, divider: char) -> impl Iterator<Item = &str> {
    let cells = line.split(divider).map(trimmed);
    cells.filter(|cell| !cell.is_empty())
}

/// Refuses what begins as no list of names does.
fn refuse_other_kinds(beginning: &str) -> Result<(), UsernameListError> {
    let tag: String = beginning.chars().take(6).collect();
    let tag = tag.to_ascii_lowercase();
    if ["<!", "<?", "<html", "<head", "<body", "<table"]
        .iter()
        .any(|it| tag.starts_with(it))
    {
        return Err(UsernameListError::WebPage);
    }
    let is_header = |divider| {
        let known = |cell: &&str| names_people(cell) || names_accounts(cell);
        cells(beginning, divider).filter(known).count() > 1
            && cells(beginning, divider).any(names_accounts)
    };
    match [',', ';', '\t', '|'].into_iter().any(is_header) {
        true => Err(UsernameListError::Table),
        false => Ok(()),
    }
}

/// What columns and people are called, and what is a person's name too as it is written here.
const NAMES_OF_PEOPLE: [&str; 4] = ["adi", "mel", "zak", "schuler"];

/// Whether the first line is the head of a column and no name: what columns of names are called, or what ends in a
/// colon.
fn is_head(line: &str) -> bool {
    let is_name = NAMES_OF_PEOPLE.contains(&line.to_lowercase().as_str());
    let is_header =
        |divider| cells(line, divider).count() > 1 && cells(line, divider).all(names_people);
    let numbers_people = line.contains('\t') && cells(line, '\t').any(names_people);
    let is_alone = names_people(line) || names_accounts(line);
    !is_name && (is_alone || line.ends_with(':') || numbers_people || is_header(','))
}

/// Whether a line tells how many there are: `Total: 25`.
fn is_total(line: &str) -> bool {
    const WORDS: [&str; 16] = [
        "total",
        "totals",
        "sum",
        "count",
        "summe",
        "gesamt",
        "anzahl",
        "somme",
        "suma",
        "totale",
        "totaal",
        "summa",
        "antal",
        "antall",
        "yhteensä",
        "toplam",
    ];
    let words = line.split(|c: char| c.is_whitespace() || ":=.,;".contains(c));
    let mut words = words.filter(|word| !word.is_empty());
    let is_word = words
        .next()
        .is_some_and(|word| WORDS.contains(&word.to_lowercase().as_str()));
    let is_number = words
        .next()
        .is_some_and(|word| word.bytes().all(|byte| byte.is_ascii_digit()));
    is_word && is_number && words.next().is_none()
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

/// What a name could not be made of because there is nothing, or a mark of a list alone: such lines are skipped.
fn is_blank(text: &str) -> bool {
    let is_blank = || trimmed(text).is_empty() || is_mark_alone(text);
    text.len() <= MAX_LINE_BYTES && is_blank()
}

#[cfg(test)]
mod tests;

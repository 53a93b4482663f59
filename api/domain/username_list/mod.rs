//! A list of names to make accounts of (`docs/imports.md#names-without-addresses`), as lines of a
//! text or as a list of texts.

mod marks;

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::email_address::EmailAddress;
use super::spreadsheet::{
    Encoding, FileRefused, ReadError, RefusalKind, SkippedLine, decode_lines, is_account_header,
    is_password_header, is_people_header, names_before_errors,
};
use super::username::artifacts::{is_markup, parse_from_file};
use super::username::{Username, UsernameError, trimmed};
use marks::{is_mark_alone, without_bullet};

/// The most names of a list.
const MAX_USERNAMES: usize = 10_000;

/// The longest line that is taken for a name, in bytes: far more than any has. What is longer is a
/// text without line breaks, or no text; pages of rows are held in memory by their number, so that
/// this bounds their size.
const MAX_LINE_BYTES: usize = 16 * 1024;

/// What is longer is no header, and is not looked through for addresses.
const MAX_READ_BYTES: usize = 1024;

/// How many lines behind the first may be the header of a table.
const TITLE_LINES: usize = 4;

/// Names that are not blank, in their order, without the marks of a list; whether each is a username is not
/// asked yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsernameList {
    names: Vec<String>,
    cleaned: CleanedList,
}

/// What was removed from a list of names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CleanedList {
    /// The lines of a text that were passed over: the head of the column, and the total below it.
    #[schema(max_items = 2)]
    pub skipped: Vec<SkippedLine>,
    /// How many names had a bullet or a number of the list before them, or a comma behind them.
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
        "A line at the beginning names columns of addresses or passwords: this is a table. Import it as a CSV file, or \
         send the names alone."
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
    /// have. `asked` is the one that whoever sends it names. Of the `errors.csv` of a list, they are its first column.
    ///
    /// # Errors
    /// Where it is no text or its encoding cannot be told, or as [`UsernameList::of_texts`].
    pub fn of_lines(text: &[u8], asked: Option<Encoding>) -> Result<Self, UsernameListError> {
        let text = decode_lines(text, asked)?;
        let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
        let lines = match names_before_errors(&text)? {
            Some(names) => lines_of(names)?,
            None => lines_of(text.trim_end_matches(END_OF_FILE).split(['\r', '\n']))?,
        };
        Self::read(lines, skip_around)
    }

    /// The names among these texts, each of which was given as one.
    ///
    /// # Errors
    /// Where there is none, where there are too many, or where one is too long.
    pub fn of_texts(texts: Vec<String>) -> Result<Self, UsernameListError> {
        Self::read(lines_of(texts)?, |_| Vec::new())
    }

    fn read(
        mut lines: VecDeque<Line>,
        skip: impl FnOnce(&mut VecDeque<Line>) -> Vec<SkippedLine>,
    ) -> Result<Self, UsernameListError> {
        refuse_other_kinds(&lines)?;
        let skipped = skip(&mut lines);
        let mut names: Vec<String> = lines.into_iter().map(|(_, name)| name).collect();
        if names.len() > MAX_USERNAMES {
            return Err(UsernameListError::TooMany);
        }
        let marked = marks::take_off(&mut names);
        if names.is_empty() {
            return Err(UsernameListError::Empty);
        }
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
    let is_short = line.len() <= MAX_READ_BYTES;
    if is_short && holds_address(line) {
        let is_row = trimmed(line).contains([',', ';', '\t', '|']);
        return Err(match is_row {
            true => ListedNameError::TableRow,
            false => ListedNameError::Address,
        });
    }
    if is_short && is_markup(line) {
        return Err(ListedNameError::Markup);
    }
    if is_table_row(line) {
        return Err(ListedNameError::TableRow);
    }
    Ok(parse_from_file(line)?)
}

/// Whether a line that is no name may be shown: not where something else stands in it, which may be a password.
pub fn is_shown(line: &str, error: &ListedNameError) -> bool {
    match error {
        ListedNameError::Username(_) => true,
        ListedNameError::Address => EmailAddress::parse(line).is_ok(),
        ListedNameError::TableRow | ListedNameError::Markup => false,
    }
}

fn holds_address(line: &str) -> bool {
    if !line.contains(['@', '＠']) {
        return false;
    }
    let is_around = |c: char| c.is_whitespace() || "<>()[]\"',;|:/=".contains(c);
    let mut words = line.split(is_around);
    words.any(|word| EmailAddress::parse(word.trim_end_matches('.')).is_ok())
}

/// Whether a line is divided into cells, and not only into the halves of a name, neither of which has a digit. Columns
/// that are aligned by blanks are cells too.
fn is_table_row(line: &str) -> bool {
    const ALIGNED: &str = "   ";
    let has_digit = |cell: &str| cell.contains(|c: char| c.is_ascii_digit());
    let are_more_than_a_name = |cells: Vec<&str>| match cells.len() {
        0 | 1 => false,
        2 => cells.into_iter().any(has_digit),
        _ => true,
    };
    let divides_more = |divider| are_more_than_a_name(cells(line, divider).collect());
    let aligned = line.split(ALIGNED).map(trimmed);
    let aligned = aligned.filter(|cell| !cell.is_empty()).collect();
    let divides = |divider| cells(line, divider).count() > 1;
    [';', '|'].into_iter().any(divides)
        || [',', '\t'].into_iter().any(divides_more)
        || are_more_than_a_name(aligned)
}

fn cells(line: &str, divider: char) -> impl Iterator<Item = &str> {
    let cells = line.split(divider).map(trimmed);
    cells.filter(|cell| !cell.is_empty())
}

/// Refuses what begins as no list of names does.
fn refuse_other_kinds(lines: &VecDeque<Line>) -> Result<(), UsernameListError> {
    let mut beginning = lines.iter().map(|(_, line)| without_bullet(line));
    let first = beginning.next().unwrap_or_default();
    let tag: String = first.chars().take(6).collect();
    let tag = tag.to_ascii_lowercase();
    if ["<!", "<?", "<html", "<head", "<body", "<table"]
        .iter()
        .any(|it| tag.starts_with(it))
    {
        return Err(UsernameListError::WebPage);
    }
    let is_of_passwords = is_password_header(first.trim_end_matches(':'));
    let is_table = is_of_passwords || tag.starts_with("sep=") || is_table_header(first);
    // A title may stand before the header.
    match is_table || beginning.take(TITLE_LINES).any(is_table_header) {
        true => Err(UsernameListError::Table),
        false => Ok(()),
    }
}

/// Whether a line names the columns of a table of accounts.
fn is_table_header(line: &str) -> bool {
    let is_divided_by = |divider| {
        let known = |cell: &&str| is_people_header(cell) || is_account_header(cell);
        cells(line, divider).filter(known).count() > 1
            && cells(line, divider).any(is_account_header)
    };
    line.len() <= MAX_READ_BYTES && [',', ';', '\t', '|', '/'].into_iter().any(is_divided_by)
}

/// First names and surnames that are words of headers too.
const NAMES_OF_PEOPLE: [&str; 5] = ["ad", "adi", "mel", "zak", "schuler"];

/// Whether the first line is the head of a column and no name: what columns of names are called, or what ends in a
/// colon.
fn is_head(line: &str) -> bool {
    let is_name = NAMES_OF_PEOPLE.contains(&line.to_lowercase().as_str());
    let is_header = |divider| {
        let is_known = |cell: &str| is_people_header(cell) || is_number_header(cell);
        cells(line, divider).count() > 1 && cells(line, divider).all(is_known)
    };
    let is_alone = is_people_header(line) || is_account_header(line);
    line.len() <= MAX_READ_BYTES
        && !is_name
        && (is_alone || line.ends_with(':') || is_header(',') || is_header('\t'))
}

/// Whether a cell is the head of a column of numbers.
fn is_number_header(cell: &str) -> bool {
    const WORDS: [&str; 8] = ["nr", "no", "nº", "n°", "№", "#", "num", "number"];
    let word = cell.trim_end_matches('.').to_lowercase();
    WORDS.contains(&word.as_str())
}

/// Whether a line tells how many there are: `Total: 25`, `Total students: 25`, `25 students`.
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
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let is_word = |word: &str| WORDS.contains(&word.to_lowercase().as_str());
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    match *words.as_slice() {
        [word, number] if is_word(word) => is_number(number),
        [word, people, number] => is_word(word) && is_people_header(people) && is_number(number),
        [number, people] => is_number(number) && is_people_header(people),
        _ => false,
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

/// What a name could not be made of because there is nothing, or a mark of a list alone: such lines are skipped.
fn is_blank(text: &str) -> bool {
    let is_blank = || trimmed(text).is_empty() || is_mark_alone(text);
    text.len() <= MAX_LINE_BYTES && is_blank()
}

#[cfg(test)]
mod tests;

//! Reading a table of people.

use std::io::{BufRead, Read};
use std::{fmt, mem};

use serde::{Deserialize, Serialize};

use super::columns::{Columns, DetectedColumns, Optional};
use super::delimiter::Delimiter;
use super::encoding::Encoding;
use super::layout::Layout;
use super::limits::{MAX_COLUMNS, ReadOptions, Requirements};
use super::preamble::SkippedLine;
use super::readings::Content;
use super::records::{Record, Records};
use super::refusal::{FileRefused, ReadError, RefusalKind};
use super::signature;
use super::text::TextReader;
use super::wording::grouped;

/// What the reader has found out about a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Detected {
    /// The encoding. A file that has shown nothing but ASCII so far counts as UTF-8, so that this
    /// may turn into another while rows are read; it is final at the last row.
    pub encoding: Encoding,
    /// The delimiter.
    pub delimiter: Delimiter,
    /// The lines before the header, which were passed over, and the example of a template below it.
    #[schema(max_items = 51)]
    pub skipped: Vec<SkippedLine>,
    /// The columns in use.
    pub columns: DetectedColumns,
}

/// One person in the file.
#[derive(Clone, PartialEq, Eq)]
pub struct Row {
    /// The number of the row: 1 for the first below the header. Blank rows are not counted.
    pub number: u32,
    /// The number of the line on which the row begins.
    pub line: u64,
    /// All cells, passwords as well, and formulas still defused. Those of a record that is very long are
    /// cut or left out.
    pub cells: Vec<String>,
    /// The address, not trimmed. Empty where the row is too short.
    pub email: String,
    /// The name that stands in the cell of the address, as mail programs write it (`Mira <mira@x.example>`).
    pub name_beside_email: Option<String>,
    /// The password, exactly as it stands in the file. None where the cell is empty, or masked (`****`).
    pub password: Option<String>,
    /// The user name, not trimmed unless it is put together. Empty where the row is too short.
    pub username: String,
    /// Whether the row has filled cells beyond the last column of the header. It then probably
    /// holds a delimiter that should be in quotes, and its cells may stand in wrong columns.
    pub surplus_cells: bool,
    /// Whether quotation marks break the rules, so that what its cells mean is a guess.
    pub broken_quotes: bool,
    /// Whether it is one cell, with a character in it that divides other tables.
    pub undivided: bool,
}

/// Shows where the row is, but none of its cells, for one of them may be a password.
impl fmt::Debug for Row {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Row")
            .field("number", &self.number)
            .field("line", &self.line)
            .finish_non_exhaustive()
    }
}

/// A table of people that is read row by row, in bounded memory.
///
/// It is an iterator over its rows as well. After an error or the last row, it gives no more.
pub struct Spreadsheet<R> {
    records: Records<TextReader<R>>,
    delimiter: Delimiter,
    skipped: Vec<SkippedLine>,
    header: Vec<String>,
    columns: Columns,
    max_rows: u32,
    rows: u32,
    /// Whether a record below the header was asked for.
    begun: bool,
    ended: bool,
}

impl<R: Read> Spreadsheet<R> {
    /// Reads the start of a file up to its header.
    ///
    /// The source may block and may give its bytes in pieces of any size. It needs no buffer.
    ///
    /// # Errors
    ///
    /// The error of the source, or a refusal: the file is of another kind, damaged, empty, too
    /// large already, or has no usable header.
    pub fn open(source: R, requirements: Requirements) -> Result<Self, ReadError> {
        Self::open_with(source, requirements, |_| ReadOptions::default())
    }

    /// As [`Spreadsheet::open`], with what whoever sends the file says of it. The source is asked for that
    /// when its first MiB, or all of them, have arrived.
    ///
    /// # Errors
    ///
    /// As [`Spreadsheet::open`].
    pub fn open_with(
        source: R,
        requirements: Requirements,
        options: impl FnOnce(&R) -> ReadOptions,
    ) -> Result<Self, ReadError> {
        let mut text = TextReader::open(source, requirements.max_bytes, Content::Table)?;
        let options = options(text.source());
        text.expect(options.encoding)?;
        let start = text.preview()?;
        signature::refuse_markup(start)?;
        let layout = Layout::find(start, options.delimiter)?;
        text.consume(layout.length);
        let mut records = Records::new(text, layout.delimiter, layout.line);
        let record = records.next()?.ok_or_else(empty)?;
        require_columns_in_bounds(&record)?;
        refuse_broken_header(&record)?;
        let header: Vec<String> = record.cells.iter().map(str::to_owned).collect();
        let optional = Optional {
            password: !requirements.password_required,
            username: options.usernames_from_addresses,
        };
        let columns = Columns::find(&header, record.line, optional)?;
        records.expect_width(header.len());
        Ok(Self {
            records,
            delimiter: layout.delimiter,
            skipped: layout.skipped,
            header,
            columns,
            max_rows: requirements.max_rows,
            rows: 0,
            begun: false,
            ended: false,
        })
    }

    /// What has been found out about the file so far.
    pub fn detected(&self) -> Detected {
        Detected {
            encoding: self.records.text().encoding(),
            delimiter: self.delimiter,
            skipped: self.skipped.clone(),
            columns: self.columns.detected(&self.header),
        }
    }

    /// The cells of the header, as they stand in the file.
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// Which of the cells of a row holds the password, if the file has passwords. Whoever hands
    /// rows back writes this cell as it is, and the others as text that has been restored.
    pub fn password_column(&self) -> Option<usize> {
        self.columns.password_column()
    }

    /// The next row, or `None` after the last.
    ///
    /// # Errors
    ///
    /// The error of the source, or a refusal: the file is damaged, over a limit, or ends without
    /// a row.
    pub fn next_row(&mut self) -> Result<Option<Row>, ReadError> {
        if self.ended {
            return Ok(None);
        }
        let row = self.read_row();
        self.ended = !matches!(row, Ok(Some(_)));
        row
    }

    fn read_row(&mut self) -> Result<Option<Row>, ReadError> {
        let is_first = !mem::replace(&mut self.begun, true);
        match self.records.next()? {
            None if self.rows == 0 => Err(without_rows().into()),
            None => Ok(None),
            Some(record) if self.rows >= self.max_rows => {
                Err(too_many_rows(self.max_rows, record.line).into())
            }
            Some(record) if is_first && is_example(&record) => {
                let beginning = record.cells.iter().next().unwrap_or_default();
                self.skipped.push(SkippedLine::new(record.line, beginning));
                self.read_row()
            }
            Some(record) => {
                require_columns_in_bounds(&record)?;
                self.rows += 1;
                Ok(Some(row(self.rows, &record, &self.columns)))
            }
        }
    }
}

/// Shows how far the file has been read, but nothing of its content.
impl<R> fmt::Debug for Spreadsheet<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Spreadsheet")
            .field("rows", &self.rows)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

impl<R: Read> Iterator for Spreadsheet<R> {
    type Item = Result<Row, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_row().transpose()
    }
}

/// Whether the first row is the example of a template, as Microsoft's, which says so: `Example: Chris Green`.
fn is_example(record: &Record<'_>) -> bool {
    const WORDS: [&str; 7] = [
        "example:",
        "beispiel:",
        "exemple:",
        "exemple :",
        "ejemplo:",
        "esempio:",
        "exemplo:",
    ];
    let beginning = record.cells.iter().next().unwrap_or_default();
    let beginning = beginning.trim_start().to_lowercase();
    WORDS.iter().any(|word| beginning.starts_with(word))
}

fn row(number: u32, record: &Record<'_>, columns: &Columns) -> Row {
    let email = columns.email(record.cells);
    Row {
        number,
        line: record.line,
        email: email.address,
        name_beside_email: email.name,
        password: columns.password(record.cells),
        username: columns.username(record.cells),
        surplus_cells: columns.has_surplus(record.cells),
        broken_quotes: record.cells.has_broken_quotes(),
        undivided: columns.is_undivided(record.cells),
        cells: columns.kept(record.cells),
    }
}

fn require_columns_in_bounds(record: &Record<'_>) -> Result<(), FileRefused> {
    let columns = record.cells.len();
    if columns <= MAX_COLUMNS {
        return Ok(());
    }
    let number = |count: usize| grouped(u64::try_from(count).unwrap_or(u64::MAX));
    Err(FileRefused::unreadable(format!(
        "The row on line {} has {} columns, more than {}. Keep the columns for email, password and \
         username, remove the others and upload the file again.",
        record.line,
        number(columns),
        number(MAX_COLUMNS)
    )))
}

fn refuse_broken_header(header: &Record<'_>) -> Result<(), FileRefused> {
    if stand_in_apostrophes(header) {
        return Err(FileRefused::no_header(format!(
            "The cells on line {}, the header, stand in apostrophes ('). Save the table anew with quotation \
             marks (\") around its cells, or with nothing around them, and upload that file.",
            header.line
        )));
    }
    if !header.cells.has_broken_quotes() {
        return Ok(());
    }
    Err(FileRefused::no_header(format!(
        "The quotation marks (\") on line {}, the header, are not in pairs around whole names. Close or \
         remove them, then upload the file again.",
        header.line
    )))
}

/// Whether a program was told to put apostrophes around cells. They would become part of passwords.
fn stand_in_apostrophes(header: &Record<'_>) -> bool {
    let mut cells = header.cells.iter().filter(|cell| !cell.is_empty());
    let is_in = |cell: &str| cell.len() > 1 && cell.starts_with('\'') && cell.ends_with('\'');
    header.cells.len() > 1 && cells.all(is_in)
}

fn empty() -> FileRefused {
    FileRefused::new(
        RefusalKind::Empty,
        "The file is empty. Fill in the template, with a line for each person below its header, \
         and upload that file.",
    )
}

fn without_rows() -> FileRefused {
    FileRefused::new(
        RefusalKind::Empty,
        "The file has a header, but no rows. Add a line for each person below the header and \
         upload the file again.",
    )
}

/// The refusal of a file with more rows than allowed; the line is that of the first one too many.
pub fn too_many_rows(most: u32, line: u64) -> FileRefused {
    let detail = format!(
        "The file has more than {} rows: one too many begins on line {line}. Split the table into \
         several files, each with the header line, and upload them one after the other.",
        grouped(most)
    );
    FileRefused::new(RefusalKind::TooManyRows, detail)
}

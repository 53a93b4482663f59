//! Where in a text the table begins, and what divides its records.

use super::cells::Cells;
use super::delimiter::Delimiter;
use super::preamble::{Preamble, SkippedLine};
use super::records::Records;
use super::refusal::{FileRefused, RefusalKind};
use super::synonyms::is_known;

/// How many records may stand before the header, and how many below it are looked at.
const LOOKED_AT: usize = 50;

/// How a table lies in its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    /// What divides its records.
    pub(super) delimiter: Delimiter,
    /// How many bytes of the text are before the header.
    pub(super) length: usize,
    /// The number of the line on which the header begins.
    pub(super) line: u64,
    /// The lines before the header.
    pub(super) skipped: Vec<SkippedLine>,
}

impl Layout {
    /// Looks at the beginning of a text. `asked` is the delimiter that whoever sends the file names.
    ///
    /// # Errors
    ///
    /// Refuses a table whose delimiter the header and the rows do not tell, and a `sep=` line that
    /// sets an unsupported one.
    pub(super) fn find(text: &str, asked: Option<Delimiter>) -> Result<Self, FileRefused> {
        let preamble = Preamble::read(text)?;
        let table = text.get(preamble.length..).unwrap_or_default();
        let divisions = match asked.or(preamble.delimiter) {
            Some(delimiter) => vec![Division::of(table, delimiter)],
            None => Delimiter::ALL
                .map(|delimiter| Division::of(table, delimiter))
                .to_vec(),
        };
        let lines_before = preamble.next_line - 1;
        let best = best(&divisions, lines_before)?;
        let header = best.header();
        let titles = best.records.iter().take(best.header);
        let titles = titles.map(|title| title.skipped(lines_before));
        Ok(Self {
            delimiter: best.delimiter,
            length: preamble.length + header.offset,
            line: lines_before + header.line,
            skipped: preamble.skipped.into_iter().chain(titles).collect(),
        })
    }
}

/// A table as it is under one delimiter.
#[derive(Debug, Clone)]
struct Division {
    delimiter: Delimiter,
    records: Vec<Sketch>,
    /// Which of the records is the header.
    header: usize,
}

impl Division {
    fn of(table: &str, delimiter: Delimiter) -> Self {
        let records = first_records(table, delimiter);
        Self {
            delimiter,
            header: header_of(&records),
            records,
        }
    }

    fn header(&self) -> Sketch {
        self.records.get(self.header).cloned().unwrap_or_default()
    }

    /// What tells one division from another, the most telling first: how many columns have a known name,
    /// and how many rows are divided into as many cells as the header at most.
    fn weight(&self) -> (usize, usize, usize) {
        let Sketch { known, width, .. } = self.header();
        if known == 0 {
            return (0, 0, width);
        }
        let rows = self.records.iter().skip(self.header + 1);
        let fitting = rows.filter(|row| row.width > 1 && row.width <= width);
        (known, fitting.count(), 0)
    }

    /// Whether there are records below `line`, and all of them are divided.
    fn divides_all_below(&self, line: u64) -> bool {
        let mut below = self
            .records
            .iter()
            .filter(|record| record.line > line)
            .peekable();
        below.peek().is_some() && below.all(|record| record.width > 1)
    }

    /// Whether there is a record below `line` that is divided.
    fn divides_any_below(&self, line: u64) -> bool {
        let mut below = self.records.iter().filter(|record| record.line > line);
        below.any(|record| record.width > 1)
    }
}

/// What is to be seen of a record before its columns have a meaning.
#[derive(Debug, Clone)]
struct Sketch {
    offset: usize,
    /// Counted from the beginning of the table.
    line: u64,
    /// How many cells have a known column's name.
    known: usize,
    width: usize,
    /// The first cell that is not blank.
    beginning: String,
    has_address: bool,
}

impl Sketch {
    fn of(cells: &Cells, line: u64, offset: usize) -> Self {
        let beginning = cells.iter().find(|cell| !cell.trim().is_empty());
        Self {
            offset,
            line,
            known: cells.iter().filter(|cell| is_known(cell)).count(),
            width: cells.len(),
            beginning: beginning.unwrap_or_default().to_owned(),
            has_address: cells.iter().any(|cell| cell.contains('@')),
        }
    }

    fn skipped(&self, lines_before: u64) -> SkippedLine {
        SkippedLine::new(lines_before + self.line, &self.beginning)
    }
}

/// The header of a table in which nothing is to be seen.
impl Default for Sketch {
    fn default() -> Self {
        Self::of(&Cells::default(), 1, 0)
    }
}

/// The first records in which a letter or digit stands: of a blank record under another delimiter, the
/// delimiters are left.
fn first_records(table: &str, delimiter: Delimiter) -> Vec<Sketch> {
    let mut records = Records::new(table.as_bytes(), delimiter, 1);
    let mut sketches = Vec::new();
    while let Ok(Some(record)) = records.next() {
        if record
            .cells
            .iter()
            .any(|cell| cell.contains(char::is_alphanumeric))
        {
            sketches.push(Sketch::of(record.cells, record.line, record.offset));
        }
        if sketches.len() >= LOOKED_AT {
            break;
        }
    }
    sketches
}

/// Which of the first records is the header: the one that names the most columns. Nobody's row is passed
/// over for that: where an address stands above it, the first record has to be the header.
fn header_of(records: &[Sketch]) -> usize {
    let known = records.iter().map(|record| record.known).max().unwrap_or(0);
    let header = records
        .iter()
        .position(|record| record.known == known)
        .unwrap_or(0);
    let mut before = records.iter().take(header);
    if before.any(|record| record.has_address) {
        0
    } else {
        header
    }
}

/// The division that finds the most in the header and the rows.
fn best(divisions: &[Division], lines_before: u64) -> Result<&Division, FileRefused> {
    // The first of equals is preferred, while `max_by_key` takes the last.
    let preferred_last = divisions.iter().rev();
    let best = preferred_last.max_by_key(|division| division.weight());
    let best = best.ok_or_else(|| FileRefused::unreadable("The file cannot be read as CSV."))?;
    let header = best.header();
    if header.known == 0 || header.width < 2 {
        return Ok(best);
    }
    let line = header.line + lines_before;
    let mut others = divisions
        .iter()
        .filter(|other| other.delimiter != best.delimiter);
    let is_equal = |other: &&Division| other.header().width > 1 && other.weight() == best.weight();
    if let Some(other) = others.clone().find(is_equal) {
        return Err(equally_divided(line, best.delimiter, other.delimiter));
    }
    let of_rows = others.find(|other| other.divides_all_below(header.line));
    match of_rows.filter(|_| !best.divides_any_below(header.line)) {
        Some(other) => Err(divided_otherwise(line, best.delimiter, other.delimiter)),
        None => Ok(best),
    }
}

fn equally_divided(line: u64, one: Delimiter, other: Delimiter) -> FileRefused {
    unclear(format!(
        "Line {line} can be divided by {} and by {} alike.",
        one.plural(),
        other.plural()
    ))
}

fn divided_otherwise(line: u64, header: Delimiter, rows: Delimiter) -> FileRefused {
    unclear(format!(
        "Line {line} is divided by {}, and the rows below it are divided by {}.",
        header.plural(),
        rows.plural()
    ))
}

fn unclear(cause: String) -> FileRefused {
    let detail = format!(
        "{cause} Save the table anew with the same character between all cells, or say by the field \
         `delimiter` which it is, and upload the file again."
    );
    FileRefused::new(RefusalKind::DelimiterUnclear, detail)
}

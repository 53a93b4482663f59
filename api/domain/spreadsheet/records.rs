//! Text split into records and cells.

use std::io::BufRead;

use csv::StringRecord;

use super::delimiter::Delimiter;
use super::guard::RecordGuard;
use super::limits::MAX_COLUMNS;
use super::refusal::{FileRefused, ReadError};
use super::wording::grouped;

/// Whether a record holds nothing to see.
fn is_blank(record: &StringRecord) -> bool {
    record.iter().all(|cell| cell.trim().is_empty())
}

/// A record that is not blank, and where it begins.
pub(super) struct Record<'a> {
    /// The number of its first line.
    pub(super) line: u64,
    /// Its cells, unaltered.
    pub(super) cells: &'a StringRecord,
}

/// Reads the records of a text, one at a time.
pub(super) struct Records<T> {
    parser: csv::Reader<RecordGuard<T>>,
    cells: StringRecord,
}

impl<T: BufRead> Records<T> {
    /// The records of a text that begins on `line`.
    pub(super) fn new(text: T, delimiter: Delimiter, line: u64) -> Self {
        Self {
            parser: delimiter.parser(RecordGuard::new(text, delimiter, line)),
            cells: StringRecord::new(),
        }
    }

    /// The text that the records come from.
    pub(super) fn text(&self) -> &T {
        self.parser.get_ref().text()
    }

    /// The next record in which a cell is not blank.
    ///
    /// # Errors
    ///
    /// The error of the source, or the refusal of a file that is damaged or whose records are out
    /// of bounds.
    pub(super) fn next(&mut self) -> Result<Option<Record<'_>>, ReadError> {
        while self.parser.read_record(&mut self.cells)? {
            if is_blank(&self.cells) {
                continue;
            }
            let line = self.parser.get_ref().record_line();
            if self.cells.len() > MAX_COLUMNS {
                return Err(too_wide(line, self.cells.len()).into());
            }
            let cells = &self.cells;
            return Ok(Some(Record { line, cells }));
        }
        Ok(None)
    }
}

fn too_wide(line: u64, columns: usize) -> FileRefused {
    let columns = u64::try_from(columns).unwrap_or(u64::MAX);
    let most = u64::try_from(MAX_COLUMNS).unwrap_or(u64::MAX);
    FileRefused::unreadable(format!(
        "The row on line {line} has {} columns, more than {}. Keep the columns for email, password \
         and username, remove the others and upload the file again.",
        grouped(columns),
        grouped(most)
    ))
}

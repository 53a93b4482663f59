//! Text divided into records.

use std::io::{self, BufRead};

use super::cells::{Cells, quoted_line};
use super::delimiter::Delimiter;
use super::extent::{Extent, RecordScan};
use super::limits::MAX_RECORD_BYTES;
use super::lines::LineCounter;
use super::refusal::{FileRefused, ReadError};
use super::wording::size;

/// The mark that old programs set behind the end of a text.
const END_OF_FILE: u8 = 0x1a;

/// A record that is not blank, and where it begins.
pub(super) struct Record<'a> {
    /// The number of its first line.
    pub(super) line: u64,
    /// How many bytes of the text are before it.
    pub(super) offset: usize,
    /// Its cells.
    pub(super) cells: &'a Cells,
}

/// Reads the records of a text, one at a time.
pub(super) struct Records<T> {
    text: T,
    delimiter: Delimiter,
    /// The text that has been read ahead, of which the bytes before `start` have been handed over.
    ahead: Vec<u8>,
    start: usize,
    /// How many bytes have been handed over before those that are held.
    dropped: usize,
    finished: bool,
    lines: LineCounter,
    cells: Cells,
    /// How many cells the header has.
    width: Option<usize>,
}

impl<T: BufRead> Records<T> {
    /// The records of a text that begins on `line`.
    pub(super) fn new(text: T, delimiter: Delimiter, line: u64) -> Self {
        Self {
            text,
            delimiter,
            ahead: Vec::new(),
            start: 0,
            dropped: 0,
            finished: false,
            lines: LineCounter::starting_at(line),
            cells: Cells::default(),
            width: None,
        }
    }

    /// The text that the records come from.
    pub(super) fn text(&self) -> &T {
        &self.text
    }

    /// Tells how many cells the header has: a line in quotes with as many is taken out of them.
    pub(super) fn expect_width(&mut self, width: usize) {
        self.width = Some(width);
    }

    /// The next record in which a cell is not blank.
    ///
    /// # Errors
    ///
    /// The error of the source, or the refusal of a file whose records are out of bounds.
    pub(super) fn next(&mut self) -> Result<Option<Record<'_>>, ReadError> {
        while let Some(length) = self.find_record()? {
            let (line, offset) = (self.lines.line(), self.dropped + self.start);
            self.take_record(length);
            if self.cells.are_blank() {
                continue;
            }
            let cells = &self.cells;
            return Ok(Some(Record {
                line,
                offset,
                cells,
            }));
        }
        Ok(None)
    }

    /// Finds the end of the next record, and gives its length; nothing behind the last.
    fn find_record(&mut self) -> Result<Option<usize>, ReadError> {
        self.skip_line_ends()?;
        let mut scan = RecordScan::new(self.delimiter);
        loop {
            let unseen = self.start + scan.length();
            match scan.pass(self.ahead.get(unseen..).unwrap_or_default()) {
                Extent::Whole(length) if length <= MAX_RECORD_BYTES => return Ok(Some(length)),
                Extent::Whole(_) => return Err(too_long(self.lines.line()).into()),
                Extent::Open if scan.length() > MAX_RECORD_BYTES => {
                    let too_long = || too_long(self.lines.line()).into();
                    return scan.first_line().ok_or_else(too_long).map(Some);
                }
                Extent::Open if self.finished => {
                    let left = self.ahead.len() - self.start;
                    return Ok(scan.at_end_of_text().map(|length| length.min(left)));
                }
                Extent::Open => self.read_on()?,
            }
        }
    }

    fn skip_line_ends(&mut self) -> Result<(), ReadError> {
        loop {
            match self.ahead.get(self.start) {
                Some(end @ (b'\r' | b'\n')) => {
                    self.lines.pass(*end);
                    self.start += 1;
                }
                Some(_) => return Ok(()),
                None if self.finished => return Ok(()),
                None => self.read_on()?,
            }
        }
    }

    /// Reads a block more of the text.
    fn read_on(&mut self) -> io::Result<()> {
        self.ahead.drain(..self.start);
        self.dropped += self.start;
        self.start = 0;
        let block = self.text.fill_buf()?;
        let length = block.len();
        self.ahead.extend_from_slice(block);
        self.text.consume(length);
        self.finished = length == 0;
        if self.finished {
            drop_end_of_file(&mut self.ahead);
        }
        Ok(())
    }

    fn take_record(&mut self, length: usize) {
        let end = self.start + length;
        let record = self.ahead.get(self.start..end).unwrap_or_default();
        // It is text, and cut at line ends only.
        let record = std::str::from_utf8(record).unwrap_or_default();
        self.lines.pass_all(record);
        self.cells.split(record, self.delimiter);
        let line = quoted_line(record);
        self.start = end;
        if let Some(line) = line {
            self.unquote(&line);
        }
    }

    /// Divides a line that stands in quotes, where it is a row, or the header, that a program has taken
    /// for one cell.
    fn unquote(&mut self, line: &str) {
        let mut cells = Cells::default();
        cells.split(line, self.delimiter);
        let is_row = match self.width {
            None => cells.len() > 1,
            Some(width) => width > 1 && cells.len() == width,
        };
        if is_row {
            self.cells = cells;
        }
    }
}

/// Takes the mark of the end off, and the blanks around it.
fn drop_end_of_file(text: &mut Vec<u8>) {
    while let [.., END_OF_FILE] = text.trim_ascii_end() {
        let length = text.trim_ascii_end().len() - 1;
        text.truncate(length);
    }
}

fn too_long(line: u64) -> FileRefused {
    FileRefused::unreadable(format!(
        "The row that begins on line {line} is longer than {}. Probably the line breaks between the \
         rows are missing: put each person on a line of their own, then upload the file again.",
        size(u64::try_from(MAX_RECORD_BYTES).unwrap_or(u64::MAX)),
    ))
}

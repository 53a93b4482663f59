//! The bounds of a record, enforced in front of the CSV parser.

use std::io::{self, BufRead, Read};

use super::delimiter::Delimiter;
use super::limits::MAX_RECORD_BYTES;
use super::lines::LineCounter;
use super::refusal::FileRefused;
use super::wording::size;

/// Where in a record the next byte stands, by the rules of the CSV parser: a quotation mark opens
/// a cell only where the cell begins, two in an open cell stand for one, and others are literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    RecordStart,
    CellStart,
    Unquoted,
    Quoted,
    QuoteInQuoted,
}

/// Hands text on unchanged while each record stays within its bounds.
///
/// The CSV parser reads a cell whose quotation mark is not closed to the end of the file and says
/// nothing about it. This guard follows the text by the same rules and refuses such a cell.
///
/// One call of `read` hands over at most one record, so that [`RecordGuard::record_line`] belongs
/// to the record that the parser has just finished.
pub(super) struct RecordGuard<T> {
    text: T,
    tracker: Tracker,
}

impl<T: BufRead> RecordGuard<T> {
    /// Guards a text that begins on `line`.
    pub(super) fn new(text: T, delimiter: Delimiter, line: u64) -> Self {
        Self {
            text,
            tracker: Tracker::new(delimiter, line),
        }
    }

    /// The guarded text.
    pub(super) fn text(&self) -> &T {
        &self.text
    }

    /// The line on which the record handed over last began.
    pub(super) fn record_line(&self) -> u64 {
        self.tracker.record_line
    }
}

impl<T: BufRead> Read for RecordGuard<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let ahead = self.text.fill_buf()?;
        if ahead.is_empty() {
            self.tracker.finish()?;
            return Ok(0);
        }
        let room = ahead.len().min(buffer.len());
        let taken = self
            .tracker
            .pass_record(ahead.get(..room).unwrap_or_default())?;
        let mut record = ahead.get(..taken).unwrap_or_default();
        let count = record.read(buffer)?;
        self.text.consume(count);
        Ok(count)
    }
}

/// Follows a text through its records.
struct Tracker {
    delimiter: u8,
    place: Place,
    lines: LineCounter,
    record_line: u64,
    record_bytes: usize,
    quote_line: u64,
}

impl Tracker {
    fn new(delimiter: Delimiter, line: u64) -> Self {
        Self {
            delimiter: delimiter.byte(),
            place: Place::RecordStart,
            lines: LineCounter::starting_at(line),
            record_line: line,
            record_bytes: 0,
            quote_line: line,
        }
    }

    /// Passes over bytes up to the end of a record. Gives how many.
    fn pass_record(&mut self, bytes: &[u8]) -> Result<usize, FileRefused> {
        let mut passed = 0;
        for &byte in bytes {
            passed += 1;
            if self.pass(byte)? {
                break;
            }
        }
        Ok(passed)
    }

    /// Passes over one byte. Gives whether it ended a record.
    fn pass(&mut self, byte: u8) -> Result<bool, FileRefused> {
        let before = self.place;
        self.place = self.after(byte);
        self.note_beginning(before);
        self.lines.pass(byte);
        if self.place == Place::RecordStart {
            return Ok(before != Place::RecordStart);
        }
        self.record_bytes += 1;
        self.check_length()?;
        Ok(false)
    }

    fn after(&self, byte: u8) -> Place {
        match (self.place, byte) {
            (Place::Quoted, b'"') => Place::QuoteInQuoted,
            (Place::Quoted, _) => Place::Quoted,
            (
                Place::RecordStart | Place::CellStart | Place::Unquoted | Place::QuoteInQuoted,
                b'\r' | b'\n',
            ) => Place::RecordStart,
            (
                Place::RecordStart | Place::CellStart | Place::Unquoted | Place::QuoteInQuoted,
                byte,
            ) if byte == self.delimiter => Place::CellStart,
            (Place::RecordStart | Place::CellStart | Place::QuoteInQuoted, b'"') => Place::Quoted,
            (Place::RecordStart | Place::CellStart | Place::Unquoted | Place::QuoteInQuoted, _) => {
                Place::Unquoted
            }
        }
    }

    /// Remembers the line where a record or a quoted cell has just begun.
    fn note_beginning(&mut self, before: Place) {
        if before == Place::RecordStart && self.place != Place::RecordStart {
            self.record_line = self.lines.line();
            self.record_bytes = 0;
        }
        if self.place == Place::Quoted && matches!(before, Place::RecordStart | Place::CellStart) {
            self.quote_line = self.lines.line();
        }
    }

    fn check_length(&self) -> Result<(), FileRefused> {
        if self.record_bytes <= MAX_RECORD_BYTES {
            return Ok(());
        }
        let cause = match self.place {
            Place::Quoted => format!(
                "The quotation mark (\") that opens a cell on line {} is probably not closed: \
                 close or remove it",
                self.quote_line
            ),
            Place::RecordStart | Place::CellStart | Place::Unquoted | Place::QuoteInQuoted => {
                "Probably the line breaks between the rows are missing: put each person on a \
                 line of their own"
                    .to_owned()
            }
        };
        Err(FileRefused::unreadable(format!(
            "The row that begins on line {} is longer than {}. {cause}, then upload the file \
             again.",
            self.record_line,
            size(u64::try_from(MAX_RECORD_BYTES).unwrap_or(u64::MAX)),
        )))
    }

    /// Passes over the end of the text.
    fn finish(&self) -> Result<(), FileRefused> {
        if self.place != Place::Quoted {
            return Ok(());
        }
        Err(FileRefused::unreadable(format!(
            "The quotation mark (\") that opens a cell on line {} is never closed. Close or remove \
             it, then upload the file again.",
            self.quote_line
        )))
    }
}

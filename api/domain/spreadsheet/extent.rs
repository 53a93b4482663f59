//! How far a record reaches.

use super::cells::is_blank;
use super::delimiter::Delimiter;

/// Where in a record the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    CellStart,
    Unquoted,
    Quoted,
    /// Behind a quotation mark within a quoted cell: it closes the cell, or the next byte is the
    /// second of a pair.
    QuoteInQuoted,
    /// Behind the quotation mark that closes a cell and the blanks that follow it.
    Closed,
}

/// What is known of a record so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// It has this length, without the line end behind it.
    Whole(usize),
    /// Its end has not been met.
    Open,
}

/// Follows a text to the end of a record, block by block.
///
/// A line break in quotation marks ends no record. But where these are broken, by a text behind the
/// closing one or because none closes, the record ends with its line: the rows below it must not
/// vanish in the cell of somebody else.
pub(super) struct RecordScan {
    delimiter: Delimiter,
    place: Place,
    length: usize,
    /// Where the first line of the cell ends that is being quoted.
    line_end: Option<usize>,
}

impl RecordScan {
    pub(super) fn new(delimiter: Delimiter) -> Self {
        Self {
            delimiter,
            place: Place::CellStart,
            length: 0,
            line_end: None,
        }
    }

    /// How many bytes have been passed.
    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// Passes over bytes, up to the end of the record.
    pub(super) fn pass(&mut self, bytes: &[u8]) -> Extent {
        for &byte in bytes {
            let Some(next) = self.after(byte) else {
                return Extent::Whole(self.length);
            };
            if let Some(line) = self.line_end.filter(|_| self.breaks_off(next)) {
                return Extent::Whole(line);
            }
            self.note_line_end(byte, next);
            self.place = next;
            self.length += 1;
        }
        Extent::Open
    }

    /// The place behind a byte; none where it ends the record.
    fn after(&self, byte: u8) -> Option<Place> {
        let is_quote = byte == b'"';
        match self.place {
            Place::Quoted if is_quote => return Some(Place::QuoteInQuoted),
            Place::Quoted => return Some(Place::Quoted),
            Place::CellStart | Place::QuoteInQuoted if is_quote => return Some(Place::Quoted),
            Place::CellStart | Place::Unquoted | Place::QuoteInQuoted | Place::Closed => {}
        }
        if matches!(byte, b'\r' | b'\n') {
            return None;
        }
        if byte == self.delimiter.byte() {
            return Some(Place::CellStart);
        }
        let is_blank = is_blank(char::from(byte), self.delimiter);
        Some(match self.place {
            Place::CellStart if is_blank => Place::CellStart,
            Place::QuoteInQuoted | Place::Closed if is_blank => Place::Closed,
            Place::CellStart
            | Place::Unquoted
            | Place::Quoted
            | Place::QuoteInQuoted
            | Place::Closed => Place::Unquoted,
        })
    }

    /// Whether a text stands behind the quotation mark that closes a cell.
    fn breaks_off(&self, next: Place) -> bool {
        matches!(self.place, Place::QuoteInQuoted | Place::Closed) && next == Place::Unquoted
    }

    fn note_line_end(&mut self, byte: u8, next: Place) {
        if next == Place::CellStart {
            self.line_end = None;
        } else if next == Place::Quoted && matches!(byte, b'\r' | b'\n') {
            self.line_end.get_or_insert(self.length);
        }
    }

    /// The length of the record's first line, where the quotation marks of a cell have not been closed
    /// on it.
    pub(super) fn first_line(&self) -> Option<usize> {
        self.line_end
    }

    /// The length of the record where the text ends; none where there is no record.
    pub(super) fn at_end_of_text(&self) -> Option<usize> {
        let unclosed = (self.place == Place::Quoted).then_some(self.line_end);
        (self.length > 0).then(|| unclosed.flatten().unwrap_or(self.length))
    }
}

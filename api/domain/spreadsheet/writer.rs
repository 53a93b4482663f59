//! Writing tables of people.

use std::borrow::Cow;
use std::io::{self, Write};

use super::delimiter::Delimiter;
use super::formula::defuse;

/// The byte-order mark of UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// A cell to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell<'a> {
    /// Any cell. It is defused where a spreadsheet program would take it for a formula.
    Text(&'a str),
    /// A password, which must come out exactly as it is.
    Password(&'a str),
}

impl<'a> Cell<'a> {
    fn written(self) -> Cow<'a, str> {
        match self {
            Self::Text(text) => defuse(text),
            Self::Password(password) => Cow::Borrowed(password),
        }
    }
}

/// Writes a CSV file that spreadsheet programs open as it is meant: UTF-8 with a byte-order mark,
/// without which Excel does not take it for UTF-8; CRLF line ends; quotes where needed.
pub struct CsvWriter<W: Write> {
    output: W,
    delimiter: Delimiter,
}

impl<W: Write> CsvWriter<W> {
    /// Begins a file.
    ///
    /// # Errors
    ///
    /// The error of `output`.
    pub fn new(mut output: W, delimiter: Delimiter) -> io::Result<Self> {
        output.write_all(MARK)?;
        Ok(Self::continuing(output, delimiter))
    }

    /// Goes on with a file whose beginning has been written elsewhere: for a file that is sent
    /// piece by piece. Records may differ in length here, as those of a damaged file do.
    pub const fn continuing(output: W, delimiter: Delimiter) -> Self {
        Self { output, delimiter }
    }

    /// Writes one record; the first is the header.
    ///
    /// # Errors
    ///
    /// The error of the output.
    pub fn write_record<'a>(
        &mut self,
        cells: impl IntoIterator<Item = Cell<'a>>,
    ) -> io::Result<()> {
        let mut cells = cells.into_iter().map(Cell::written).peekable();
        let mut is_first = true;
        while let Some(cell) = cells.next() {
            // A record of nothing at all would pass for a blank line.
            let is_lone_blank = is_first && cell.is_empty() && cells.peek().is_none();
            self.write_cell(&cell, is_lone_blank)?;
            if cells.peek().is_some() {
                self.output.write_all(&[self.delimiter.byte()])?;
            }
            is_first = false;
        }
        self.output.write_all(b"\r\n")
    }

    fn write_cell(&mut self, cell: &str, quoted: bool) -> io::Result<()> {
        if !quoted && !needs_quotes(cell) {
            return self.output.write_all(cell.as_bytes());
        }
        let doubled = cell.replace('"', "\"\"");
        self.output.write_all(b"\"")?;
        self.output.write_all(doubled.as_bytes())?;
        self.output.write_all(b"\"")
    }

    /// Ends the file and gives the output back, flushed.
    ///
    /// # Errors
    ///
    /// The error of the output.
    pub fn finish(mut self) -> io::Result<W> {
        self.output.flush()?;
        Ok(self.output)
    }
}

/// Whether a cell would be read otherwise without quotes. A character that any table is divided by
/// counts, whichever divides this one: readers guess. So do blanks around the cell.
fn needs_quotes(cell: &str) -> bool {
    Delimiter::is_in(cell)
        || cell.contains(['"', '\r', '\n'])
        || cell.starts_with([' ', '\t'])
        || cell.ends_with([' ', '\t'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(records: &[&[Cell<'_>]]) -> String {
        let mut writer = CsvWriter::new(Vec::new(), Delimiter::Comma).unwrap();
        for record in records {
            writer.write_record(record.iter().copied()).unwrap();
        }
        String::from_utf8(writer.finish().unwrap()).unwrap()
    }

    #[test]
    fn a_file_opens_in_excel() {
        let file = written(&[
            &[Cell::Text("email"), Cell::Text("username")],
            &[Cell::Text("zoe@example.org"), Cell::Text("Zoë, \"Z\"\nDoe")],
        ]);
        let expected = "\u{feff}email,username\r\nzoe@example.org,\"Zoë, \"\"Z\"\"\nDoe\"\r\n";
        assert_eq!(file, expected);
    }

    #[test]
    fn formulas_are_defused_except_in_passwords() {
        let file = written(&[&[Cell::Text("=1"), Cell::Password("=1"), Cell::Password("'+")]]);
        assert_eq!(file, "\u{feff}'=1,=1,'+\r\n");
    }

    #[test]
    fn a_single_empty_cell_is_a_record() {
        assert_eq!(written(&[&[Cell::Text("")]]), "\u{feff}\"\"\r\n");
    }

    #[test]
    fn a_file_is_continued_without_a_second_mark() {
        let mut writer = CsvWriter::continuing(Vec::new(), Delimiter::Comma);
        writer
            .write_record([Cell::Text("a"), Cell::Text("b")])
            .unwrap();
        writer.write_record([Cell::Text("c")]).unwrap();
        assert_eq!(writer.finish().unwrap(), b"a,b\r\nc\r\n");
    }

    #[test]
    fn what_a_reader_could_take_apart_is_quoted() {
        let cells = ["a", "a;b", "a|b", "a\tb", "a,b", " a", "a ", "a b"];
        let mut writer = CsvWriter::continuing(Vec::new(), Delimiter::Semicolon);
        writer.write_record(cells.map(Cell::Text)).unwrap();
        let written = String::from_utf8(writer.finish().unwrap()).unwrap();
        let expected = "a;\"a;b\";\"a|b\";\"a\tb\";\"a,b\";\" a\";\"a \";a b\r\n";
        assert_eq!(written, expected);
    }
}

//! Writing tables of people.

use std::borrow::Cow;
use std::io::{self, Write};

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
/// without which Excel does not take it for UTF-8; commas; CRLF line ends; quotes where needed.
pub struct CsvWriter<W: Write> {
    records: csv::Writer<W>,
}

impl<W: Write> CsvWriter<W> {
    /// Begins a file.
    ///
    /// # Errors
    ///
    /// The error of `output`.
    pub fn new(mut output: W) -> io::Result<Self> {
        output.write_all(MARK)?;
        Ok(Self::continuing(output))
    }

    /// Goes on with a file whose beginning has been written elsewhere: for a file that is sent
    /// piece by piece. Records may differ in length here, as those of a damaged file do.
    pub fn continuing(output: W) -> Self {
        let records = csv::WriterBuilder::new()
            .terminator(csv::Terminator::CRLF)
            .flexible(true)
            .from_writer(output);
        Self { records }
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
        for cell in cells {
            let written = cell.written();
            self.records
                .write_field(written.as_bytes())
                .map_err(into_io)?;
        }
        self.end_record()
    }

    fn end_record(&mut self) -> io::Result<()> {
        let nothing_more: [&[u8]; 0] = [];
        self.records.write_record(nothing_more).map_err(into_io)
    }

    /// Ends the file and gives the output back, flushed.
    ///
    /// # Errors
    ///
    /// The error of the output.
    pub fn finish(self) -> io::Result<W> {
        self.records
            .into_inner()
            .map_err(csv::IntoInnerError::into_error)
    }
}

fn into_io(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(records: &[&[Cell<'_>]]) -> String {
        let mut writer = CsvWriter::new(Vec::new()).unwrap();
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
        let mut writer = CsvWriter::continuing(Vec::new());
        writer
            .write_record([Cell::Text("a"), Cell::Text("b")])
            .unwrap();
        writer.write_record([Cell::Text("c")]).unwrap();
        assert_eq!(writer.finish().unwrap(), b"a,b\r\nc\r\n");
    }
}

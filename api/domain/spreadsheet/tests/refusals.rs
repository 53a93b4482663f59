//! Files that are refused as a whole, and sources that fail.

use std::io::{self, Read};

use super::{ReadError, RefusalKind, Requirements, assert_refused, error, open};

/// Gives some bytes, then fails.
struct Failing<'a>(&'a [u8], Option<io::Error>);

impl Read for Failing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            return Err(self
                .1
                .take()
                .expect("the source is read again after it failed"));
        }
        self.0.read(buffer)
    }
}

#[test]
fn files_of_other_kinds_are_refused() {
    for (file, says) in [
        (&b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0"[..], "an image"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "a PDF document"),
        (
            b"PK\x03\x04[Content_Types].xml xl/workbook.xml",
            "File > Save As > CSV UTF-8",
        ),
        (b"\xef\xbb\xbf\n<!DOCTYPE html><html></html>", "a web page"),
    ] {
        assert_refused(file, RefusalKind::Unreadable, &[says, "not a CSV file"]);
    }
}

#[test]
fn files_without_anything_are_refused() {
    for file in [
        &b""[..],
        b"\n",
        b" \r\n\t\r\n",
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b",,\n\"\"\n",
    ] {
        assert_refused(file, RefusalKind::Empty, &["empty"]);
    }
    let much_space = " \n".repeat(100_000);
    assert_refused(much_space, RefusalKind::Empty, &["empty"]);
}

#[test]
fn files_without_rows_are_refused_at_their_end() {
    for file in ["email,name", "email,name\r\n", "email,name\n,\n \n"] {
        let mut spreadsheet = open(file.as_bytes()).unwrap();
        let Err(ReadError::Refused(refused)) = spreadsheet.next_row() else {
            panic!("{file:?} is taken");
        };
        assert_eq!(refused.kind, RefusalKind::Empty);
        assert!(refused.detail.contains("no rows"));
        assert!(spreadsheet.next_row().unwrap().is_none());
    }
}

#[test]
fn nul_characters_are_refused_with_their_line() {
    let says = ["NUL", "not a CSV file"];
    assert_refused(
        "email,name\na@x.org,A\0da\n",
        RefusalKind::Unreadable,
        &["Line 2", says[0], says[1]],
    );
    assert_refused("\0\0\0\0", RefusalKind::Unreadable, &["Line 1", says[0]]);
    let late = format!("email,name\n{}\0", "a@x.org,Ada\n".repeat(20_000));
    assert_refused(late, RefusalKind::Unreadable, &["Line 20002"]);
    let utf16: Vec<u8> = "email,name\n\0"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert_refused(utf16, RefusalKind::Unreadable, &["Line 2", says[0]]);
}

#[test]
fn an_error_of_the_source_comes_back_unchanged() {
    let complete = b"email,name\na@x.org,Ada\n".repeat(10_000);
    for given in [0, 5, 100_000, complete.len()] {
        let failure = io::Error::new(io::ErrorKind::ConnectionReset, "the line went dead");
        let source = Failing(&complete[..given], Some(failure));
        let ReadError::Source(error) = error(source, Requirements::default()) else {
            panic!("the error of the source is taken for a refusal");
        };
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(error.to_string(), "the line went dead");
    }
}

#[test]
fn an_error_of_the_operating_system_comes_back_unchanged() {
    let source = Failing(b"email,name\n", Some(io::Error::from_raw_os_error(5)));
    let ReadError::Source(error) = error(source, Requirements::default()) else {
        panic!("the error of the source is taken for a refusal");
    };
    assert_eq!(error.raw_os_error(), Some(5));
}

#[test]
fn an_interruption_is_no_error() {
    struct Interrupted<'a>(bool, &'a [u8]);

    impl Read for Interrupted<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0 = !self.0;
            match self.0 {
                true => Err(io::ErrorKind::Interrupted.into()),
                false => self.1.read(buffer),
            }
        }
    }
    let source = Interrupted(false, b"email,name\na@x.org,Ada\n");
    let spreadsheet = super::Spreadsheet::open(source, Requirements::default()).unwrap();
    assert_eq!(spreadsheet.map(Result::unwrap).count(), 1);
}

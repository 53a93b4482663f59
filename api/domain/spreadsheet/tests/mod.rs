//! Tests of the reader and the writer as a whole.

mod formats;
mod headers;
mod layouts;
mod limits;
mod quotes;
mod refusals;
mod round_trip;
mod rows;

use std::io::{self, Read};

use super::{
    Delimiter, Encoding, FileRefused, ReadError, ReadOptions, RefusalKind, Requirements, Row,
    Spreadsheet,
};

/// Opens a file with the default requirements.
fn open(file: &[u8]) -> Result<Spreadsheet<&[u8]>, ReadError> {
    Spreadsheet::open(file, Requirements::default())
}

/// All rows of a file that is taken.
fn rows(file: impl AsRef<[u8]>) -> Vec<Row> {
    let spreadsheet = open(file.as_ref()).unwrap();
    spreadsheet.map(Result::unwrap).collect()
}

/// Reads a source to its end and gives the error that ended it.
fn error(source: impl Read, requirements: Requirements) -> ReadError {
    match Spreadsheet::open(source, requirements) {
        Ok(mut rows) => rows.find_map(Result::err).expect("the file is not refused"),
        Err(error) => error,
    }
}

/// The refusal of a source.
fn refused(source: impl Read, requirements: Requirements) -> FileRefused {
    match error(source, requirements) {
        ReadError::Refused(refused) => refused,
        ReadError::Source(error) => panic!("the source failed: {error}"),
    }
}

/// Asserts that a file is refused, and what the refusal says.
#[track_caller]
fn assert_refused(file: impl AsRef<[u8]>, kind: RefusalKind, says: &[&str]) {
    let refused = refused(file.as_ref(), Requirements::default());
    assert_eq!(refused.kind, kind, "{refused}");
    for words in says {
        assert!(
            refused.detail.contains(words),
            "{words:?} is not in: {refused}"
        );
    }
}

/// The address, password and name of a row.
fn person(row: &Row) -> (&str, Option<&str>, &str) {
    (&row.email, row.password.as_deref(), &row.username)
}

/// A source of random numbers that gives the same ones in every run (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(bound).unwrap()).unwrap()
    }
}

/// Gives the bytes of a source in pieces of random size.
struct Trickle<R> {
    source: R,
    largest: usize,
    dice: Dice,
}

impl<R: Read> Trickle<R> {
    fn new(source: R, largest: usize) -> Self {
        let dice = Dice(0x9e37_79b9_7f4a_7c15);
        Self {
            source,
            largest,
            dice,
        }
    }
}

impl<R: Read> Read for Trickle<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let size = (1 + self.dice.below(self.largest)).min(buffer.len());
        self.source.read(&mut buffer[..size])
    }
}

/// A source that makes its text while it is read, and counts what it has given.
struct Generated<I> {
    pieces: I,
    piece: Vec<u8>,
    position: usize,
    given: u64,
}

impl<I: Iterator<Item = String>> Generated<I> {
    fn new(pieces: I) -> Self {
        Self {
            pieces,
            piece: Vec::new(),
            position: 0,
            given: 0,
        }
    }
}

impl<I: Iterator<Item = String>> Read for Generated<I> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.position == self.piece.len() {
            let Some(piece) = self.pieces.next() else {
                return Ok(0);
            };
            self.piece = piece.into_bytes();
            self.position = 0;
        }
        let count = (&self.piece[self.position..]).read(buffer)?;
        self.position += count;
        self.given += u64::try_from(count).unwrap();
        Ok(count)
    }
}

/// A table of so many people.
fn people(count: usize) -> impl Iterator<Item = String> {
    let header = std::iter::once("email,password,username\r\n".to_owned());
    let row =
        |number| format!("person{number}@example.org,correct horse {number},Zoë No. {number}\r\n");
    header.chain((1..=count).map(row))
}

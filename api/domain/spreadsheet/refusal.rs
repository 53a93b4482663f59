//! Why a file is not taken.

use std::io;

/// The kinds of reasons for which a whole file is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefusalKind {
    /// It is no text table, or it is damaged.
    Unreadable,
    /// No usable header: a column is missing, named twice, or there is no header line.
    NoHeader,
    /// Nothing at all, or nothing below the header.
    Empty,
    /// The characters that its bytes stand for are a guess.
    EncodingUnclear,
    /// What divides its cells is a guess.
    DelimiterUnclear,
    /// More rows than allowed.
    TooManyRows,
    /// More bytes than allowed.
    TooLarge,
}

/// A whole file is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct FileRefused {
    /// The kind of reason.
    pub kind: RefusalKind,
    /// What is wrong, where, and what to do next: a sentence or two for the person who uploaded
    /// the file. Of the file's content it repeats header names only, never a cell of a row.
    pub detail: String,
}

impl FileRefused {
    /// The refusal of a file that is no text table, or is damaged.
    pub(super) fn unreadable(detail: impl Into<String>) -> Self {
        Self::new(RefusalKind::Unreadable, detail)
    }

    /// The refusal of a file without a usable header.
    pub(super) fn no_header(detail: impl Into<String>) -> Self {
        Self::new(RefusalKind::NoHeader, detail)
    }

    /// A refusal of a given kind.
    pub(super) fn new(kind: RefusalKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
        }
    }
}

/// Lets a refusal cross the layers that speak of input and output only.
impl From<FileRefused> for io::Error {
    fn from(refused: FileRefused) -> Self {
        Self::new(io::ErrorKind::InvalidData, refused)
    }
}

/// Why reading a file ended early.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The source failed. This is the error as the source gave it.
    #[error("the file could not be received")]
    Source(#[source] io::Error),
    /// The file is refused.
    #[error(transparent)]
    Refused(#[from] FileRefused),
}

/// Tells a refusal that came through the layers from an error of the source.
impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        match error.downcast() {
            Ok(refused) => Self::Refused(refused),
            Err(error) => Self::Source(error),
        }
    }
}

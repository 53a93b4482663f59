//! Tables of people as files: the reader behind the account import and the writer behind the
//! exports.
//!
//! [`Spreadsheet`] takes a CSV file as people have it. It finds out the encoding, the delimiter
//! and what the columns mean, then hands over one [`Row`] at a time. [`CsvWriter`] writes files
//! that the reader takes back unchanged.
//!
//! The reader is a chain of layers. Each holds one block, or one record, at a time, so that
//! memory stays bounded whatever the file holds:
//!
//! | layer          | takes          | hands over                                     |
//! |----------------|----------------|------------------------------------------------|
//! | `Blocks`       | the upload     | blocks of bytes, within the size limit         |
//! | `TextReader`   | bytes          | UTF-8 text without a byte-order mark           |
//! | `RecordGuard`  | text           | the same text, each record within its bounds   |
//! | `Records`      | bounded text   | records split into cells                       |
//! | `Spreadsheet`  | records        | the header, then rows                          |
//!
//! A layer refuses a file through [`std::io::Error`], the only error that can cross the layers
//! between; [`ReadError`] tells a refusal from an error of the upload again.

mod blocks;
mod columns;
mod delimiter;
mod encoding;
mod error_columns;
mod formula;
mod guard;
mod lines;
mod preamble;
mod reader;
mod records;
mod refusal;
mod signature;
mod synonyms;
mod text;
mod wording;
mod writer;

#[cfg(test)]
mod tests;

pub use columns::DetectedColumns;
pub use delimiter::Delimiter;
pub use encoding::Encoding;
pub use error_columns::{ERROR_COLUMNS, columns_before_errors};
pub use formula::{defuse, is_formula_like, restore};
pub use reader::{Detected, Row, Spreadsheet};
pub use refusal::{FileRefused, ReadError, RefusalKind};
pub use writer::{Cell, CsvWriter};

/// The header line of the template that people fill in.
pub const TEMPLATE_HEADER: &str = "email,password,username";

/// The most rows below the header that a file may have, unless the caller asks otherwise.
pub const MAX_ROWS: u32 = 100_000;

/// The most bytes that a file may have, unless the caller asks otherwise: 32 MiB.
pub const MAX_BYTES: u64 = 32 * 1024 * 1024;

/// The most cells that one record may have.
pub const MAX_COLUMNS: usize = 1_000;

/// The longest that one record may be, in bytes of UTF-8: 16 KiB, far more than people need. Pages of
/// records are held in memory by their number, so that this bounds their size.
pub const MAX_RECORD_BYTES: usize = 16 * 1024;

/// What a file has to fulfil to be read.
///
/// The default asks for no password column and sets the limits [`MAX_ROWS`] and [`MAX_BYTES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requirements {
    /// Whether a file without a password column is refused.
    pub password_required: bool,
    /// The most rows below the header.
    pub max_rows: u32,
    /// The most bytes of the file as it was uploaded.
    pub max_bytes: u64,
}

impl Default for Requirements {
    fn default() -> Self {
        Self {
            password_required: false,
            max_rows: MAX_ROWS,
            max_bytes: MAX_BYTES,
        }
    }
}

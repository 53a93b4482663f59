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
//! | `Records`      | text           | records within their bounds, split into cells  |
//! | `Spreadsheet`  | records        | the header, then rows                          |
//!
//! A layer refuses a file through [`std::io::Error`], the only error that can cross the layers
//! between; [`ReadError`] tells a refusal from an error of the upload again.

mod address_cell;
mod blocks;
mod cells;
mod code_pages;
mod columns;
mod delimiter;
mod detection;
mod encoding;
mod error_columns;
mod error_list;
mod extent;
mod formula;
mod header;
mod header_key;
mod joined_names;
mod layout;
mod letters;
mod limits;
mod lines;
mod meaning;
mod plausibility;
mod preamble;
mod reader;
mod readings;
mod records;
mod refusal;
mod region;
mod rewritten;
mod signature;
mod synonyms;
mod text;
mod unicode;
mod unsupported_scripts;
mod vocabulary;
mod wording;
mod writer;

#[cfg(test)]
mod tests;

pub use blocks::too_large;
pub use columns::DetectedColumns;
pub use delimiter::Delimiter;
pub use encoding::Encoding;
pub use error_columns::{ERROR_COLUMNS, columns_before_errors};
pub use error_list::names_before_errors;
pub use formula::{defuse, is_formula_like, restore};
pub use limits::{MAX_BYTES, MAX_COLUMNS, MAX_ROWS, ReadOptions, Requirements, TEMPLATE_HEADER};
pub use preamble::SkippedLine;
pub use reader::{Detected, Row, Spreadsheet, too_many_rows};
pub use refusal::{FileRefused, ReadError, RefusalKind};
pub use rewritten::{is_date_like, is_number_like, stand_in_marks};
pub use synonyms::{is_account_header, is_password_header, is_people_header};
pub use text::decode_lines;
pub use writer::{Cell, CsvWriter};

//! What a file has to fulfil, and what the reader takes at most.

use super::delimiter::Delimiter;
use super::encoding::Encoding;

/// The header line of the template that people fill in.
pub const TEMPLATE_HEADER: &str = "email,password,username";

/// The most rows below the header that a file may have, unless the caller asks otherwise.
pub const MAX_ROWS: u32 = 100_000;

/// The most bytes that a file may have, unless the caller asks otherwise: 32 MiB.
pub const MAX_BYTES: u64 = 32 * 1024 * 1024;

/// The most cells that one record may have.
pub const MAX_COLUMNS: usize = 1_000;

/// The longest that one record may be, in bytes of UTF-8: 1 MiB, for the pictures and notes that people
/// have in columns that nobody uses.
pub const MAX_RECORD_BYTES: usize = 1024 * 1024;

/// How many bytes of a record's cells are kept, about: 16 KiB, far more than people need. Pages of rows
/// are held in memory by their number, so that this bounds their size.
pub(super) const MAX_KEPT_BYTES: usize = 16 * 1024;

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

/// What whoever sends a file says of it: it is found out otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// The encoding.
    pub encoding: Option<Encoding>,
    /// What divides the cells.
    pub delimiter: Option<Delimiter>,
    /// Whether names are taken from the addresses where the file has none.
    pub usernames_from_addresses: bool,
}

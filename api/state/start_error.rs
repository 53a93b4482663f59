//! Why a process cannot start.

use std::path::PathBuf;

use crate::crypto::key_file::KeyError;
use crate::error::Error;
use crate::outbound::SetupError;

/// Why the shared parts cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the data folder {path}: {source}")]
    DataDir {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{0}")]
    Key(#[from] KeyError),
    #[error(
        "{variable} is not set: replicas have to share one key, so none is made by itself where \
         the database is not the embedded one. Make it with `{command}` and name its file."
    )]
    KeyNotSet {
        variable: &'static str,
        command: &'static str,
    },
    /// A key that belongs to an embedded database which is there.
    #[error(
        "{key} is gone, but the database {database} is there. Put back the key that belongs to it, from your \
         back-up: a new one would open nothing of what is sealed, and sign everybody out."
    )]
    KeyLost { key: PathBuf, database: String },
    #[error("{0}")]
    Outbound(#[from] SetupError),
    #[error("the database: {0}")]
    Database(#[source] Error),
    /// The file of the embedded database.
    #[error("the database {path}: {source}")]
    DatabaseFile {
        path: String,
        source: std::io::Error,
    },
    #[error("{0}")]
    Other(#[source] Error),
}

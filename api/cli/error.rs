//! Why commands fail.

use crate::config::ConfigError;
use crate::crypto::key_file::KeyError;
use crate::crypto::key_ring::RingError;
use crate::error::Error;
use crate::state::StartError;

/// Why a command did not end well.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    #[error("{0}")]
    Config(#[from] ConfigError),
    #[error("cannot start: {0}")]
    Start(#[source] StartError),
    /// What a command works with cannot be had.
    #[error("{0}")]
    Installation(#[from] StartError),
    #[error("{0}")]
    Key(#[from] KeyError),
    #[error("{0}")]
    Ring(#[from] RingError),
    #[error("{0}")]
    Failed(#[from] Error),
    #[error("{what}: {source}")]
    File {
        what: String,
        source: std::io::Error,
    },
    /// A terminal, a pipe or a connection.
    #[error("{what}: {source}")]
    Io {
        what: String,
        source: std::io::Error,
    },
    #[error("{0}")]
    Usage(String),
    #[error("the import failed: {0}")]
    ImportFailed(&'static str),
    #[error("the copy is not finished: {table}: {source}")]
    NotCopied { table: String, source: Error },
    #[error("the databases are not the same:\n{0}")]
    NotTheSame(String),
    #[error("{0}")]
    NotReady(String),
    /// What the doctor found.
    #[error("{0}")]
    Unhealthy(String),
    #[error("the mail was not sent: {0}")]
    NotSent(String),
}

impl CommandError {
    /// Of a server: what keeps it from starting.
    pub(super) fn of_start(self) -> Self {
        match self {
            Self::Installation(error) => Self::Start(error),
            other => other,
        }
    }

    pub(super) fn file(what: impl std::fmt::Display, source: std::io::Error) -> Self {
        Self::File {
            what: what.to_string(),
            source,
        }
    }

    pub(super) fn io(what: impl std::fmt::Display, source: std::io::Error) -> Self {
        Self::Io {
            what: what.to_string(),
            source,
        }
    }
}

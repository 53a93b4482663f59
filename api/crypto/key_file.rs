//! Files that hold keys: made once, readable by their owner only.

use std::io::Write;
use std::path::{Path, PathBuf};

/// Why a key could not be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("{path}: {source}")]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{path} holds no usable key: {problem}")]
    Unusable {
        path: PathBuf,
        problem: &'static str,
    },
    #[error("the system has no randomness to make a key from")]
    NoRandomness,
}

/// Reads a key file; where there is none, writes one with what `make` gives. Of two processes that
/// do so at once, one writes and both read the same.
///
/// # Errors
/// Where the file cannot be read or written.
pub fn read_or_make(
    path: &Path,
    make: impl FnOnce() -> Result<String, KeyError>,
) -> Result<String, KeyError> {
    match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => write_new(path, &make()?),
        read => read.map_err(|source| failed(path, source)),
    }
}

/// Written beside its place and linked into it whole, so that nobody ever reads half a key.
fn write_new(path: &Path, content: &str) -> Result<String, KeyError> {
    let draft = path.with_extension(format!("draft-{}", std::process::id()));
    write_private(&draft, content).map_err(|source| failed(&draft, source))?;
    let linked = std::fs::hard_link(&draft, path);
    let removed = std::fs::remove_file(&draft);
    match linked {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(failed(path, error));
        }
        _ => removed.map_err(|source| failed(&draft, source))?,
    }
    std::fs::read_to_string(path).map_err(|source| failed(path, source))
}

fn write_private(path: &Path, content: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(content.as_bytes())?;
    file.sync_all()
}

fn failed(path: &Path, source: std::io::Error) -> KeyError {
    KeyError::File {
        path: path.to_owned(),
        source,
    }
}

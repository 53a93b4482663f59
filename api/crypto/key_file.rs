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
    #[error(
        "{draft} is there: another change of the keys is under way. Where there is none, it was broken off: delete the \
         file"
    )]
    Changing { draft: PathBuf },
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

/// Reads a key file.
///
/// # Errors
/// Where it cannot be read.
pub fn read(path: &Path) -> Result<String, KeyError> {
    std::fs::read_to_string(path).map_err(|source| failed(path, source))
}

/// Replaces what a key file holds by what `change` makes of it, whole or not at all, for the same owner and with the
/// same rights. What is written beside it keeps others from changing it at the same time.
///
/// # Errors
/// Where the file cannot be read or written, or somebody else is at it; those of `change`.
pub fn change<T, E: From<KeyError>>(
    path: &Path,
    change: impl FnOnce(&str) -> Result<(String, T), E>,
) -> Result<T, E> {
    let path = &std::fs::canonicalize(path).map_err(|source| failed(path, source))?;
    let draft = path.with_extension("changing");
    let file = create_private(&draft).map_err(|source| match source.kind() {
        std::io::ErrorKind::AlreadyExists => KeyError::Changing {
            draft: draft.clone(),
        },
        _ => failed(&draft, source),
    })?;
    let changed = read(path).map_err(E::from).and_then(|text| change(&text));
    let replaced = changed.and_then(|(text, value)| {
        let written = write_like(file, path, &text).and_then(|()| std::fs::rename(&draft, path));
        written.map_err(|source| failed(path, source))?;
        Ok(value)
    });
    if replaced.is_err() {
        // What went wrong tells more.
        let _ = std::fs::remove_file(&draft);
    }
    replaced
}

fn create_private(path: &Path) -> std::io::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Writes a file that belongs to the same owner as another one: who changes keys may be another than who serves.
fn write_like(mut file: std::fs::File, other: &Path, content: &str) -> std::io::Result<()> {
    let like = std::fs::metadata(other)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt as _, fchown};
        let own = file.metadata()?;
        if (own.uid(), own.gid()) != (like.uid(), like.gid()) {
            fchown(&file, Some(like.uid()), Some(like.gid()))?;
        }
    }
    file.set_permissions(like.permissions())?;
    file.write_all(content.as_bytes())?;
    file.sync_all()
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

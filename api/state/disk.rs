//! The disk of the embedded database.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use rustix::fs::{Access, access, statvfs};

use crate::domain::database_url::DatabaseUrl;
use crate::error::{Error, Result};

/// Room that an import of a few thousand rows takes: with less, the next one may fail.
pub const ROOM: u64 = 16 * 1024 * 1024;

/// What a file of SQLite begins with (its documentation, "Database File Format", 1.3).
const MAGIC: [u8; 16] = *b"SQLite format 3\0";

/// Refuses a file of a database that cannot be read and written, or is another kind of file: SQLite would not say why it
/// cannot open it. One that is not there yet is made, in an empty one too.
///
/// # Errors
/// Where it may not be read or written, or holds something else.
pub fn require_usable(path: &Path) -> std::io::Result<()> {
    if !path.exists() {
        return Ok(());
    }
    access(path, Access::READ_OK | Access::WRITE_OK)?;
    let mut beginning = Vec::new();
    let length = MAGIC.len().try_into().unwrap_or(u64::MAX);
    File::open(path)?.take(length).read_to_end(&mut beginning)?;
    if beginning.is_empty() || beginning == MAGIC {
        return Ok(());
    }
    let cause = "it is not a database of SQLite: name another file, or move this one away";
    Err(std::io::Error::new(ErrorKind::InvalidData, cause))
}

/// Refuses a folder in which nothing can be made. One that is not there is made, where what is above it lets us.
///
/// # Errors
/// Where it may not be written, or a file stands in its way.
pub fn require_writable_folder(folder: &Path) -> std::io::Result<()> {
    let folder = std::path::absolute(folder)?;
    let Some(there) = folder.ancestors().find(|path| path.exists()) else {
        return Err(ErrorKind::NotFound.into());
    };
    let named = |cause: &dyn std::fmt::Display| format!("{}: {cause}", there.display());
    if !there.is_dir() {
        let cause = named(&"it is no folder");
        return Err(std::io::Error::new(ErrorKind::NotADirectory, cause));
    }
    access(there, Access::WRITE_OK | Access::EXEC_OK).map_err(|error| {
        let error = std::io::Error::from(error);
        std::io::Error::new(error.kind(), named(&error))
    })
}

/// Refuses where the file of the embedded database cannot be written, or has no room to grow.
pub(super) fn require_room(database: &DatabaseUrl) -> Result<()> {
    match database {
        DatabaseUrl::Sqlite(path) => require_room_for(path, ROOM),
        // Its server tells.
        DatabaseUrl::Postgres(_) => Ok(()),
    }
}

/// How much the disk of a path has left for whoever runs the server.
///
/// # Errors
/// Where it cannot be told.
pub fn free_bytes(path: &Path) -> std::io::Result<u64> {
    let disk = statvfs(path)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

fn require_room_for(path: &str, room: u64) -> Result<()> {
    let failed = |error: std::io::Error| Error::unavailable(format!("{path}: {error}"));
    access(path, Access::WRITE_OK).map_err(|error| failed(error.into()))?;
    let free = free_bytes(path.as_ref()).map_err(failed)?;
    if free < room {
        return Err(Error::unavailable(format!(
            "the disk of {path} has only {free} bytes left"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_room_or_the_server_is_not_ready() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap();
        require_room_for(path, 1).unwrap();
        let told = require_room_for(path, u64::MAX).unwrap_err().to_string();
        assert!(told.contains(path) && told.contains("bytes left"), "{told}");
        let gone = format!("{path}.gone");
        require_room_for(&gone, 1).unwrap_err();
    }
}

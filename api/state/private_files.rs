//! The data folder, which holds addresses and keys: for its owner only.

use std::io;
use std::path::{Path, PathBuf};

/// Makes the folder where there is none. One that is there already stays as it is.
pub fn make_folder(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Warns of the folder, and of what is in it, where others on this machine may read or change it: whoever
/// made it may have done so before Rollcall.
pub fn warn_of_wide_modes(folder: &Path) {
    match open_to_others_in(folder) {
        Ok(wide) => wide.iter().for_each(|path| warn_if_wide(path)),
        Err(error) => tracing::warn!(%error, folder = %folder.display(), "cannot be listed"),
    }
}

/// The folder, and what is in it, where others on this machine may read or change it.
pub fn open_to_others_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut wide: Vec<PathBuf> = vec![folder.to_owned()];
    for entry in std::fs::read_dir(folder)? {
        wide.push(entry?.path());
    }
    wide.retain(|path| is_secret(path, folder) && is_open_to_others(path));
    Ok(wide)
}

/// Warns of a file where others on this machine may read or change it.
pub fn warn_if_wide(path: &Path) {
    if is_open_to_others(path) {
        tracing::warn!(
            path = %path.display(),
            "others on this machine may read it: take their rights away (chmod go=)"
        );
    }
}

/// Whether it is the folder, a key or of the database. Where the server listens is no secret.
fn is_secret(path: &Path, folder: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    path == folder || name.is_some_and(|name| name != "listening")
}

/// Whether others on this machine may read or change a file.
#[cfg(unix)]
pub fn is_open_to_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    let others = 0o077;
    std::fs::metadata(path).is_ok_and(|found| found.permissions().mode() & others != 0)
}

#[cfg(not(unix))]
pub fn is_open_to_others(_: &Path) -> bool {
    false
}

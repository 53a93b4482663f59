//! `rollcall backup`: the embedded database and the keys, in a folder that a server starts with.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;

use super::error::CommandError;
use super::output::print;
use super::start::open_existing;
use crate::config::Config;
use crate::state::{State, make_private_folder};
use crate::store::backup;

#[derive(Args)]
pub struct BackupArguments {
    /// The folder to make. A server that is started with it as its data folder serves what is in it.
    #[arg(long)]
    output: PathBuf,
}

/// Backs the embedded database up while it is in use, with its keys.
///
/// # Errors
/// A folder that is there already or cannot be made, and a database that is not the embedded one.
pub fn run(arguments: &BackupArguments) -> Result<(), CommandError> {
    backup::require_embedded(&Config::load()?.database_url)?;
    let state = open_existing()?;
    let output = &arguments.output;
    let failed = |error| CommandError::file(output.display(), error);
    if output.exists() {
        let taken = "is there already: name a folder that is not";
        return Err(CommandError::Usage(format!("{} {taken}", output.display())));
    }
    // Whole or not at all: a back-up that was cut short has another name.
    let draft = with_suffix(output, ".unfinished");
    if let Err(error) = fill(&draft, &state) {
        // It may not have been made.
        let _ = fs::remove_dir_all(&draft);
        return Err(error);
    }
    fs::rename(&draft, output).map_err(failed)?;
    print(&format!(
        "Backed up to {0}: start a server with ROLLCALL_DATA_DIR={0} to use it.\n",
        output.display()
    ))
}

fn fill(folder: &Path, state: &State) -> Result<(), CommandError> {
    let failed = |error| CommandError::file(folder.display(), error);
    make_private_folder(folder).map_err(failed)?;
    let file = folder.join("rollcall.sqlite");
    backup::copy_into(&mut *state.services.pool.get()?, &file.to_string_lossy())?;
    for (key, name) in state.key_files()? {
        let copied = fs::copy(&key, folder.join(name));
        copied.map_err(|error| CommandError::file(key.display(), error))?;
    }
    sync_all(folder).map_err(failed)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn sync_all(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        fs::File::open(entry?.path())?.sync_all()?;
    }
    fs::File::open(folder)?.sync_all()
}

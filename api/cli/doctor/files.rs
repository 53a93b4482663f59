//! Keys, who may read them, and room on the disk.

use std::path::{Path, PathBuf};

use super::finding::{Check, Finding};
use crate::config::Config;
use crate::crypto::access_token::SigningKeys;
use crate::crypto::key_file::KeyError;
use crate::crypto::sealing::SealingKeys;
use crate::domain::database_url::DatabaseUrl;
use crate::state::{self, StartError};

pub fn check(config: &Config) -> Vec<Finding> {
    vec![
        data_folder(config),
        private_files(config),
        signing_key(config),
        sealing_key(config),
        disk(config),
    ]
}

fn data_folder(config: &Config) -> Finding {
    let folder = config.data_dir.display();
    if !config.is_embedded() && config.mail_leaves() {
        return Check::DataFolder.skipped("nothing is kept in it");
    }
    match state::require_writable_folder(&config.data_dir) {
        Ok(()) if config.data_dir.exists() => {
            Check::DataFolder.ok(format!("{folder} can be written"))
        }
        Ok(()) => Check::DataFolder.ok(format!("{folder}: the first start makes it")),
        Err(error) => Check::DataFolder.failure(
            format!("{folder} cannot be used ({error})"),
            "Name a folder in ROLLCALL_DATA_DIR that whoever runs the server may make and write",
        ),
    }
}

fn private_files(config: &Config) -> Finding {
    let named = [
        &config.signing_key_file,
        &config.sealing_key_file,
        &config.federation_key_file,
    ];
    let mut wide: Vec<PathBuf> = named.into_iter().flatten().cloned().collect();
    wide.retain(|path| state::is_open_to_others(path));
    if config.is_embedded() {
        // One that is not there yet is made for its owner.
        wide.extend(state::open_to_others_in(&config.data_dir).unwrap_or_default());
    }
    if wide.is_empty() {
        return Check::PrivateFiles
            .ok("nobody else on this machine reads the keys or the data folder");
    }
    let names: Vec<String> = wide.iter().map(|path| path.display().to_string()).collect();
    let names = names.join(" ");
    Check::PrivateFiles.warning(
        format!("others on this machine may read: {names}"),
        format!("Take their rights away: chmod go= {names}"),
    )
}

fn signing_key(config: &Config) -> Finding {
    let load = |file: &Path| {
        let keys = SigningKeys::load(file, false, "")?;
        let ids = keys.ids();
        let first = ids.first().copied().unwrap_or_default();
        Ok(format!("{first} signs; {}", counted(ids.len(), file)))
    };
    key(
        config,
        (Check::SigningKey, state::signing_key_file(config)),
        load,
    )
}

fn sealing_key(config: &Config) -> Finding {
    let load = |file: &Path| {
        let keys = SealingKeys::load(file, false)?;
        let ids = keys.ids();
        let first = ids.first().map(ToString::to_string).unwrap_or_default();
        Ok(format!("{first} seals; {}", counted(ids.len(), file)))
    };
    key(
        config,
        (Check::SealingKey, state::sealing_key_file(config)),
        load,
    )
}

fn counted(keys: usize, file: &Path) -> String {
    let file = file.display();
    match keys {
        1 => format!("it is the only key in {file}"),
        keys => format!("there are {keys} keys in {file}"),
    }
}

fn key(
    config: &Config,
    (check, file): (Check, Result<PathBuf, StartError>),
    load: impl FnOnce(&Path) -> Result<String, KeyError>,
) -> Finding {
    let file = match file {
        Ok(file) => file,
        Err(error) => {
            return check.failure(
                error.to_string(),
                "Make the keys once, and give every replica the same (docs/deployment.md)",
            );
        }
    };
    match load(&file) {
        Ok(found) => check.ok(found),
        Err(_) if is_made_at_the_start(config, &file) => {
            check.skipped(format!("{}: the first start makes it", file.display()))
        }
        Err(error) => {
            let found = if file.exists() {
                error.to_string()
            } else {
                format!("{} is not there", file.display())
            };
            check.failure(
                found,
                "Put back the key that this installation has always had, from its back-up, or correct the setting that \
                 names it: with a new signing key everybody is signed out, and a new sealing key opens nothing of what \
                 is sealed",
            )
        }
    }
}

/// Beside a database that is there the key belongs to it.
fn is_made_at_the_start(config: &Config, file: &Path) -> bool {
    match &config.database_url {
        DatabaseUrl::Sqlite(database) => {
            file.starts_with(&config.data_dir) && !file.exists() && !Path::new(database).exists()
        }
        DatabaseUrl::Postgres(_) => false,
    }
}

/// With less, a warning: an import of a large list, or a week of mail, may take it.
const ENOUGH: u64 = 512 * 1024 * 1024;

fn disk(config: &Config) -> Finding {
    let DatabaseUrl::Sqlite(database) = &config.database_url else {
        return Check::Disk.skipped("the database is on a server of its own");
    };
    let there = |path: &&Path| path.exists();
    let Some(path) = Path::new(database).ancestors().find(there) else {
        return Check::Disk.skipped(format!("{database}: no folder of it is there yet"));
    };
    let shown = path.display();
    match state::free_bytes(path) {
        Err(error) => {
            Check::Disk.failure(format!("{shown}: {error}"), "See that the disk can be read")
        }
        Ok(free) if free < state::ROOM => Check::Disk.failure(
            format!("the disk of {shown} has only {free} bytes left: the server is not ready"),
            "Make room, or move the data folder (ROLLCALL_DATA_DIR)",
        ),
        Ok(free) if free < ENOUGH => Check::Disk.warning(
            format!("the disk of {shown} has {} MiB left", free / 1024 / 1024),
            "Make room before it is full",
        ),
        Ok(free) => Check::Disk.ok(format!(
            "the disk of {shown} has {} MiB left",
            free / 1024 / 1024
        )),
    }
}

//! Where keys are found.

use std::path::PathBuf;

use super::start_error::StartError;
use crate::config::Config;

/// A kind of key: its file beside an embedded database, the setting that names another, and how one is made.
pub(super) struct KeySource {
    pub file: &'static str,
    pub variable: &'static str,
    pub command: &'static str,
}

impl KeySource {
    /// The file that is named, or the one beside the database.
    ///
    /// # Errors
    /// Where there is neither.
    pub fn find(&self, config: &Config, named: Option<&PathBuf>) -> Result<PathBuf, StartError> {
        let beside_database = || {
            config
                .is_embedded()
                .then(|| config.data_dir.join(self.file))
        };
        let found = named.cloned().or_else(beside_database);
        found.ok_or(StartError::KeyNotSet {
            variable: self.variable,
            command: self.command,
        })
    }
}

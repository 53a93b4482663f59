//! The keys that identify Rollcall to foreign systems. Most installations need none: they are read, and made where that
//! is allowed, when something needs them first.

use std::path::PathBuf;
use std::sync::OnceLock;

use super::start_error::StartError;
use crate::config::Config;
use crate::crypto::federation_keys::FederationKeys;

/// What the file is called in a data folder.
pub(super) const NAME: &str = "federation.pem";

/// The federation keys, once something has needed them.
pub struct Federation {
    file: Option<PathBuf>,
    may_make: bool,
    keys: OnceLock<FederationKeys>,
}

impl Federation {
    /// Those of the configuration.
    ///
    /// # Errors
    /// Where a file is named that has no usable keys.
    pub(super) fn configured(config: &Config) -> Result<Self, StartError> {
        let federation = Self {
            file: key_file(config).ok(),
            may_make: config.is_embedded() && config.federation_key_file.is_none(),
            keys: OnceLock::new(),
        };
        if config.federation_key_file.is_some() {
            federation.keys()?;
        }
        Ok(federation)
    }

    /// The keys. The first call may make one, which takes up to a second.
    ///
    /// # Errors
    /// Where no file is named and none may be made, or it cannot be read or written.
    pub fn keys(&self) -> Result<&FederationKeys, StartError> {
        if let Some(keys) = self.keys.get() {
            return Ok(keys);
        }
        let file = self.file.as_ref().ok_or_else(not_set)?;
        let keys = FederationKeys::load(file, self.may_make)?;
        // Of two that come at once both have read the same file.
        Ok(self.keys.get_or_init(|| keys))
    }
}

/// Where the federation keys are.
///
/// # Errors
/// Where the configuration does not say it, and no data folder has them.
pub fn key_file(config: &Config) -> Result<PathBuf, StartError> {
    let beside_database = || config.is_embedded().then(|| config.data_dir.join(NAME));
    let named = config.federation_key_file.clone();
    named.or_else(beside_database).ok_or_else(not_set)
}

fn not_set() -> StartError {
    StartError::KeyNotSet {
        variable: "ROLLCALL_FEDERATION_KEY_FILE",
        command: "openssl genpkey -algorithm rsa",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn configured(settings: &[(&str, &str)]) -> Config {
        let settings = settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::from_environment(settings.collect::<HashMap<_, _>>()).unwrap()
    }

    #[test]
    fn keys_are_made_when_they_are_needed_where_no_replica_shares_them() {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = folder.path().to_str().unwrap();
        let file = folder.path().join(NAME);
        let federation = Federation::configured(&configured(&[("data_dir", data_dir)])).unwrap();
        assert!(!file.exists());
        let ids = federation.keys().unwrap().ids().len();
        assert_eq!((ids, file.exists()), (1, true));
        let shared = ("database_url", "postgres://rollcall@db.example/rollcall");
        let federation = Federation::configured(&configured(&[shared])).unwrap();
        let told = federation.keys().err().unwrap().to_string();
        assert!(
            told.contains("ROLLCALL_FEDERATION_KEY_FILE is not set"),
            "{told}"
        );
        let missing = ("federation_key_file", "/nowhere/federation.pem");
        let refused = Federation::configured(&configured(&[shared, missing])).err();
        assert!(refused.unwrap().to_string().contains("does not exist"));
    }
}

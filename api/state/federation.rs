//! The keys that identify Rollcall to foreign systems, and that these encrypt for.

use std::path::PathBuf;

use super::key_source::KeySource;
use super::start_error::StartError;
use crate::config::Config;
use crate::crypto::federation_keys::FederationKeys;

/// What the file is called in a data folder.
pub(super) const NAME: &str = "federation.pem";

/// The federation keys of the configuration. In a data folder the first start makes one, which takes up to a second;
/// where replicas share them and no file is named there are none.
///
/// # Errors
/// Where the file has no usable keys, or cannot be made.
pub(super) fn load(config: &Config) -> Result<Option<FederationKeys>, StartError> {
    let may_make = config.is_embedded() && config.federation_key_file.is_none();
    let Ok(file) = key_file(config) else {
        return Ok(None);
    };
    Ok(Some(FederationKeys::load(&file, may_make)?))
}

/// Where the federation keys are.
///
/// # Errors
/// Where the configuration does not say it, and no data folder has them.
pub fn key_file(config: &Config) -> Result<PathBuf, StartError> {
    const FEDERATION: KeySource = KeySource {
        file: NAME,
        variable: "ROLLCALL_FEDERATION_KEY_FILE",
        command: "openssl genpkey -algorithm rsa",
    };
    FEDERATION.find(config, config.federation_key_file.as_ref())
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
    fn a_key_is_made_where_no_replica_shares_it() {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = folder.path().to_str().unwrap();
        let embedded = configured(&[("data_dir", data_dir)]);
        let ids = || {
            let keys = load(&embedded).unwrap().unwrap();
            keys.ids()
                .into_iter()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let made = ids();
        assert_eq!((made.len(), folder.path().join(NAME).exists()), (1, true));
        assert_eq!(ids(), made, "the next start");
        let shared = ("database_url", "postgres://rollcall@db.example/rollcall");
        assert!(load(&configured(&[shared])).unwrap().is_none());
        let missing = ("federation_key_file", "/nowhere/federation.pem");
        let refused = load(&configured(&[shared, missing])).err();
        assert!(refused.unwrap().to_string().contains("does not exist"));
    }
}

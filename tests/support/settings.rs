//! The settings of an application in this process, on either database.

use std::collections::HashMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rollcall::crypto::access_token::SigningKeys;
use rollcall::crypto::sealing::SealingKeys;

/// The federation key of all tests: to make one takes a second.
const FEDERATION_KEY: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/fixtures/saml/keys/other.key.pem"
);

/// Puts the federation key into a data folder, as an earlier start would have.
pub fn give_federation_key(folder: &Path) {
    let file = folder.join("federation.pem");
    if folder.is_dir() && !file.exists() {
        let made = std::fs::copy(FEDERATION_KEY, &file);
        made.expect("the key cannot be copied");
        let owner_only = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(&file, owner_only).expect("the key cannot be closed");
    }
}

/// Settings as `Config::from_environment` takes them: on SQLite in this folder, or on the PostgreSQL
/// database with this URL, with keys in files as replicas need them.
pub fn settings(folder: &Path, postgres: Option<&str>) -> HashMap<String, String> {
    let mut settings = HashMap::from([
        ("listen".to_owned(), "127.0.0.1:0".to_owned()),
        ("data_dir".to_owned(), folder.display().to_string()),
        ("organization_creation".to_owned(), "anyone".to_owned()),
        // Providers of tests.
        ("outbound_allow".to_owned(), "127.0.0.0/8".to_owned()),
    ]);
    if let Some(url) = postgres {
        let (signing, sealing) = key_files(folder);
        settings.insert("database_url".to_owned(), url.to_owned());
        settings.insert("signing_key_file".to_owned(), signing.display().to_string());
        settings.insert("sealing_key_file".to_owned(), sealing.display().to_string());
        settings.insert("federation_key_file".to_owned(), FEDERATION_KEY.to_owned());
    }
    if postgres.is_none() {
        give_federation_key(folder);
    }
    settings
}

/// Writes keys into a folder, as an installation at scale names them: one pair for all tests of this
/// process.
pub fn key_files(folder: &Path) -> (PathBuf, PathBuf) {
    static KEYS: OnceLock<(String, String)> = OnceLock::new();
    let (signing, sealing) = (folder.join("signing.pem"), folder.join("sealing.key"));
    let (signing_key, sealing_key) = KEYS.get_or_init(|| {
        SigningKeys::load(&signing, true, "").expect("no signing key");
        SealingKeys::load(&sealing, true).expect("no sealing key");
        let read = |path| std::fs::read_to_string(path).expect("no key");
        (read(&signing), read(&sealing))
    });
    std::fs::write(&signing, signing_key).expect("the key cannot be written");
    std::fs::write(&sealing, sealing_key).expect("the key cannot be written");
    (signing, sealing)
}

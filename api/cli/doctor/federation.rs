//! The key by which Rollcall shows foreign systems who it is, and whether anything takes one.

use super::finding::{Check, Finding};
use crate::config::Config;
use crate::crypto::federation_keys::FederationKeys;
use crate::error::Result;
use crate::services::sso::federation_need;
use crate::state;
use crate::store::Connection;
use crate::store::migrations::{self, SchemaVersion};

pub fn check(connection: &mut Connection, config: &Config) -> Result<Finding> {
    let check = Check::FederationKey;
    let is_current = migrations::version(connection)? == SchemaVersion::Current;
    let needing = match is_current {
        true => federation_need::count(connection)?,
        false => 0,
    };
    let found = match state::federation_key_file(config) {
        Ok(file) => FederationKeys::load(&file, false)
            .map(|keys| keys.ids().first().copied().unwrap_or_default().to_owned())
            .map_err(|error| error.to_string()),
        Err(not_set) => Err(not_set.to_string()),
    };
    Ok(match found {
        Ok(id) => check.ok(format!("{id} shows who Rollcall is")),
        Err(_) if needing == 0 && config.federation_key_file.is_none() => {
            check.skipped("no active connection takes one")
        }
        Err(problem) => check.failure(told(&problem, needing), ADVICE),
    })
}

const ADVICE: &str = "Put back the key that this installation has had, from its back-up. Where there never was one, make it \
                      (openssl genpkey -algorithm rsa -out federation.pem), name it in ROLLCALL_FEDERATION_KEY_FILE of \
                      every replica (docs/deployment.md), and start them again: identity providers that do not read \
                      jwks_uri, or Rollcall's metadata, are given the new public key";

fn told(problem: &str, needing: usize) -> String {
    match needing {
        0 => problem.to_owned(),
        1 => format!("One active connection takes it, by which nobody signs in: {problem}"),
        many => format!("{many} active connections take it, by which nobody signs in: {problem}"),
    }
}

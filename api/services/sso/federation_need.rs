//! Which connections take the key by which Rollcall shows foreign systems who it is.

use super::settings::known_provider;
use crate::domain::known_provider::KnownProvider;
use crate::error::Result;
use crate::store::sso_connections::{self, SsoConnection};
use crate::store::{Connection, apps};

/// How many active connections of all organizations nobody signs in by without the federation key.
///
/// # Errors
/// `internal` where the settings of one cannot be read.
pub fn count(connection: &mut Connection) -> Result<usize> {
    let active = sso_connections::active(connection)?;
    let ids: Vec<_> = active.iter().filter_map(|one| one.app_id).collect();
    let apps = apps::find_all(connection, &ids)?;
    let mut needing = 0;
    for one in &active {
        let app = one.app_id.and_then(|id| apps.get(&id));
        let by_app = app.is_some_and(|app| app.client_authentication.shows_key());
        if by_app || needs(one)? {
            needing += 1;
        }
    }
    Ok(needing)
}

fn needs(connection: &SsoConnection) -> Result<bool> {
    Ok(match known_provider(connection)? {
        KnownProvider::Oidc(known) => known.shows_key(),
        KnownProvider::Saml(known) => known.is_some_and(|known| known.wants_signed_requests),
    })
}

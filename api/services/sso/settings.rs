//! The settings of a connection, by its protocol.

use serde::de::DeserializeOwned;

use super::diagnosis;
use crate::domain::connections::{ConnectionKind, OidcSettings, ProviderSettings, SamlSettings};
use crate::domain::ids::ConnectionId;
use crate::error::{Error, Result};
use crate::services::unit_of_work::UnitOfWork;
use crate::store::sql_types::JsonColumn;
use crate::store::sso_connections::{self, SsoConnection};

/// How the provider of a connection is reached.
///
/// # Errors
/// `internal` where the settings cannot be read.
pub fn provider_settings(connection: &SsoConnection) -> Result<ProviderSettings> {
    match connection.kind {
        ConnectionKind::Oidc => read::<OidcSettings>(connection).map(ProviderSettings::Oidc),
        ConnectionKind::Saml => read::<SamlSettings>(connection).map(ProviderSettings::Saml),
    }
}

/// The settings of a connection by SAML; `None` where it is none.
pub fn saml_of(tx: &mut UnitOfWork<'_>, id: ConnectionId) -> Result<Option<SamlSettings>> {
    let found = sso_connections::find(tx.connection, id)?;
    let settings = found.as_ref().map(provider_settings).transpose()?;
    Ok(match settings {
        Some(ProviderSettings::Saml(settings)) => Some(settings),
        Some(ProviderSettings::Oidc(_)) | None => None,
    })
}

fn read<T: DeserializeOwned>(connection: &SsoConnection) -> Result<T> {
    serde_json::from_value(connection.settings.0.clone()).map_err(Error::internal)
}

/// Settings as they are kept.
pub(super) fn kept(settings: &ProviderSettings) -> Result<JsonColumn> {
    match settings {
        ProviderSettings::Oidc(settings) => diagnosis::json_of(settings),
        ProviderSettings::Saml(settings) => diagnosis::json_of(settings),
    }
}

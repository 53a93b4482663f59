//! As whom Rollcall asks an OpenID provider: as a connection's own client, or as that of an operator's app, as it is at
//! the moment.

use std::collections::HashMap;

use super::client_secrets::{self, context_of_app, context_of_connection};
use super::warnings::lapsed_domain_of;
use crate::domain::connections::{ClientAuthentication, OidcClient, OidcSettings, Preset};
use crate::domain::known_provider::KnownProvider;
use crate::error::{Error, Result};
use crate::services::unit_of_work::UnitOfWork;
use crate::store::apps::{self, App};
use crate::store::domains::Domain;
use crate::store::sso_connections::SsoConnection;

/// A client as the provider knows it.
#[derive(Clone)]
pub struct RegisteredClient {
    pub id: String,
    pub authentication: ClientAuthentication,
    pub secret: Option<String>,
}

impl RegisteredClient {
    /// Whether Rollcall proves by its own key that it is this client.
    pub fn is_by_key(&self) -> bool {
        self.authentication == ClientAuthentication::PrivateKeyJwt
    }
}

/// The client of a connection.
///
/// # Errors
/// `internal` where its sealing key is gone.
pub fn client_of(
    tx: &mut UnitOfWork<'_>,
    connection: &SsoConnection,
    settings: &OidcSettings,
) -> Result<RegisteredClient> {
    match &settings.client {
        OidcClient::Own(own) => {
            let context = context_of_connection(connection.id);
            Ok(RegisteredClient {
                id: own.id.clone(),
                authentication: own.authentication,
                secret: client_secrets::open(tx, &context, connection.sealed.as_deref())?,
            })
        }
        OidcClient::App(id) => {
            let app = apps::find(tx.connection, *id)?;
            let app = app.ok_or_else(|| Error::internal("the app of a connection is gone"))?;
            let context = context_of_app(app.id);
            Ok(RegisteredClient {
                secret: client_secrets::open(tx, &context, app.sealed.as_deref())?,
                id: app.client_id,
                authentication: app.client_authentication,
            })
        }
    }
}

/// A connection, the app whose client it is, where it has none of its own, and what warnings ask for beside both.
pub struct ConnectionView {
    pub connection: SsoConnection,
    pub app: Option<App>,
    /// A domain of the organization that has lapsed.
    pub lapsed: Option<Domain>,
}

/// A connection with what belongs to it.
pub fn view(tx: &mut UnitOfWork<'_>, connection: SsoConnection) -> Result<ConnectionView> {
    let app = match connection.app_id {
        Some(id) => apps::find(tx.connection, id)?,
        None => None,
    };
    let lapsed = lapsed_domain_of(tx, connection.organization_id)?;
    Ok(ConnectionView {
        connection,
        app,
        lapsed,
    })
}

/// The connections of an organization, each with what belongs to it.
pub fn views(
    tx: &mut UnitOfWork<'_>,
    connections: Vec<SsoConnection>,
) -> Result<Vec<ConnectionView>> {
    let ids: Vec<_> = connections.iter().filter_map(|one| one.app_id).collect();
    let apps = match ids.is_empty() {
        true => HashMap::new(),
        false => apps::find_all(tx.connection, &ids)?,
    };
    let lapsed = match connections.first() {
        Some(first) => lapsed_domain_of(tx, first.organization_id)?,
        None => None,
    };
    let views = connections.into_iter().map(|connection| ConnectionView {
        lapsed: lapsed.clone(),
        app: connection.app_id.and_then(|id| apps.get(&id).cloned()),
        connection,
    });
    Ok(views.collect())
}

/// Refuses an app that is not there, or is registered with another provider.
///
/// # Errors
/// `validation_failed`.
pub(super) fn require_app(
    tx: &mut UnitOfWork<'_>,
    preset: Preset,
    known: &KnownProvider,
) -> Result<()> {
    let Some(id) = known.app() else {
        return Ok(());
    };
    let app = apps::find(tx.connection, id)?.ok_or_else(unknown_app)?;
    if Preset::from(app.preset) == preset {
        return Ok(());
    }
    Err(app_of_other_preset(app.preset.into()))
}

/// The refusal of an app that there is not.
pub fn unknown_app() -> Error {
    let detail = "There is no such app. The operators of this installation tell its id.";
    Error::invalid("/app_id", "app_unknown", detail)
}

/// The refusal of an app that is for another preset.
pub fn app_of_other_preset(preset: Preset) -> Error {
    let detail = format!("This app is for the preset `{preset}`.");
    Error::invalid("/app_id", "not_of_preset", detail)
}

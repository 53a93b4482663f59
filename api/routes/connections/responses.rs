//! Connections, their tests and diagnoses, as admins see them.

use serde::Serialize;
use utoipa::ToSchema;

use super::provider::subject_of_preset;
use crate::domain::arrival_rules::{ArrivalRule, RulesApply};
use crate::domain::connections::{
    Arrivals, ClientAuthentication, ConnectionKind, ConnectionStatus, ConnectionWarningCode,
    Preset, SamlSettings,
};
use crate::domain::ids::{AppId, ConnectionId};
use crate::domain::known_provider::{KnownOidc, KnownProvider, ProviderField};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::routes::extract::{Authenticated, Guard as _, RequestScope};
use crate::routes::page::page_body;
use crate::services::sso::clients::{ConnectionView, view};
use crate::services::sso::rules::rules_of;
use crate::services::sso::settings::{known_provider, missing_fields};
use crate::services::sso::{metadata, warnings};
use crate::state::State;
use crate::store::apps::App;
use crate::store::domains::Domain;
use crate::store::sso_connections::SsoConnection;

/// A connection to an identity provider.
#[derive(Serialize, ToSchema)]
#[schema(as = Connection, examples(json!({
    "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11",
    "name": "School accounts",
    "kind": "oidc",
    "preset": "generic",
    "status": "draft",
    "tested_at": null,
    "subject_source": "sub",
    "arrivals": "everyone",
    "session_hours": 168,
    "rules": [{
        "when": { "claim": "groups", "is": "equals", "value": "Teachers" },
        "then": { "account_type": "teacher", "group_ids": ["01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c12"] }
    }],
    "apply": "always",
    "has_client_secret": true,
    "client_secret_expires_at": "2028-09-01T07:30:00Z",
    "service_provider": {
        "redirect_uri": "https://rollcall.school.example/v1/sso/callback/01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11",
        "jwks_uri": "https://rollcall.school.example/v1/lti/jwks",
        "post_logout_redirect_uri": "https://app.school.example/sign-in",
        "backchannel_logout_uri": "https://rollcall.school.example/v1/sso/backchannel-logout/01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11",
        "initiate_uri": "https://rollcall.school.example/v1/sso/initiate/01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11",
        "entity_id": null,
        "acs_url": null,
        "metadata_url": null
    },
    "identity_provider": {
        "issuer": "https://login.school.example",
        "tenant": null,
        "app": null,
        "client_id": "rollcall",
        "client_authentication": "client_secret_basic",
        "metadata_url": null,
        "entity_id": null,
        "sign_in_location": null,
        "certificates": null,
        "metadata_valid_until": null
    },
    "missing": [],
    "warnings": [{
        "code": "secret_expires",
        "since": "2028-08-02T07:30:00Z",
        "at": "2028-09-01T07:30:00Z",
        "detail": "Make a new client secret at the identity provider, and send it here before the old one ends."
    }],
    "created_at": "2026-09-01T07:30:00Z"
})))]
pub struct ConnectionBody {
    pub(super) id: ConnectionId,
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    kind: ConnectionKind,
    preset: Preset,
    status: ConnectionStatus,
    /// When a test of the settings as they are passed; `null` before.
    tested_at: Option<Timestamp>,
    /// What names a person for good: a claim of the token by OpenID Connect; by SAML `name_id`, or `attribute:` and a
    /// name.
    #[schema(max_length = 510)]
    subject_source: String,
    arrivals: Arrivals,
    #[schema(minimum = 1, maximum = 720)]
    session_hours: i64,
    /// What makes an account type and groups of claims: the first that matches counts.
    #[schema(max_items = 100)]
    rules: Vec<ArrivalRule>,
    /// When the rules are tried.
    apply: RulesApply,
    /// The secret itself is never shown.
    has_client_secret: bool,
    /// `null` where it is not known.
    client_secret_expires_at: Option<Timestamp>,
    service_provider: ServiceProvider,
    identity_provider: IdentityProvider,
    /// What is yet to be said of the identity provider, by a change of the connection, before it can be tested.
    #[schema(max_items = 3)]
    missing: Vec<ProviderField>,
    /// What has to be looked after, or does not work.
    #[schema(max_items = 10)]
    warnings: Vec<ConnectionWarning>,
    created_at: Timestamp,
}

/// What is the matter with a connection.
#[derive(Serialize, ToSchema)]
pub struct ConnectionWarning {
    code: ConnectionWarningCode,
    /// Since when it is so.
    since: Timestamp,
    /// When it ends, where that is known.
    at: Option<Timestamp>,
    #[schema(max_length = 2000)]
    detail: String,
}

impl From<warnings::Warning> for ConnectionWarning {
    fn from(warning: warnings::Warning) -> Self {
        Self {
            code: warning.code,
            since: warning.since,
            at: warning.at,
            detail: warning.detail,
        }
    }
}

/// What the identity provider is to be told of Rollcall.
#[derive(Serialize, ToSchema)]
pub struct ServiceProvider {
    /// Of `oidc`: where it sends people back to. Register exactly this; that of an operator's app is registered
    /// by its operators.
    #[schema(max_length = 2000)]
    redirect_uri: Option<String>,
    /// Of `oidc`, for `private_key_jwt`: where Rollcall's public keys are. Register it before the client is changed to that.
    #[schema(max_length = 2000)]
    jwks_uri: Option<String>,
    /// Of `oidc`: where people come back to who sign out there. Register it, where the identity provider asks for it.
    #[schema(max_length = 2000)]
    post_logout_redirect_uri: Option<String>,
    /// Of `oidc`: where it says that sessions there have ended (back-channel logout). Register it, where it can do so.
    #[schema(max_length = 2000)]
    backchannel_logout_uri: Option<String>,
    /// For a tile of a portal.
    #[schema(max_length = 2000)]
    initiate_uri: String,
    /// Of `saml`: what Rollcall is called there (also: audience URI, identifier).
    #[schema(max_length = 2000)]
    entity_id: Option<String>,
    /// Of `saml`: where it has responses brought to (assertion consumer service; also: reply or single sign-on URL).
    #[schema(max_length = 2000)]
    acs_url: Option<String>,
    /// Of `saml`: where all this stands as metadata.
    #[schema(max_length = 2000)]
    metadata_url: Option<String>,
}

/// The identity provider, as it was set, or read. Fields of the other kind are `null`.
#[derive(Default, Serialize, ToSchema)]
pub struct IdentityProvider {
    #[schema(max_length = 1000)]
    issuer: Option<String>,
    #[schema(max_length = 255)]
    tenant: Option<String>,
    /// The operator's app whose client it is; `null` where it has one of its own.
    app: Option<AppReference>,
    #[schema(max_length = 255)]
    client_id: Option<String>,
    client_authentication: Option<ClientAuthentication>,
    /// Where the metadata is read daily; `null` where it was given by hand.
    #[schema(max_length = 2000)]
    metadata_url: Option<String>,
    /// What the identity provider is called.
    #[schema(max_length = 1000)]
    entity_id: Option<String>,
    /// Where browsers are sent to sign in.
    #[schema(max_length = 2000)]
    sign_in_location: Option<String>,
    /// The certificates that sign.
    #[schema(max_items = 32)]
    certificates: Option<Vec<CertificateBody>>,
    /// Until when the metadata says that it is valid.
    metadata_valid_until: Option<Timestamp>,
}

/// An operator's app, by its name.
#[derive(Serialize, ToSchema)]
pub struct AppReference {
    id: AppId,
    #[schema(min_length = 1, max_length = 100)]
    name: String,
}

/// A certificate of an identity provider.
#[derive(Serialize, ToSchema)]
pub struct CertificateBody {
    /// The SHA-256 of it, as tools print it.
    #[schema(max_length = 95)]
    fingerprint: String,
    expires_at: Timestamp,
}

page_body! {
    /// A page of connections.
    ConnectionPage of ConnectionBody
}

/// Describes connections with the addresses of this installation.
#[derive(Clone)]
pub struct Described(pub(super) State);

impl Described {
    pub fn by(request: &Authenticated) -> Self {
        Self::of(request.scope())
    }

    pub fn of(scope: &RequestScope) -> Self {
        Self(scope.state.clone())
    }

    /// A connection, in a unit of work of its own.
    pub async fn apart(self, connection: SsoConnection) -> Result<ConnectionBody> {
        let state = self.0.clone();
        let view = state
            .unit_of_work_as_system(move |tx| view(tx, connection))
            .await?;
        self.connection(view)
    }

    pub fn connection(&self, view: ConnectionView) -> Result<ConnectionBody> {
        let ConnectionView {
            connection,
            app,
            lapsed,
        } = view;
        let known = known_provider(&connection)?;
        let sealed = app.as_ref().map_or(&connection.sealed, |app| &app.sealed);
        let app_expires_at = app.as_ref().map(|app| app.secret_expires_at);
        Ok(ConnectionBody {
            subject_source: subject_source(connection.preset, &known),
            rules: rules_of(&connection)?,
            apply: connection.apply,
            service_provider: self.service_provider(&connection, (&known, app.as_ref())),
            warnings: self.warnings(&connection, (app.as_ref(), lapsed.as_ref()))?,
            has_client_secret: sealed.is_some(),
            client_secret_expires_at: app_expires_at.unwrap_or(connection.secret_expires_at),
            missing: missing_fields(&connection)?,
            identity_provider: identity_provider(known, app)?,
            id: connection.id,
            name: connection.name,
            kind: connection.kind,
            preset: connection.preset,
            status: connection.status,
            tested_at: connection.tested_at,
            arrivals: connection.arrivals,
            session_hours: connection.session_hours,
            created_at: connection.created_at,
        })
    }

    fn warnings(
        &self,
        connection: &SsoConnection,
        (app, lapsed): (Option<&App>, Option<&Domain>),
    ) -> Result<Vec<ConnectionWarning>> {
        let now = self.0.services.clock.now();
        let mut found = warnings::of(connection, lapsed, now)?;
        found.extend(
            app.into_iter()
                .flat_map(|app| warnings::of_app(app, now, false)),
        );
        Ok(found.into_iter().map(ConnectionWarning::from).collect())
    }

    fn service_provider(
        &self,
        connection: &SsoConnection,
        (known, app): (&KnownProvider, Option<&App>),
    ) -> ServiceProvider {
        let (state, id) = (&self.0, connection.id);
        let by_saml = connection.kind == ConnectionKind::Saml;
        ServiceProvider {
            jwks_uri: may_show_key(known, app).then(|| state.jwks_uri()),
            redirect_uri: (!by_saml).then(|| state.redirect_uri(connection.callback())),
            post_logout_redirect_uri: (!by_saml).then(|| state.services.outbox.links.ways_in()),
            backchannel_logout_uri: (!by_saml).then(|| state.backchannel_logout_uri(connection.id)),
            initiate_uri: state.initiate_uri(id),
            entity_id: by_saml.then(|| state.entity_id(id)),
            acs_url: by_saml.then(|| state.acs_url(id)),
            metadata_url: by_saml.then(|| state.entity_id(id)),
        }
    }
}

/// Whether Rollcall shows by its own key that it is the client, or a change of the connection can have it do so: the key is
/// registered before.
fn may_show_key(known: &KnownProvider, app: Option<&App>) -> bool {
    match known {
        KnownProvider::Oidc(_) => app.is_none_or(|app| app.client_authentication.shows_key()),
        KnownProvider::Saml(_) => false,
    }
}

fn subject_source(preset: Preset, known: &KnownProvider) -> String {
    match known {
        KnownProvider::Oidc(_) => preset.subject_claim().to_owned(),
        KnownProvider::Saml(Some(settings)) => settings.subject_source.to_string(),
        KnownProvider::Saml(None) => subject_of_preset(preset).to_string(),
    }
}

fn identity_provider(known: KnownProvider, app: Option<App>) -> Result<IdentityProvider> {
    Ok(match known {
        KnownProvider::Oidc(known) => openid_provider(known, app),
        KnownProvider::Saml(Some(settings)) => saml_provider(settings)?,
        KnownProvider::Saml(None) => IdentityProvider::default(),
    })
}

fn openid_provider(known: KnownOidc, app: Option<App>) -> IdentityProvider {
    let own = (known.client_id, known.client_authentication);
    let of_app = |app: &App| (Some(app.client_id.clone()), app.client_authentication);
    let (client_id, client_authentication) = app.as_ref().map_or(own, of_app);
    IdentityProvider {
        issuer: known.issuer,
        tenant: known.tenant,
        app: app.map(|app| AppReference {
            id: app.id,
            name: app.name,
        }),
        client_id,
        client_authentication: Some(client_authentication),
        ..IdentityProvider::default()
    }
}

fn saml_provider(settings: SamlSettings) -> Result<IdentityProvider> {
    let certificates = metadata::certificates(&settings)?;
    let certificates = certificates.iter().map(|certificate| CertificateBody {
        fingerprint: certificate.fingerprint(),
        expires_at: certificate.not_after(),
    });
    Ok(IdentityProvider {
        certificates: Some(certificates.collect()),
        metadata_url: settings.metadata.url,
        entity_id: Some(settings.entity_id),
        sign_in_location: Some(settings.sign_in_location),
        metadata_valid_until: settings.valid_until,
        ..IdentityProvider::default()
    })
}

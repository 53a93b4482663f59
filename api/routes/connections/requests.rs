//! What connections are made of.

use serde::Deserialize;
use utoipa::ToSchema;

use crate::domain::connections::{
    Arrivals, ClientAuthentication, ConnectionKind, MAX_CONNECTION_NAME, MAX_SESSION_HOURS,
    OidcSettings, Preset,
};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::oidc::presets::IssuerError;
use crate::routes::extract::{Form, nullable};
use crate::services::sso::connections::{
    ClientSecret, ConnectionChanges, NewConnection, oidc_settings,
};
use crate::store::sso_connections::SsoConnection;

/// The most characters of a client id and of a secret.
const MAX_CLIENT_ID: usize = 255;
const MAX_SECRET: usize = 1_000;
const MAX_ISSUER: usize = 1_000;
const MAX_TENANT: usize = 255;

/// What a connection is to be.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({
    "name": "School accounts",
    "kind": "oidc",
    "preset": "generic",
    "issuer": "https://login.school.example",
    "client_id": "rollcall",
    "client_secret": "of-the-identity-provider"
})))]
pub struct CreateConnectionRequest {
    /// People see it on the button to sign in.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// `oidc`: SAML cannot be set up yet.
    kind: ConnectionKind,
    preset: Preset,
    /// Of `okta` and `generic`: the issuer, exactly as the identity provider writes it.
    #[schema(max_length = 1000)]
    issuer: Option<String>,
    /// Of `entra`: the Directory (tenant) ID. Of `clever`: the id of the district.
    #[schema(max_length = 255)]
    tenant: Option<String>,
    #[schema(min_length = 1, max_length = 255)]
    client_id: String,
    /// Not needed with `private_key_jwt`. It is never shown again.
    #[schema(max_length = 1000, format = Password)]
    client_secret: Option<String>,
    /// Until when the identity provider takes the secret.
    client_secret_expires_at: Option<Timestamp>,
    /// `client_secret_basic` where it is left out.
    client_authentication: Option<ClientAuthentication>,
    /// `everyone` where it is left out.
    arrivals: Option<Arrivals>,
    /// How many hours a session lives without a new sign-in; 168 where it is left out.
    #[schema(minimum = 1, maximum = 720)]
    session_hours: Option<i64>,
}

/// What changes of a connection. Absent fields stay.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "name": "Staff accounts", "arrivals": "expected" })))]
pub struct UpdateConnectionRequest {
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// Of `okta` and `generic`.
    #[schema(max_length = 1000)]
    issuer: Option<String>,
    /// Of `entra` and `clever`.
    #[schema(max_length = 255)]
    tenant: Option<String>,
    #[schema(min_length = 1, max_length = 255)]
    client_id: Option<String>,
    #[schema(max_length = 1000, format = Password)]
    client_secret: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    client_secret_expires_at: Option<Option<Timestamp>>,
    client_authentication: Option<ClientAuthentication>,
    arrivals: Option<Arrivals>,
    #[schema(minimum = 1, maximum = 720)]
    session_hours: Option<i64>,
}

impl CreateConnectionRequest {
    /// The connection to be made.
    ///
    /// # Errors
    /// `validation_failed`, with every field at fault.
    pub fn parse(self) -> Result<NewConnection> {
        let mut form = Form::new();
        let name = form.text("/name", &self.name, MAX_CONNECTION_NAME);
        if self.kind == ConnectionKind::Saml {
            let detail = "SAML cannot be set up yet: use OpenID Connect.".to_owned();
            form.refuse("/kind", "not_available", detail);
        }
        let client_id = form.text("/client_id", &self.client_id, MAX_CLIENT_ID);
        let (issuer, tenant) = (self.issuer.as_deref(), self.tenant.as_deref());
        let issuer = take_issuer(&mut form, self.preset, (issuer, tenant));
        let authentication = self
            .client_authentication
            .unwrap_or(ClientAuthentication::ClientSecretBasic);
        check_secret(&mut form, authentication, self.client_secret.as_deref());
        check_hours(&mut form, self.session_hours);
        match (name, client_id, issuer) {
            (Some(name), Some(client_id), Some(issuer)) if !form.has_errors() => {
                Ok(NewConnection {
                    name,
                    preset: self.preset,
                    settings: OidcSettings {
                        issuer,
                        tenant: self.tenant.map(|tenant| tenant.trim().to_owned()),
                        client_id,
                        client_authentication: authentication,
                    },
                    secret: ClientSecret {
                        secret: self.client_secret,
                        expires_at: self.client_secret_expires_at,
                    },
                    arrivals: self.arrivals,
                    session_hours: self.session_hours,
                })
            }
            _ => Err(form.refusal()),
        }
    }
}

impl UpdateConnectionRequest {
    /// Refuses what is wrong whatever the connection is like.
    ///
    /// # Errors
    /// `validation_failed`, with every field at fault.
    pub fn require_good_fields(&self) -> Result<()> {
        let mut form = Form::new();
        if let Some(name) = &self.name {
            form.text("/name", name, MAX_CONNECTION_NAME);
        }
        if let Some(id) = &self.client_id {
            form.text("/client_id", id, MAX_CLIENT_ID);
        }
        if let Some(secret) = &self.client_secret {
            check_length(&mut form, secret);
        }
        check_hours(&mut form, self.session_hours);
        if form.has_errors() {
            return Err(form.refusal());
        }
        Ok(())
    }

    /// What changes of this connection.
    ///
    /// # Errors
    /// `validation_failed` for an issuer or a tenant that its preset does not take.
    pub fn changes_of(self, known: &SsoConnection) -> Result<ConnectionChanges> {
        let old = oidc_settings(known)?;
        let touches_issuer = self.issuer.is_some() || self.tenant.is_some();
        let tenant = self.tenant.map(|tenant| tenant.trim().to_owned());
        let tenant = tenant.or(old.tenant);
        let issuer = if touches_issuer {
            let mut form = Form::new();
            let typed = match known.preset {
                Preset::Okta | Preset::Generic => Some(self.issuer.unwrap_or(old.issuer)),
                Preset::Entra | Preset::Google | Preset::Clever => self.issuer,
            };
            let typed = (typed.as_deref(), tenant.as_deref());
            match take_issuer(&mut form, known.preset, typed) {
                Some(issuer) => issuer,
                None => return Err(form.refusal()),
            }
        } else {
            old.issuer
        };
        let settings = OidcSettings {
            issuer,
            tenant,
            client_id: self
                .client_id
                .map_or(old.client_id, |id| id.trim().to_owned()),
            client_authentication: self
                .client_authentication
                .unwrap_or(old.client_authentication),
        };
        Ok(ConnectionChanges {
            name: self.name.map(|name| name.trim().to_owned()),
            settings: Some(settings),
            client_secret: self.client_secret,
            secret_expires_at: self.client_secret_expires_at,
            arrivals: self.arrivals,
            session_hours: self.session_hours,
        })
    }
}

fn take_issuer(
    form: &mut Form,
    preset: Preset,
    (issuer, tenant): (Option<&str>, Option<&str>),
) -> Option<String> {
    if issuer.is_some_and(|issuer| issuer.len() > MAX_ISSUER) {
        let detail = format!("This has at most {MAX_ISSUER} characters.");
        form.refuse("/issuer", "too_long", detail);
    }
    if tenant.is_some_and(|tenant| tenant.len() > MAX_TENANT) {
        let detail = format!("This has at most {MAX_TENANT} characters.");
        form.refuse("/tenant", "too_long", detail);
    }
    if preset == Preset::Clever && tenant.is_none() {
        let detail = "Name the district by its id: it stands in the Clever dashboard.".to_owned();
        form.refuse("/tenant", "missing", detail);
    }
    match preset.issuer(issuer, tenant) {
        Ok(issuer) => Some(issuer),
        Err(error) => {
            let (pointer, code) = match error {
                IssuerError::TenantOfAll => ("/tenant", "not_one_tenant"),
                IssuerError::TenantForm => ("/tenant", "invalid"),
                IssuerError::IssuerForm => ("/issuer", "invalid"),
                IssuerError::IssuerGiven => ("/issuer", "not_of_preset"),
                IssuerError::IssuerMissing => ("/issuer", "missing"),
            };
            form.refuse(pointer, code, error.to_string());
            None
        }
    }
}

fn check_secret(form: &mut Form, authentication: ClientAuthentication, secret: Option<&str>) {
    let needs_secret = match authentication {
        ClientAuthentication::ClientSecretBasic | ClientAuthentication::ClientSecretPost => true,
        ClientAuthentication::PrivateKeyJwt => false,
    };
    match secret {
        Some(secret) => check_length(form, secret),
        None if needs_secret => {
            let detail = "Send the client secret, or set client_authentication to private_key_jwt.";
            form.refuse("/client_secret", "missing", detail.to_owned());
        }
        None => {}
    }
}

fn check_length(form: &mut Form, secret: &str) {
    if secret.is_empty() || secret.chars().count() > MAX_SECRET {
        let detail = format!("This has 1 to {MAX_SECRET} characters.");
        form.refuse("/client_secret", "invalid", detail);
    }
}

fn check_hours(form: &mut Form, hours: Option<i64>) {
    if hours.is_some_and(|hours| !(1..=MAX_SESSION_HOURS).contains(&hours)) {
        let detail = format!("A session lives 1 to {MAX_SESSION_HOURS} hours.");
        form.refuse("/session_hours", "out_of_range", detail);
    }
}

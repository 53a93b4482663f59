//! What connections are made of.

use serde::Deserialize;
use utoipa::ToSchema;

use super::client::{GivenClient, trimmed};
use super::provider::{GivenOidc, GivenSaml, OidcBefore, subject_of_preset};
use super::rule_checks::check_rules;
use crate::domain::arrival_rules::{ArrivalRule, RulesApply};
use crate::domain::connections::{
    Arrivals, ClientAuthentication, ConnectionKind, MAX_CONNECTION_NAME, MAX_SESSION_HOURS,
    MetadataSource, Preset, SamlSettings,
};
use crate::domain::ids::AppId;
use crate::domain::known_provider::{KnownOidc, KnownProvider};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::routes::extract::{Form, nullable};
use crate::services::sso::changes::ConnectionChanges;
use crate::services::sso::client_secrets::{ClientSecret, SecretChange};
use crate::services::sso::connections::NewConnection;
use crate::services::sso::metadata::NewMetadata;
use crate::services::sso::settings::known_provider;
use crate::store::sso_connections::SsoConnection;

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
    kind: ConnectionKind,
    /// Of `oidc` it has to be named; of `saml` it is `generic` where it is left out.
    preset: Option<Preset>,
    /// Of `okta` and `generic` by OpenID Connect: the issuer, exactly as the identity provider writes it.
    #[schema(max_length = 1000)]
    issuer: Option<String>,
    /// Of `entra` by OpenID Connect: the Directory (tenant) ID. Of `clever`: the id of the district. Of `classlink`: the
    /// tenant id of the district.
    #[schema(max_length = 255)]
    tenant: Option<String>,
    /// Of `oidc`: an operator's app, whose client it is, in the place of a client of its own. The operators of the
    /// installation tell the id.
    app_id: Option<AppId>,
    /// Of `oidc`: the client that the identity provider made for Rollcall.
    #[schema(min_length = 1, max_length = 255)]
    client_id: Option<String>,
    /// Of `oidc`; none with `private_key_jwt`. It is never shown again.
    #[schema(max_length = 1000, format = Password)]
    client_secret: Option<String>,
    /// Until when the identity provider takes the secret.
    client_secret_expires_at: Option<Timestamp>,
    /// Of `oidc`; `client_secret_basic` where it is left out.
    client_authentication: Option<ClientAuthentication>,
    /// Of `saml`: where the identity provider's metadata is read now, and daily. One that is not public is
    /// `address_not_allowed`, unless whoever runs Rollcall allows it; one that does not answer is `unreachable`.
    #[schema(max_length = 2000)]
    metadata_url: Option<String>,
    /// Of `saml`: the metadata itself, where it has no address.
    #[schema(max_length = 5_242_880)]
    metadata: Option<String>,
    /// Of `saml`: the certificate, in PEM, with which a federation signs the metadata. Only what it has signed is read.
    #[schema(max_length = 20_000)]
    metadata_signing_certificate: Option<String>,
    /// Of `saml`: the identity provider's entity id, where the metadata tells of many.
    #[schema(max_length = 1000)]
    entity_id: Option<String>,
    /// Of `saml`: what names a person for good. `name_id`, which it is where it is left out, or `attribute:` and the
    /// name of an attribute that a test showed.
    #[schema(max_length = 510)]
    subject_source: Option<String>,
    /// `everyone` where it is left out.
    arrivals: Option<Arrivals>,
    /// How many hours a session lives without a new sign-in; 168 where it is left out.
    #[schema(minimum = 1, maximum = 720)]
    session_hours: Option<i64>,
    /// What makes an account type and groups of claims: the first that matches counts.
    #[schema(max_items = 100)]
    rules: Option<Vec<ArrivalRule>>,
    /// `first` where it is left out.
    apply: Option<RulesApply>,
}

/// What changes of a connection. Absent fields stay.
#[derive(Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "name": "Staff accounts", "arrivals": "expected" })))]
pub struct UpdateConnectionRequest {
    #[schema(min_length = 1, max_length = 100)]
    pub(super) name: Option<String>,
    /// Of `okta` and `generic`.
    #[schema(max_length = 1000)]
    pub(super) issuer: Option<String>,
    /// Of `entra`, `clever` and `classlink`.
    #[schema(max_length = 255)]
    pub(super) tenant: Option<String>,
    /// Another operator's app; `null` for a client of its own, which `client_id` and `client_secret` name.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<AppId>)]
    pub(super) app_id: Option<Option<AppId>>,
    #[schema(min_length = 1, max_length = 255)]
    pub(super) client_id: Option<String>,
    #[schema(max_length = 1000, format = Password)]
    pub(super) client_secret: Option<String>,
    /// Where it is left out beside another secret, the end is not known any more (`null`).
    #[serde(default, deserialize_with = "nullable")]
    pub(super) client_secret_expires_at: Option<Option<Timestamp>>,
    /// With `private_key_jwt` the secret that is kept is deleted.
    pub(super) client_authentication: Option<ClientAuthentication>,
    /// Of `saml`: another address, which is read now, and daily. One that is not public is
    /// `address_not_allowed`, unless whoever runs Rollcall allows it; one that does not answer is `unreachable`.
    #[schema(max_length = 2000)]
    pub(super) metadata_url: Option<String>,
    /// Of `saml`: other metadata, given by hand. It is not read from an address any more.
    #[schema(max_length = 5_242_880)]
    pub(super) metadata: Option<String>,
    /// Of `saml`: the federation's certificate in PEM, together with metadata or its address; `null` for metadata that no
    /// federation signs.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, max_length = 20_000)]
    pub(super) metadata_signing_certificate: Option<Option<String>>,
    /// Of `saml`: the entity id, together with metadata or its address; `null` for metadata of a single identity provider.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, max_length = 1000)]
    pub(super) entity_id: Option<Option<String>>,
    /// Of `saml`, beside metadata that takes the place of a setup link's: whether it is of the identity provider by which
    /// people came, so that they keep their accounts. It is to be said where people came and this lacks a certificate
    /// that the link named; otherwise they keep them unless this is `false`.
    pub(super) same_provider: Option<bool>,
    /// Of `saml`. People whose identities were made by another source are asked to link anew.
    #[schema(max_length = 510)]
    pub(super) subject_source: Option<String>,
    pub(super) arrivals: Option<Arrivals>,
    #[schema(minimum = 1, maximum = 720)]
    pub(super) session_hours: Option<i64>,
    /// All rules anew.
    #[schema(max_items = 100)]
    pub(super) rules: Option<Vec<ArrivalRule>>,
    pub(super) apply: Option<RulesApply>,
}

/// A connection to be made, whose metadata may be yet to read.
pub struct ParsedConnection {
    name: String,
    preset: Preset,
    client_secret: Option<ClientSecret>,
    arrivals: Option<Arrivals>,
    session_hours: Option<i64>,
    rules: Option<Vec<ArrivalRule>>,
    apply: Option<RulesApply>,
}

/// What is said of its provider, or where that is to be read.
pub enum GivenProvider {
    Oidc(KnownOidc),
    Saml(Option<NewMetadata>),
}

impl ParsedConnection {
    /// The connection, with what is known of its provider.
    pub fn with(self, provider: KnownProvider) -> NewConnection {
        NewConnection {
            name: self.name,
            preset: self.preset,
            provider,
            client_secret: self.client_secret,
            arrivals: self.arrivals,
            session_hours: self.session_hours,
            rules: self.rules,
            apply: self.apply,
        }
    }
}

impl CreateConnectionRequest {
    /// The connection to be made.
    ///
    /// # Errors
    /// `validation_failed`, with every field at fault.
    pub fn parse(self) -> Result<(ParsedConnection, GivenProvider)> {
        let mut form = Form::new();
        let name = form.single_line("/name", &self.name, MAX_CONNECTION_NAME);
        check_hours(&mut form, self.session_hours);
        check_rules(&mut form, self.rules.as_deref().unwrap_or_default());
        let named = UpdateConnectionRequest::naming_provider_of(&self);
        let (oidc, saml) = (named.given_oidc(), named.given_saml());
        let (preset, provider, client_secret) = match self.kind {
            ConnectionKind::Oidc => {
                saml.refuse_all(&mut form);
                if self.preset.is_none() {
                    let detail = "Name the preset: `generic` is any provider.".to_owned();
                    form.refuse("/preset", "missing", detail);
                }
                let preset = self.preset.unwrap_or(Preset::Generic);
                let (known, secret) = oidc.take(&mut form, preset);
                (preset, GivenProvider::Oidc(known), secret)
            }
            ConnectionKind::Saml => {
                oidc.refuse_all(&mut form);
                let preset = self.preset.unwrap_or(Preset::Generic);
                let taken = saml.take(&mut form, preset);
                (preset, GivenProvider::Saml(taken), None)
            }
        };
        match name {
            Some(name) if !form.has_errors() => {
                let parsed = ParsedConnection {
                    name,
                    preset,
                    client_secret,
                    arrivals: self.arrivals,
                    session_hours: self.session_hours,
                    rules: self.rules,
                    apply: self.apply,
                };
                Ok((parsed, provider))
            }
            _ => Err(form.refusal()),
        }
    }
}

impl UpdateConnectionRequest {
    /// The fields of a new connection that name its provider.
    fn naming_provider_of(new: &CreateConnectionRequest) -> Self {
        Self {
            issuer: new.issuer.clone(),
            tenant: new.tenant.clone(),
            app_id: new.app_id.map(Some),
            client_id: new.client_id.clone(),
            client_secret: new.client_secret.clone(),
            client_secret_expires_at: new.client_secret_expires_at.map(Some),
            client_authentication: new.client_authentication,
            metadata_url: new.metadata_url.clone(),
            metadata: new.metadata.clone(),
            metadata_signing_certificate: new.metadata_signing_certificate.clone().map(Some),
            entity_id: new.entity_id.clone().map(Some),
            subject_source: new.subject_source.clone(),
            ..Self::default()
        }
    }

    fn given_oidc(&self) -> GivenOidc {
        GivenOidc {
            issuer: trimmed(&self.issuer),
            tenant: trimmed(&self.tenant),
            app: self.app_id,
            client: GivenClient {
                id: trimmed(&self.client_id),
                secret: trimmed(&self.client_secret),
                secret_expires_at: self.client_secret_expires_at,
                authentication: self.client_authentication,
            },
        }
    }

    fn given_saml(&self) -> GivenSaml {
        GivenSaml {
            url: self.metadata_url.clone(),
            document: self.metadata.clone(),
            signing_certificate: self.metadata_signing_certificate.clone(),
            entity_id: self.entity_id.clone(),
            same_provider: self.same_provider,
            subject_source: self.subject_source.clone(),
        }
    }

    /// Whether Rollcall's own key is to show that it is the client.
    pub fn shows_key(&self) -> bool {
        self.client_authentication
            .is_some_and(ClientAuthentication::shows_key)
    }

    fn given_name(&self, form: &mut Form) -> Option<String> {
        let name = self.name.as_deref()?;
        form.single_line("/name", name, MAX_CONNECTION_NAME)
    }

    /// Refuses what is wrong for a connection of this kind.
    ///
    /// # Errors
    /// `validation_failed`, with every field at fault.
    pub fn require_good_fields(&self, kind: ConnectionKind) -> Result<()> {
        let mut form = Form::new();
        self.given_name(&mut form);
        check_hours(&mut form, self.session_hours);
        check_rules(&mut form, self.rules.as_deref().unwrap_or_default());
        let (oidc, saml) = (self.given_oidc(), self.given_saml());
        match kind {
            ConnectionKind::Oidc => {
                saml.refuse_all(&mut form);
                oidc.client.check(&mut form);
            }
            ConnectionKind::Saml => {
                oidc.refuse_all(&mut form);
                saml.check(&mut form);
            }
        }
        if form.has_errors() {
            return Err(form.refusal());
        }
        Ok(())
    }

    /// The metadata that is to be read first, where this names any.
    ///
    /// # Errors
    /// `validation_failed`.
    pub fn metadata(&self, known: &SsoConnection) -> Result<Option<NewMetadata>> {
        let KnownProvider::Saml(settings) = known_provider(known)? else {
            return Ok(None);
        };
        let given = self.given_saml();
        if !given.names_metadata() {
            return Ok(None);
        }
        let before = match settings {
            Some(settings) => (settings.metadata, settings.subject_source),
            None => (MetadataSource::default(), subject_of_preset(known.preset)),
        };
        let mut form = Form::new();
        let taken = given.take_for(&mut form, before);
        match taken {
            Some(metadata) if !form.has_errors() => Ok(Some(metadata)),
            _ => Err(form.refusal()),
        }
    }

    /// What changes of this connection, with the metadata that was read for it.
    ///
    /// # Errors
    /// `validation_failed` for an issuer or a tenant that its preset does not take, and for what a connection lacks that is
    /// no draft any more.
    pub fn changes_of(
        self,
        known: &SsoConnection,
        read: Option<SamlSettings>,
    ) -> Result<ConnectionChanges> {
        let mut client_secret = SecretChange::Kept;
        let mut form = Form::new();
        let name = self.given_name(&mut form);
        let names_issuer = self.issuer.is_some() || self.tenant.is_some() || read.is_some();
        let provider = match known_provider(known)? {
            KnownProvider::Oidc(old) => {
                let before = OidcBefore {
                    known: old,
                    has_secret: known.sealed.is_some(),
                };
                let given = self.given_oidc();
                let (new, secret) = given.changed(&mut form, known.preset, &before);
                client_secret = secret;
                KnownProvider::Oidc(new)
            }
            KnownProvider::Saml(old) => {
                let given = self.given_saml();
                // What was chosen while the metadata was read stays.
                let kept = old.as_ref().map(|old| old.subject_source.clone());
                let mut new = read.or(old);
                match (&mut new, given.chosen_subject().or(kept)) {
                    (Some(new), Some(chosen)) => new.subject_source = chosen,
                    (None, _) => given.refuse_subject_alone(&mut form),
                    (Some(_), None) => {}
                }
                KnownProvider::Saml(new)
            }
        };
        if form.has_errors() {
            return Err(form.refusal());
        }
        Ok(ConnectionChanges {
            name,
            names_issuer,
            same_provider: self.same_provider,
            provider,
            client_secret,
            arrivals: self.arrivals,
            session_hours: self.session_hours,
            rules: self.rules,
            apply: self.apply,
        })
    }
}

fn check_hours(form: &mut Form, hours: Option<i64>) {
    if hours.is_some_and(|hours| !(1..=MAX_SESSION_HOURS).contains(&hours)) {
        let detail = format!("A session lives 1 to {MAX_SESSION_HOURS} hours.");
        form.refuse("/session_hours", "out_of_range", detail);
    }
}

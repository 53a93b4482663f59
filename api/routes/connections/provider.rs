//! How identity providers are named in requests, by their protocol.

use url::Url;

use super::client::{GivenClient, SecretBefore, trimmed};
use crate::crypto::certificate::Certificate;
use crate::domain::connections::{MetadataSource, OidcClient, OidcSettings, Preset, SubjectSource};
use crate::domain::ids::AppId;
use crate::error::Result;
use crate::oidc::presets::IssuerError;
use crate::routes::extract::Form;
use crate::services::sso::client_secrets::{ClientSecret, SecretChange};
use crate::services::sso::metadata::NewMetadata;

const MAX_ISSUER: usize = 1_000;
const MAX_TENANT: usize = 255;
const MAX_METADATA_URL: usize = 2_000;
const MAX_CERTIFICATE: usize = 20_000;

/// What names a person for good at Entra by SAML, as `oid` does by OpenID Connect.
const OBJECT_ID: &str = "http://schemas.microsoft.com/identity/claims/objectidentifier";

/// The fields of a request that are for OpenID Connect.
pub struct GivenOidc {
    pub issuer: Option<String>,
    pub tenant: Option<String>,
    /// An operator's app, or that it is to be none any more.
    pub app: Option<Option<AppId>>,
    pub client: GivenClient,
}

/// The fields of a request that are for SAML.
pub struct GivenSaml {
    pub url: Option<String>,
    pub document: Option<String>,
    /// The federation's certificate, or that there is to be none any more.
    pub signing_certificate: Option<Option<String>>,
    /// The entity id, or that there is to be none any more.
    pub entity_id: Option<Option<String>>,
    pub subject_source: Option<String>,
}

fn refuse_given(form: &mut Form, fields: &[(&'static str, bool)], protocol: &str) {
    for (pointer, is_given) in fields {
        if *is_given {
            let detail = format!("This is of {protocol}: leave it out.");
            form.refuse(*pointer, "not_of_kind", detail);
        }
    }
}

impl GivenOidc {
    /// Refuses each of these fields, for a connection by SAML.
    pub fn refuse_all(&self, form: &mut Form) {
        let fields = [
            ("/issuer", self.issuer.is_some()),
            ("/tenant", self.tenant.is_some()),
            ("/app_id", self.app.is_some()),
        ];
        refuse_given(form, &fields, "OpenID Connect");
        refuse_given(form, &self.client.fields(), "OpenID Connect");
    }

    /// How a new connection reaches its provider, and the secret of its own client.
    pub fn take(
        &self,
        form: &mut Form,
        preset: Preset,
    ) -> Option<(OidcSettings, Option<ClientSecret>)> {
        let (client, secret) = match self.app.flatten() {
            Some(app) => {
                self.client.refuse_beside_app(form);
                (Some(OidcClient::App(app)), None)
            }
            None => {
                let client = self.client.take(form).map(OidcClient::Own);
                (client, self.client.take_secret(form))
            }
        };
        let issuer = (self.issuer.as_deref(), self.tenant.as_deref());
        let issuer = take_issuer(form, preset, issuer);
        let settings = OidcSettings {
            issuer: issuer?,
            tenant: self.tenant.clone(),
            client: client?,
        };
        Some((settings, secret))
    }

    /// How a connection reaches its provider from now on, and what becomes of the client secret, which is kept or not.
    ///
    /// # Errors
    /// `validation_failed` for an issuer or a tenant that its preset does not take, for a client beside an app, and for
    /// one that is not complete.
    pub fn changed(
        &self,
        preset: Preset,
        old: &OidcSettings,
        has_secret: bool,
    ) -> Result<(OidcSettings, SecretChange)> {
        let mut form = Form::new();
        let tenant = self.tenant.clone().or_else(|| old.tenant.clone());
        let issuer = self.changed_issuer(&mut form, preset, (old, tenant.as_deref()));
        let moves = issuer.as_ref() != Some(&old.issuer);
        let secret = match (has_secret, moves) {
            (true, true) => SecretBefore::OfOtherIssuer,
            _ => SecretBefore::of_client(has_secret),
        };
        let app = self.app.unwrap_or_else(|| old.client.app());
        let (client, secret) = self.client.changed(&mut form, app, (&old.client, secret));
        match (issuer, client) {
            (Some(issuer), Some(client)) if !form.has_errors() => {
                let new = OidcSettings {
                    issuer,
                    tenant,
                    client,
                };
                Ok((new, secret))
            }
            _ => Err(form.refusal()),
        }
    }

    fn changed_issuer(
        &self,
        form: &mut Form,
        preset: Preset,
        (old, tenant): (&OidcSettings, Option<&str>),
    ) -> Option<String> {
        if self.issuer.is_none() && self.tenant.is_none() {
            return Some(old.issuer.clone());
        }
        let given = self.issuer.as_deref();
        let issuer = match preset {
            Preset::Okta | Preset::Generic => Some(given.unwrap_or(&old.issuer)),
            Preset::Entra | Preset::Google | Preset::Clever | Preset::ClassLink => given,
        };
        take_issuer(form, preset, (issuer, tenant))
    }
}

impl GivenSaml {
    /// Refuses each of these fields, for a connection by OpenID Connect.
    pub fn refuse_all(&self, form: &mut Form) {
        let fields = [
            ("/metadata_url", self.url.is_some()),
            ("/metadata", self.document.is_some()),
            (
                "/metadata_signing_certificate",
                self.signing_certificate.is_some(),
            ),
            ("/entity_id", self.entity_id.is_some()),
            ("/subject_source", self.subject_source.is_some()),
        ];
        refuse_given(form, &fields, "SAML");
    }

    /// Whether other metadata is named.
    pub const fn names_metadata(&self) -> bool {
        self.url.is_some() || self.document.is_some()
    }

    /// Refuses what is wrong whatever the connection is like.
    pub fn check(&self, form: &mut Form) {
        if !self.names_metadata() {
            let together = [
                (
                    "/metadata_signing_certificate",
                    self.signing_certificate.is_some(),
                ),
                ("/entity_id", self.entity_id.is_some()),
            ];
            for (pointer, is_given) in together {
                if is_given {
                    let detail = "Send it together with `metadata_url` or `metadata`.".to_owned();
                    form.refuse(pointer, "missing", detail);
                }
            }
        }
        if let Some(source) = &self.subject_source {
            check_subject(form, source);
        }
    }

    /// The metadata of a new connection.
    pub fn take(&self, form: &mut Form, preset: Preset) -> Option<NewMetadata> {
        if preset == Preset::Clever {
            let detail = "Clever speaks OpenID Connect: use the kind `oidc`.".to_owned();
            form.refuse("/preset", "not_of_kind", detail);
        }
        self.take_for(form, (MetadataSource::default(), subject_of_preset(preset)))
    }

    /// The metadata that is named here, of a connection with these sources of metadata and of the subject. The federation's
    /// certificate and the entity id that it has stay where nothing is said of them.
    pub fn take_for(
        &self,
        form: &mut Form,
        (known, subject): (MetadataSource, SubjectSource),
    ) -> Option<NewMetadata> {
        let url = match (&self.url, &self.document) {
            (Some(url), None) => Some(take_url(form, url)?),
            (None, Some(_)) => None,
            (Some(_), Some(_)) => {
                let detail = "Send either `metadata` or its address.".to_owned();
                form.refuse("/metadata", "not_both", detail);
                return None;
            }
            (None, None) => {
                let detail = "Send the address of the identity provider's metadata, or the \
                              metadata itself as `metadata`."
                    .to_owned();
                form.refuse("/metadata_url", "missing", detail);
                return None;
            }
        };
        if let Some(Some(certificate)) = &self.signing_certificate {
            check_certificate(form, certificate);
        }
        if let Some(Some(entity_id)) = &self.entity_id {
            form.text("/entity_id", entity_id, MAX_ISSUER);
        }
        let subject_source = match &self.subject_source {
            Some(source) => check_subject(form, source)?,
            None => subject,
        };
        let certificate = self.signing_certificate.clone();
        let entity_id = self.entity_id.as_ref().map(trimmed);
        Some(NewMetadata {
            source: MetadataSource {
                url,
                signing_certificate: certificate.unwrap_or(known.signing_certificate),
                entity_id: entity_id.unwrap_or(known.entity_id),
            },
            document: self.document.clone(),
            subject_source,
        })
    }

    /// The source of the subject that is chosen here.
    pub fn chosen_subject(&self) -> Option<SubjectSource> {
        self.subject_source.as_deref()?.parse().ok()
    }
}

fn subject_of_preset(preset: Preset) -> SubjectSource {
    match preset {
        Preset::Entra => SubjectSource::Attribute(OBJECT_ID.to_owned()),
        Preset::Google | Preset::Okta | Preset::Clever | Preset::ClassLink | Preset::Generic => {
            SubjectSource::NameId
        }
    }
}

fn check_subject(form: &mut Form, source: &str) -> Option<SubjectSource> {
    match source.parse::<SubjectSource>() {
        Ok(source) => Some(source),
        Err(error) => {
            form.refuse("/subject_source", "invalid", error.to_string());
            None
        }
    }
}

fn check_certificate(form: &mut Form, text: &str) {
    let pointer = "/metadata_signing_certificate";
    if text.len() > MAX_CERTIFICATE {
        let detail = format!("This has at most {MAX_CERTIFICATE} characters.");
        form.refuse(pointer, "too_long", detail);
    } else if let Err(error) = Certificate::from_text(text) {
        let detail = format!("Expected a certificate in PEM; this is {error}.");
        form.refuse(pointer, "invalid", detail);
    }
}

/// An address to read metadata from. Whether it may be called is found out by calling it.
fn take_url(form: &mut Form, text: &str) -> Option<String> {
    let text = form.text("/metadata_url", text, MAX_METADATA_URL)?;
    let is_web = |url: &Url| matches!(url.scheme(), "https" | "http") && url.has_host();
    if Url::parse(&text).is_ok_and(|url| is_web(&url)) {
        return Some(text);
    }
    let detail = "Expected an https:// URL.".to_owned();
    form.refuse("/metadata_url", "invalid", detail);
    None
}

fn take_issuer(
    form: &mut Form,
    preset: Preset,
    (issuer, tenant): (Option<&str>, Option<&str>),
) -> Option<String> {
    let named = |text: &&str| !text.is_empty();
    let (issuer, tenant) = (issuer.filter(named), tenant.filter(named));
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
    if preset == Preset::ClassLink && tenant.is_none() {
        let detail = "Name the district by its tenant id, a number: ClassLink says it.".to_owned();
        form.refuse("/tenant", "missing", detail);
    }
    match preset.issuer(issuer, tenant) {
        Ok(issuer) => Some(issuer),
        Err(error) => {
            let (pointer, code) = match error {
                IssuerError::TenantOfAll => ("/tenant", "not_one_tenant"),
                IssuerError::TenantGiven => ("/tenant", "not_of_preset"),
                IssuerError::TenantMissing => ("/tenant", "missing"),
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

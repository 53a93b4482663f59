//! How identity providers are named in requests, by their protocol.

use url::Url;

use super::client::{GivenClient, SecretBefore, trimmed};
use crate::crypto::certificate::Certificate;
use crate::domain::connections::{MetadataSource, Preset, SubjectSource};
use crate::domain::ids::AppId;
use crate::domain::known_provider::KnownOidc;
use crate::oidc::presets::IssuerError;
use crate::routes::extract::Form;
use crate::services::sso::client_secrets::{ClientSecret, SecretChange};
use crate::services::sso::metadata::NewMetadata;

const NO_CLIENT: &str =
    "Without an operator's app the connection needs a client of its own: send client_id.";

/// Why a secret does not come first.
const OF_SECRET: &str = "A client secret is kept for the provider that made it: send its issuer or tenant first, or with the secret.";

/// When the issuer has to be known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needed {
    Always,
    /// Now, since a secret comes along.
    BySecret,
    /// Before anybody can come by the connection.
    Later,
}

impl Needed {
    /// What is missing, with the reason where it is needed now.
    fn told(self, missing: &str) -> String {
        match self {
            Self::BySecret => format!("{missing} {OF_SECRET}"),
            Self::Always | Self::Later => missing.to_owned(),
        }
    }
}

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

/// What is known of an OpenID provider before a request, and whether a client secret is kept.
pub struct OidcBefore {
    pub known: KnownOidc,
    pub has_secret: bool,
}

impl OidcBefore {
    fn is_complete(&self, preset: Preset) -> bool {
        self.known.missing(preset, self.has_secret).is_empty()
    }
}

/// The fields of a request that are for SAML.
pub struct GivenSaml {
    pub url: Option<String>,
    pub document: Option<String>,
    /// The federation's certificate, or that there is to be none any more.
    pub signing_certificate: Option<Option<String>>,
    /// The entity id, or that there is to be none any more.
    pub entity_id: Option<Option<String>>,
    /// Whether it is the provider by which people have come.
    pub same_provider: Option<bool>,
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

    /// What is known of the provider of a new connection, and the secret of its own client.
    pub fn take(&self, form: &mut Form, preset: Preset) -> (KnownOidc, Option<ClientSecret>) {
        self.client.check(form);
        let before = OidcBefore {
            known: KnownOidc::default(),
            has_secret: false,
        };
        match self.changed(form, preset, &before) {
            (known, SecretChange::Replaced(secret)) => (known, Some(secret)),
            (known, _) => (known, None),
        }
    }

    /// What is known of the provider from now on, and what becomes of the client secret. Whoever knew all has to know all
    /// after a change, too.
    pub fn changed(
        &self,
        form: &mut Form,
        preset: Preset,
        before: &OidcBefore,
    ) -> (KnownOidc, SecretChange) {
        let (old, must_be_complete) = (&before.known, before.is_complete(preset));
        let tenant = self.tenant.clone().or_else(|| old.tenant.clone());
        let needed = match (must_be_complete, &self.client.secret) {
            (true, _) => Needed::Always,
            (false, Some(_)) => Needed::BySecret,
            (false, None) => Needed::Later,
        };
        let issuer = self.changed_issuer(form, (preset, needed), (old, tenant.as_deref()));
        // One that is refused is no other issuer.
        let moves = issuer.as_ref().is_ok_and(|issuer| *issuer != old.issuer);
        let issuer = issuer.unwrap_or_else(|_| old.issuer.clone());
        let app = self.app.unwrap_or(old.app);
        let mut new = KnownOidc {
            issuer,
            tenant,
            app,
            ..KnownOidc::default()
        };
        if app.is_some() {
            self.client.refuse_beside_app(form);
            return (new, SecretChange::Dropped);
        }
        new.client_id = self.client.id.clone().or_else(|| old.client_id.clone());
        let authentication = self.client.authentication;
        new.client_authentication = authentication.unwrap_or(old.client_authentication);
        if must_be_complete && new.client_id.is_none() {
            form.refuse("/client_id", "missing", NO_CLIENT.to_owned());
        }
        let secret = match (before.has_secret, moves) {
            (true, true) => SecretBefore::OfOtherIssuer,
            (true, false) => SecretBefore::OfClient,
            (false, _) if !must_be_complete => SecretBefore::NotYet,
            (false, _) if old.app.is_some() => SecretBefore::OfApp,
            (false, _) => SecretBefore::None,
        };
        let authentication = new.client_authentication;
        let change = self.client.secret_change(form, authentication, secret);
        (new, change)
    }

    fn changed_issuer(
        &self,
        form: &mut Form,
        (preset, needed): (Preset, Needed),
        (old, tenant): (&KnownOidc, Option<&str>),
    ) -> Result<Option<String>, IssuerError> {
        let is_given = self.issuer.is_some() || self.tenant.is_some();
        if !is_given && old.issuer.is_some() {
            return Ok(old.issuer.clone());
        }
        let needed = if is_given { Needed::Always } else { needed };
        let given = self.issuer.as_deref();
        let issuer = match preset {
            Preset::Okta | Preset::Generic => given.or(old.issuer.as_deref()),
            Preset::Entra | Preset::Google | Preset::Clever | Preset::ClassLink => given,
        };
        take_issuer(form, (preset, needed), (issuer, tenant))
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
            ("/same_provider", self.same_provider.is_some()),
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
            let certificate = self.signing_certificate.is_some();
            refuse_alone(form, "/metadata_signing_certificate", certificate);
            refuse_alone(form, "/entity_id", self.entity_id.is_some());
            refuse_alone(form, "/same_provider", self.same_provider.is_some());
        }
        if let Some(source) = &self.subject_source {
            check_subject(form, source);
        }
    }

    /// Refuses a source of the subject without the metadata of whom it is.
    pub fn refuse_subject_alone(&self, form: &mut Form) {
        let is_alone = self.subject_source.is_some() && !self.names_metadata();
        refuse_alone(form, "/subject_source", is_alone);
    }

    /// The metadata of a new connection, where it is named.
    pub fn take(&self, form: &mut Form, preset: Preset) -> Option<NewMetadata> {
        if preset == Preset::Clever {
            let detail = "Clever speaks OpenID Connect: use the kind `oidc`.".to_owned();
            form.refuse("/preset", "not_of_kind", detail);
        }
        if !self.names_metadata() {
            self.check(form);
            self.refuse_subject_alone(form);
            return None;
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
            (None, _) => None,
            (Some(_), Some(_)) => {
                let detail = "Send either `metadata` or its address.".to_owned();
                form.refuse("/metadata", "not_both", detail);
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

fn refuse_alone(form: &mut Form, pointer: &'static str, is_alone: bool) {
    if is_alone {
        let detail = "Send it together with `metadata_url` or `metadata`.".to_owned();
        form.refuse(pointer, "missing", detail);
    }
}

/// What names a person for good, where nobody has chosen it.
pub fn subject_of_preset(preset: Preset) -> SubjectSource {
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

/// The issuer, where it is named, or has to be.
fn take_issuer(
    form: &mut Form,
    (preset, needed): (Preset, Needed),
    (issuer, tenant): (Option<&str>, Option<&str>),
) -> Result<Option<String>, IssuerError> {
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
    if tenant.is_none() && needed != Needed::Later {
        refuse_missing_district(form, preset, needed);
    }
    match preset.issuer(issuer, tenant) {
        Ok(issuer) => Ok(Some(issuer)),
        Err(IssuerError::TenantMissing | IssuerError::IssuerMissing) if needed == Needed::Later => {
            Ok(None)
        }
        Err(error) => {
            let (pointer, code) = match error {
                IssuerError::TenantOfAll => ("/tenant", "not_one_tenant"),
                IssuerError::TenantGiven => ("/tenant", "not_of_preset"),
                IssuerError::TenantMissing => ("/tenant", "missing"),
                IssuerError::TenantForm => ("/tenant", "invalid"),
                IssuerError::IssuerForm
                | IssuerError::IssuerOfDocument
                | IssuerError::IssuerOfAdmins => ("/issuer", "invalid"),
                IssuerError::IssuerGiven | IssuerError::OfPreset(_) => ("/issuer", "not_of_preset"),
                IssuerError::IssuerMissing => ("/issuer", "missing"),
            };
            let detail = match code {
                "missing" => needed.told(&error.to_string()),
                _ => error.to_string(),
            };
            form.refuse(pointer, code, detail);
            Err(error)
        }
    }
}

/// Districts are no part of an issuer: all have one.
fn refuse_missing_district(form: &mut Form, preset: Preset, needed: Needed) {
    let detail = match preset {
        Preset::Clever => "Name the district by its id: it stands in the Clever dashboard.",
        Preset::ClassLink => "Name the district by its tenant id, a number: ClassLink says it.",
        Preset::Entra | Preset::Google | Preset::Okta | Preset::Generic => return,
    };
    form.refuse("/tenant", "missing", needed.told(detail));
}

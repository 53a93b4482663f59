//! Connections to identity providers: the words of single sign-on (`docs/sso.md`).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::ids::AppId;
use super::string_enum::string_enum;
use super::timestamp::Timestamp;

string_enum! {
    /// The protocol of a connection.
    ConnectionKind {
        /// OpenID Connect.
        Oidc = "oidc",
        /// SAML 2.0.
        Saml = "saml",
    }
}

string_enum! {
    /// The identity provider that a connection is made for.
    Preset {
        /// Microsoft Entra ID.
        Entra = "entra",
        /// Google Workspace.
        Google = "google",
        /// Okta.
        Okta = "okta",
        /// Clever.
        Clever = "clever",
        /// ClassLink.
        ClassLink = "classlink",
        /// Any other.
        Generic = "generic",
    }
}

impl Preset {
    /// Whether the preset has one issuer, which nobody chooses.
    pub const fn has_one_issuer(self) -> bool {
        match self {
            Self::Google | Self::Clever | Self::ClassLink => true,
            Self::Entra | Self::Okta | Self::Generic => false,
        }
    }

    /// Whether a connection names its provider by a tenant of it.
    pub const fn is_named_by_tenant(self) -> bool {
        match self {
            Self::Entra | Self::Clever | Self::ClassLink => true,
            Self::Google | Self::Okta | Self::Generic => false,
        }
    }
}

string_enum! {
    /// The identity providers that an operator's app can be registered with: those that tell of which tenant somebody
    /// is.
    AppPreset {
        Entra = "entra",
        Google = "google",
        Clever = "clever",
        ClassLink = "classlink",
    }
}

impl From<AppPreset> for Preset {
    fn from(preset: AppPreset) -> Self {
        match preset {
            AppPreset::Entra => Self::Entra,
            AppPreset::Google => Self::Google,
            AppPreset::Clever => Self::Clever,
            AppPreset::ClassLink => Self::ClassLink,
        }
    }
}

/// The hosts of the issuers of Entra ID, of its national clouds too (Microsoft, "National clouds", and the entity ids of
/// its metadata).
const ISSUERS_OF_ENTRA: [&str; 6] = [
    "login.microsoftonline.com",
    "sts.windows.net",
    "login.microsoftonline.us",
    "login.partner.microsoftonline.cn",
    "login.chinacloudapi.cn",
    "sts.chinacloudapi.cn",
];

impl Preset {
    /// The preset whose rules tell guests of this issuer: those of Microsoft are Entra ID, whatever preset was chosen.
    pub fn of_issuer(self, issuer: &str) -> Self {
        let host = issuer.strip_prefix("https://").unwrap_or_default();
        let host = host.split('/').next().unwrap_or_default();
        if ISSUERS_OF_ENTRA.contains(&host) {
            Self::Entra
        } else {
            self
        }
    }

    /// Whether a name to sign in with is that of a guest: Entra makes it of the address that the guest has elsewhere.
    pub fn names_guest(self, name: &str) -> bool {
        self == Self::Entra && name.to_ascii_uppercase().contains("#EXT#")
    }
}

string_enum! {
    /// How far a connection is.
    ConnectionStatus {
        /// Being set up: it signs nobody in, but can be tested.
        Draft = "draft",
        /// People sign in by it.
        Active = "active",
        /// It signs nobody in for the time being.
        Paused = "paused",
    }
}

string_enum! {
    /// Whom a connection lets in for the first time.
    Arrivals {
        /// Everybody whom the identity provider lets through.
        Everyone = "everyone",
        /// Whoever has an address in a domain that the organization has proven.
        ProvenDomains = "proven_domains",
        /// Whoever is expected: by an invitation, a code or a directory.
        Expected = "expected",
    }
}

string_enum! {
    /// What a flow to an identity provider is for.
    FlowPurpose {
        /// To sign in.
        SignIn = "sign_in",
        /// To link an identity to the account that is signed in.
        Link = "link",
        /// To add the proof of an organization to a session.
        StepUp = "step_up",
        /// To test a connection: it signs nobody in, and changes nothing.
        Test = "test",
    }
}

string_enum! {
    /// How Rollcall shows at the token endpoint that it is the client (OpenID Connect Core, section 9).
    ClientAuthentication {
        ClientSecretBasic = "client_secret_basic",
        ClientSecretPost = "client_secret_post",
        /// By a token that Rollcall's own key signs (RFC 7523).
        PrivateKeyJwt = "private_key_jwt",
    }
}

impl ClientAuthentication {
    /// Whether Rollcall's own key shows that it is the client.
    pub const fn shows_key(self) -> bool {
        match self {
            Self::PrivateKeyJwt => true,
            Self::ClientSecretBasic | Self::ClientSecretPost => false,
        }
    }
}

string_enum! {
    /// How an arrival ended, or that it has not come yet.
    DiagnosisStatus {
        Waiting = "waiting",
        Passed = "passed",
        Failed = "failed",
    }
}

string_enum! {
    /// What is the matter with a connection.
    ConnectionWarningCode {
        /// The client secret ends within 30 days, or has ended.
        SecretExpires = "secret_expires",
        /// The identity provider's last signing certificate expires within 30 days, or has expired.
        CertificateExpires = "certificate_expires",
        /// The metadata could not be read from its address.
        MetadataUnreachable = "metadata_unreachable",
        /// The document of discovery, or the keys, could not be read.
        KeysUnreachable = "keys_unreachable",
        /// A domain that the organization had proven has lapsed.
        DomainLapsed = "domain_lapsed",
        /// The clock of the identity provider differs from Rollcall's by more than a minute.
        ClockOff = "clock_off",
        /// Nobody has come by an active connection for 30 days, where five people or more had.
        Silent = "silent",
    }
}

string_enum! {
    /// What came of a ticket.
    SignInOutcome {
        /// A member signed in.
        SignedIn = "signed_in",
        /// A known account became a member.
        Joined = "joined",
        /// An account was made, and became a member.
        AccountCreated = "account_created",
        /// The identity opens an account that was there.
        Linked = "linked",
        /// The session has the organization's proof now.
        SteppedUp = "stepped_up",
        /// There is an account with this address: its owner has to show that it is theirs.
        LinkRequired = "link_required",
        /// The account is no member yet: the invite code by which alone the person is expected takes effect when their
        /// address is verified.
        WaitsForVerification = "waits_for_verification",
    }
}

/// The most characters of a connection's name.
pub const MAX_CONNECTION_NAME: usize = 100;

/// How many hours a session that was made by a connection lives without a new proof, unless it says otherwise.
pub const DEFAULT_SESSION_HOURS: i64 = 168;
pub const MAX_SESSION_HOURS: i64 = 720;

/// How an OpenID provider is reached, and as which client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OidcSettings {
    /// The issuer, byte for byte as the provider writes it.
    pub issuer: String,
    /// The tenant of Microsoft Entra ID or of ClassLink, or the district of Clever.
    pub tenant: Option<String>,
    pub client: OidcClient,
}

/// As whom Rollcall asks an OpenID provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OidcClient {
    /// As a client that was registered for this connection.
    Own(OwnClient),
    /// As that of an operator's app, as it is when it is needed.
    App(AppId),
}

/// A client that was registered for one connection; its secret stands elsewhere, sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnClient {
    pub id: String,
    pub authentication: ClientAuthentication,
}

impl OidcClient {
    /// Whether the provider takes both for the same application.
    fn is_same_application(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Own(one), Self::Own(other)) => one.id == other.id,
            (Self::App(one), Self::App(other)) => one == other,
            (Self::Own(_), Self::App(_)) | (Self::App(_), Self::Own(_)) => false,
        }
    }
}

/// How the provider of a connection is reached, by its protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProviderSettings {
    Oidc(OidcSettings),
    Saml(SamlSettings),
}

impl ProviderSettings {
    /// Whether people are signed in by the same identity provider, for the same client and by the same subject, so that
    /// a test of the one says something of the other. Metadata that is read again from its address may have changed.
    pub fn is_same_provider(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Oidc(one), Self::Oidc(other)) => {
                one.issuer == other.issuer
                    && one.tenant == other.tenant
                    && one.client.is_same_application(&other.client)
            }
            (Self::Saml(one), Self::Saml(other)) => {
                let is_read_again = one.metadata == other.metadata && one.metadata.url.is_some();
                let is_alike =
                    one.entity_id == other.entity_id && one.subject_source == other.subject_source;
                one == other || (is_read_again && is_alike)
            }
            (Self::Oidc(_), Self::Saml(_)) | (Self::Saml(_), Self::Oidc(_)) => false,
        }
    }
}

impl ProviderSettings {
    /// Who names the people of it: what one issuer calls somebody says nothing of another's people.
    pub fn subject_issuer(&self) -> String {
        match self {
            Self::Oidc(settings) => {
                let tenant = settings.tenant.as_deref().unwrap_or_default();
                format!("{} {tenant}", settings.issuer)
            }
            Self::Saml(settings) => format!("{} {}", settings.entity_id, settings.subject_source),
        }
    }

    /// Whether this is the same identity provider by SAML, which signs by another certificate beside one that is known.
    pub fn is_rollover_of(&self, other: &Self) -> bool {
        let (Self::Saml(new), Self::Saml(old)) = (self, other) else {
            return false;
        };
        let is_known = |certificate: &String| old.certificates.contains(certificate);
        self.subject_issuer() == other.subject_issuer() && new.certificates.iter().any(is_known)
    }
}

/// An identity provider that speaks SAML, as its metadata has it, and what was chosen of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SamlSettings {
    pub metadata: MetadataSource,
    pub entity_id: String,
    /// Where browsers are sent to sign in.
    pub sign_in_location: String,
    /// Where browsers are sent to sign out, where there is such a place.
    pub sign_out_location: Option<String>,
    /// The certificates that sign: DER in base64.
    pub certificates: Vec<String>,
    pub wants_signed_requests: bool,
    pub name_id_formats: Vec<String>,
    /// When the metadata ends to be valid.
    pub valid_until: Option<Timestamp>,
    pub subject_source: SubjectSource,
}

/// Where the metadata of an identity provider comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetadataSource {
    /// Where it is read daily; without an address it was given by hand.
    pub url: Option<String>,
    /// The certificate of the federation that signs it, in PEM.
    pub signing_certificate: Option<String>,
    /// Of whom it is, where it tells of many.
    pub entity_id: Option<String>,
}

/// Where the subject of a SAML connection stands. It is chosen in the test, and never falls back to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum SubjectSource {
    NameId,
    /// The attribute of this `Name`.
    Attribute(String),
}

/// The most characters of an attribute's name.
const MAX_ATTRIBUTE: usize = 500;

/// Why a text names no source of a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Expected `name_id`, or `attribute:` and the name of an attribute that came in the test.")]
pub struct NoSubjectSource;

impl FromStr for SubjectSource {
    type Err = NoSubjectSource;

    fn from_str(text: &str) -> Result<Self, NoSubjectSource> {
        if text == "name_id" {
            return Ok(Self::NameId);
        }
        let name = text.strip_prefix("attribute:").ok_or(NoSubjectSource)?;
        let is_name = !name.trim().is_empty() && name.len() <= MAX_ATTRIBUTE;
        is_name
            .then(|| Self::Attribute(name.trim().to_owned()))
            .ok_or(NoSubjectSource)
    }
}

impl TryFrom<String> for SubjectSource {
    type Error = NoSubjectSource;

    fn try_from(text: String) -> Result<Self, NoSubjectSource> {
        text.parse()
    }
}

impl fmt::Display for SubjectSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NameId => formatter.write_str("name_id"),
            Self::Attribute(name) => write!(formatter, "attribute:{name}"),
        }
    }
}

impl From<SubjectSource> for String {
    fn from(source: SubjectSource) -> Self {
        source.to_string()
    }
}

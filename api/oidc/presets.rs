//! What is particular to providers that many organizations have.

use url::Url;
use uuid::Uuid;

use crate::domain::connections::Preset;

/// The claims that are asked for.
pub const SCOPE: &str = "openid profile email";

/// Where an issuer has its document.
const DOCUMENT: &str = "/.well-known/openid-configuration";

/// Why a tenant or an issuer is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssuerError {
    #[error(
        "Name the one tenant: `common`, `organizations` and `consumers` let in people of every organization. Its \
         Directory (tenant) ID stands in the Entra admin center under Overview."
    )]
    TenantOfAll,
    #[error(
        "A tenant is named by its Directory (tenant) ID, such as 72f988bf-86f1-41af-91ab-2d7cd011db47. It stands in \
         the Entra admin center under Overview."
    )]
    TenantForm,
    #[error(
        "An issuer is an https:// URL without a user name, `?` and `#`, as the provider writes it."
    )]
    IssuerForm,
    #[error(
        "This is the address of the provider's document. Send what stands before {DOCUMENT} in it, as `issuer` in the \
         document has it."
    )]
    IssuerOfDocument,
    #[error(
        "This is the address of Okta's admin console. The issuer is the same without `-admin`, such as \
         https://school.okta.com."
    )]
    IssuerOfAdmins,
    #[error("This preset has an issuer of its own: leave the issuer out.")]
    IssuerGiven,
    #[error(
        "This issuer has the preset `{0}`, which tells whose people come. Make a connection with that preset."
    )]
    OfPreset(Preset),
    #[error("This preset needs the issuer of the provider.")]
    IssuerMissing,
    #[error("This preset has no tenants: leave the tenant out.")]
    TenantGiven,
    #[error(
        "Name the tenant by its Directory (tenant) ID: it stands in the Entra admin center under Overview."
    )]
    TenantMissing,
}

impl Preset {
    /// The issuer of a provider, byte for byte: of Entra by its tenant, of others by what was typed in.
    ///
    /// # Errors
    /// Where it is missing, too much, or not one provider's.
    pub fn issuer(self, issuer: Option<&str>, tenant: Option<&str>) -> Result<String, IssuerError> {
        match self {
            Self::Entra | Self::Clever | Self::ClassLink => {}
            Self::Google | Self::Okta | Self::Generic if tenant.is_none() => {}
            Self::Google | Self::Okta | Self::Generic => return Err(IssuerError::TenantGiven),
        }
        match (self, issuer) {
            (Self::Entra | Self::Google | Self::Clever | Self::ClassLink, Some(_)) => {
                Err(IssuerError::IssuerGiven)
            }
            (Self::Entra, None) => {
                let tenant = entra_tenant(tenant.ok_or(IssuerError::TenantMissing)?)?;
                Ok(format!("https://login.microsoftonline.com/{tenant}/v2.0"))
            }
            (Self::Google, None) => Ok("https://accounts.google.com".to_owned()),
            (Self::Clever, None) => Ok("https://clever.com".to_owned()),
            (Self::ClassLink, None) => Ok("https://launchpad.classlink.com".to_owned()),
            (Self::Okta | Self::Generic, None) => Err(IssuerError::IssuerMissing),
            (Self::Okta | Self::Generic, Some(issuer)) => typed_issuer(issuer),
        }
    }

    /// The claim that says who somebody is, for good. Of Entra `sub` is another one in each app.
    pub const fn subject_claim(self) -> &'static str {
        match self {
            Self::Entra => "oid",
            Self::Google | Self::Okta | Self::Clever | Self::ClassLink | Self::Generic => "sub",
        }
    }

    /// The claims that say of which tenant somebody is; the first that came counts. Without any, the preset has no
    /// tenants.
    pub const fn tenant_claims(self) -> &'static [&'static str] {
        match self {
            Self::Entra => &["tid"],
            Self::Google => &["hd"],
            Self::Clever => &["district"],
            // The same number, as a text and as a number.
            Self::ClassLink => &["classLink_tenant_id_string", "classLink_tenant_id"],
            Self::Okta | Self::Generic => &[],
        }
    }
}

/// The id of a tenant, as tokens write it.
///
/// # Errors
/// What is no id of one tenant.
pub fn entra_tenant(text: &str) -> Result<Uuid, IssuerError> {
    /// The tenant of personal accounts of Microsoft.
    const OF_CONSUMERS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

    let name = text.trim().to_ascii_lowercase();
    if ["common", "organizations", "consumers", OF_CONSUMERS].contains(&name.as_str()) {
        return Err(IssuerError::TenantOfAll);
    }
    let hyphenated = name.len() == OF_CONSUMERS.len();
    let id = Uuid::try_parse(&name).ok().filter(|_| hyphenated);
    id.ok_or(IssuerError::TenantForm)
}

/// An issuer stays as it was typed in, since it is compared byte for byte.
fn typed_issuer(text: &str) -> Result<String, IssuerError> {
    // The parser leaves line breaks out without a word.
    if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(IssuerError::IssuerForm);
    }
    let url: Url = text.parse().map_err(|_| IssuerError::IssuerForm)?;
    let is_web = matches!(url.scheme(), "https" | "http") && url.has_host();
    let has_more = url.query().is_some()
        || url.fragment().is_some()
        || !url.username().is_empty()
        || url.password().is_some();
    let tenant = url
        .path_segments()
        .and_then(|mut path| path.next().map(str::to_owned));
    if !is_web || has_more {
        return Err(IssuerError::IssuerForm);
    }
    match url.host_str() {
        Some("login.microsoftonline.com" | "sts.windows.net") => {
            entra_tenant(&tenant.unwrap_or_default())?;
            Err(IssuerError::OfPreset(Preset::Entra))
        }
        Some("accounts.google.com") => Err(IssuerError::OfPreset(Preset::Google)),
        Some("clever.com") => Err(IssuerError::OfPreset(Preset::Clever)),
        Some("launchpad.classlink.com") => Err(IssuerError::OfPreset(Preset::ClassLink)),
        Some(host) if is_admin_console_of_okta(host) => Err(IssuerError::IssuerOfAdmins),
        _ if url.path().trim_end_matches('/').ends_with(DOCUMENT) => {
            Err(IssuerError::IssuerOfDocument)
        }
        _ => Ok(text.to_owned()),
    }
}

/// Whoever sets Okta up has this address open in the browser, and no document of discovery is there.
fn is_admin_console_of_okta(host: &str) -> bool {
    let domains = ["okta.com", "oktapreview.com", "okta-emea.com"];
    let name = host.split_once('.');
    name.is_some_and(|(name, domain)| name.ends_with("-admin") && domains.contains(&domain))
}

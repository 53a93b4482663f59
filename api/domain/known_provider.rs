//! What is known of the identity provider of a connection: all that a sign-in needs, or of a draft some of it.

use serde::{Deserialize, Serialize};

use super::connections::{
    ClientAuthentication, ConnectionKind, OidcClient, OidcSettings, OwnClient, Preset,
    ProviderSettings, SamlSettings,
};
use super::ids::AppId;
use super::string_enum::string_enum;

string_enum! {
    /// What has to be known of an identity provider before anybody can come by it: fields of the connection.
    ProviderField {
        Issuer = "issuer",
        Tenant = "tenant",
        ClientId = "client_id",
        /// Not with `private_key_jwt`.
        ClientSecret = "client_secret",
        /// `metadata_url`, or `metadata` itself.
        Metadata = "metadata",
    }
}

/// What is known of an OpenID provider, and of the client that Rollcall is to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownOidc {
    /// The issuer, byte for byte as the provider writes it.
    pub issuer: Option<String>,
    /// The tenant of Microsoft Entra ID or of ClassLink, or the district of Clever.
    pub tenant: Option<String>,
    /// The operator's app whose client it is; what follows is said of a client of the connection's own only.
    pub app: Option<AppId>,
    pub client_id: Option<String>,
    pub client_authentication: ClientAuthentication,
}

impl Default for KnownOidc {
    fn default() -> Self {
        Self {
            issuer: None,
            tenant: None,
            app: None,
            client_id: None,
            client_authentication: ClientAuthentication::ClientSecretBasic,
        }
    }
}

impl KnownOidc {
    /// Whether Rollcall's own key shows that it is the client, where that is said here.
    pub const fn shows_key(&self) -> bool {
        self.app.is_none() && self.client_authentication.shows_key()
    }

    /// What is still to be said, of a connection that keeps a client secret, or none.
    pub fn missing(&self, preset: Preset, has_secret: bool) -> Vec<ProviderField> {
        let own = self.app.is_none();
        let is_missing = |field: ProviderField| match field {
            ProviderField::Issuer => !preset.is_named_by_tenant() && self.issuer.is_none(),
            ProviderField::Tenant => preset.is_named_by_tenant() && self.tenant.is_none(),
            ProviderField::ClientId => own && self.client_id.is_none(),
            ProviderField::ClientSecret => own && !self.shows_key() && !has_secret,
            ProviderField::Metadata => false,
        };
        let fields = ProviderField::ALL.iter().copied();
        fields.filter(|field| is_missing(*field)).collect()
    }

    fn client(&self) -> Option<OidcClient> {
        let own = |id: &String| {
            OidcClient::Own(OwnClient {
                id: id.clone(),
                authentication: self.client_authentication,
            })
        };
        let app = self.app.map(OidcClient::App);
        app.or_else(|| self.client_id.as_ref().map(own))
    }

    fn complete(&self) -> Option<OidcSettings> {
        Some(OidcSettings {
            issuer: self.issuer.clone()?,
            tenant: self.tenant.clone(),
            client: self.client()?,
        })
    }
}

/// What is known of the provider of a connection, by its protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KnownProvider {
    Oidc(KnownOidc),
    /// What its metadata says, where that is known.
    Saml(Option<SamlSettings>),
}

impl KnownProvider {
    pub const fn kind(&self) -> ConnectionKind {
        match self {
            Self::Oidc(_) => ConnectionKind::Oidc,
            Self::Saml(_) => ConnectionKind::Saml,
        }
    }

    /// The operator's app whose client it is.
    pub const fn app(&self) -> Option<AppId> {
        match self {
            Self::Oidc(known) => known.app,
            Self::Saml(_) => None,
        }
    }

    /// What is still to be said, of a connection that keeps a client secret, or none.
    pub fn missing(&self, preset: Preset, has_secret: bool) -> Vec<ProviderField> {
        match self {
            Self::Oidc(known) => known.missing(preset, has_secret),
            Self::Saml(Some(_)) => Vec::new(),
            Self::Saml(None) => vec![ProviderField::Metadata],
        }
    }

    /// How the provider is reached; `None` where that is not known yet.
    pub fn complete(&self) -> Option<ProviderSettings> {
        match self {
            Self::Oidc(known) => known.complete().map(ProviderSettings::Oidc),
            Self::Saml(settings) => settings.clone().map(ProviderSettings::Saml),
        }
    }

    /// Whether both are complete, and name the same provider.
    pub fn is_same_provider(&self, other: &Self) -> bool {
        match (self.complete(), other.complete()) {
            (Some(one), Some(other)) => one.is_same_provider(&other),
            _ => false,
        }
    }

    /// Whether this is complete, and the same identity provider by SAML with a certificate that is known.
    pub fn is_rollover_of(&self, old: &Self) -> bool {
        match (self.complete(), old.complete()) {
            (Some(new), Some(old)) => new.is_rollover_of(&old),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(issuer: Option<&str>) -> KnownOidc {
        KnownOidc {
            issuer: issuer.map(str::to_owned),
            client_id: Some("rollcall".to_owned()),
            ..KnownOidc::default()
        }
    }

    #[test]
    fn a_client_of_its_own_needs_a_secret_or_a_key() {
        let known = own(Some("https://login.example"));
        assert_eq!(
            known.missing(Preset::Generic, false),
            [ProviderField::ClientSecret]
        );
        assert!(known.missing(Preset::Generic, true).is_empty());
        let by_key = KnownOidc {
            client_authentication: ClientAuthentication::PrivateKeyJwt,
            ..known
        };
        assert!(by_key.missing(Preset::Generic, false).is_empty());
    }

    #[test]
    fn the_client_of_an_app_needs_nothing_but_the_tenant() {
        let known = KnownOidc {
            app: Some(uuid::Uuid::nil().into()),
            ..KnownOidc::default()
        };
        assert_eq!(known.missing(Preset::Entra, false), [ProviderField::Tenant]);
        assert!(known.complete().is_none());
    }

    #[test]
    fn nothing_known_is_everything_missing() {
        let known = KnownProvider::Oidc(KnownOidc::default());
        let missing = known.missing(Preset::Okta, false);
        let expected = [
            ProviderField::Issuer,
            ProviderField::ClientId,
            ProviderField::ClientSecret,
        ];
        assert_eq!(missing, expected);
        assert_eq!(
            KnownProvider::Saml(None).missing(Preset::Generic, false),
            [ProviderField::Metadata]
        );
    }
}

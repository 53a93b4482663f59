//! Identity providers, asked between units of work: no connection to the database is held while one is waited for.

mod documents;
mod oidc;
mod saml;

use serde_json::{Map, Value};

use super::State;
use crate::domain::connections::ProviderSettings;
use crate::domain::diagnosis::{Refused, Steps};
use crate::domain::ids::ConnectionId;
use crate::error::{Code, Error};
use crate::services::sso::flows::OpenedFlow;
use crate::services::sso::settings::provider_settings;
use crate::store::sso_connections::SsoConnection;

/// Why somebody does not arrive.
pub enum Halt {
    /// The last of the steps says why.
    Refused,
    /// What came is true, but does not name anybody for good; the last of the steps says why.
    Unnamed {
        code: Code,
        claims: Map<String, Value>,
    },
    /// A fault of ours.
    Fault(Error),
}

impl From<Refused> for Halt {
    fn from(_: Refused) -> Self {
        Self::Refused
    }
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Self::Fault(error)
    }
}

impl State {
    /// Where a trip goes: the address of the identity provider to send the browser to.
    ///
    /// # Errors
    /// Where the provider has to be asked first, and cannot be reached.
    pub async fn authorization_url(
        &self,
        connection: &SsoConnection,
        (trip, login_hint): (&OpenedFlow, Option<&str>),
        steps: &mut Steps,
    ) -> Result<String, Halt> {
        match provider_settings(connection)? {
            ProviderSettings::Oidc(settings) => {
                self.url_of_oidc((connection.id, &settings), (trip, login_hint), steps)
                    .await
            }
            ProviderSettings::Saml(settings) => {
                Ok(self.url_of_saml((connection.id, &settings), trip).await?)
            }
        }
    }

    /// Where a provider of OpenID Connect sends people back to.
    pub fn redirect_uri(&self, connection: ConnectionId) -> String {
        let base = self.services.config.public_base();
        format!("{base}/v1/sso/callback/{connection}")
    }

    /// Where a trip by a connection begins by itself: a tile of a portal, a test.
    pub fn initiate_uri(&self, connection: ConnectionId) -> String {
        let base = self.services.config.public_base();
        format!("{base}/v1/sso/initiate/{connection}")
    }

    /// Where a provider of SAML has browsers bring its responses to.
    pub fn acs_url(&self, connection: ConnectionId) -> String {
        let base = self.services.config.public_base();
        format!("{base}/v1/sso/saml/{connection}/acs")
    }

    /// What Rollcall is called at a connection by SAML, and where its metadata is.
    pub fn entity_id(&self, connection: ConnectionId) -> String {
        let base = self.services.config.public_base();
        format!("{base}/v1/sso/saml/{connection}/metadata")
    }
}

//! Identity providers, asked between units of work: no connection to the database is held while one is waited for.

mod documents;
mod oidc;
mod oidc_documents;
mod saml;
mod unknown_keys;

use serde_json::{Map, Value};

use super::State;
use crate::crypto::federation_keys::FederationKeys;
use crate::domain::connections::ProviderSettings;
use crate::domain::diagnosis::{Refused, Step, Steps};
use crate::domain::ids::{CallbackId, ConnectionId};
use crate::error::{Code, Error};
use crate::outbound::Asker;
use crate::services::sso::flows::OpenedFlow;
use crate::services::sso::refresh::{self, ReadAnew, Refreshed};
use crate::services::sso::settings::{known_provider, provider_settings};
use crate::store::sso_connections::SsoConnection;

/// Why somebody does not arrive.
pub enum IdentityProviderError {
    /// The last of the steps says why.
    Refused(Refusal),
    /// A fault of ours.
    Fault(Error),
}

/// What is known of a refusal beside its steps.
#[derive(Default)]
pub struct Refusal {
    /// Where the name of the step does not say it.
    pub code: Option<Code>,
    /// What the identity provider said, where its signature holds.
    pub claims: Option<Map<String, Value>>,
    /// Whether the provider was not asked, for want of a place for the call.
    pub has_no_place: bool,
}

impl From<Refusal> for IdentityProviderError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Refused> for IdentityProviderError {
    fn from(_: Refused) -> Self {
        Self::Refused(Refusal::default())
    }
}

impl From<Error> for IdentityProviderError {
    fn from(error: Error) -> Self {
        Self::Fault(error)
    }
}

/// The refusal of what Rollcall has to sign, where it has no key to sign with. Only whoever runs the installation mends it.
pub fn federation_key_missing() -> Error {
    Error::refused(
        Code::FederationKeyMissing,
        "This takes a federation key, by which Rollcall shows an identity provider who it is, and this installation has \
         none. Ask whoever runs it to make one (`openssl genpkey -algorithm rsa`), and to name its file by \
         ROLLCALL_FEDERATION_KEY_FILE. By OpenID Connect a client secret does without.",
    )
}

/// The fault of ours where a provider was not asked: what happens later is another attempt, and not noted of it.
fn no_place() -> Error {
    Error::unavailable("too many calls to an identity provider wait before this one")
}

/// A connection as it calls others.
fn asker(connection: &SsoConnection) -> Asker {
    Asker {
        organization: connection.organization_id.into(),
        connection: connection.id.into(),
    }
}

/// A step as the words of a refusal.
fn told(step: &Step) -> String {
    let advice = step.advice.as_deref().unwrap_or_default();
    format!("{} {advice}", step.sentence())
}

impl State {
    /// Where a flow goes: the address of the identity provider to send the browser to. The last of the steps says by
    /// which names the provider has to know Rollcall.
    ///
    /// # Errors
    /// Where the provider has to be asked first, and cannot be reached.
    pub async fn authorization_url(
        &self,
        connection: &SsoConnection,
        (flow, login_hint): (&OpenedFlow, Option<&str>),
        steps: &mut Steps,
    ) -> Result<String, IdentityProviderError> {
        match provider_settings(connection)? {
            ProviderSettings::Oidc(settings) => {
                self.url_of_oidc((connection, &settings), (flow, login_hint), steps)
                    .await
            }
            ProviderSettings::Saml(settings) => {
                let about = (connection.id, &settings);
                Ok(self.url_of_saml(about, flow, steps).await?)
            }
        }
    }

    /// Reads anew what the identity provider of a connection publishes; nothing where that has no address. Then follows
    /// [`refresh::finish`], by whoever asked.
    ///
    /// # Errors
    /// A fault of ours: `unavailable` where there was no place to ask from. That nobody answers is none.
    pub async fn published_anew(
        &self,
        connection: &SsoConnection,
    ) -> Result<Option<ReadAnew>, Error> {
        let read = match known_provider(connection)?.complete() {
            Some(ProviderSettings::Oidc(settings)) => {
                let asked = self.keys_anew((connection, &settings));
                let read = self.outbound.in_one_wait(asked).await?;
                read.map(|()| Refreshed::Keys)
            }
            Some(ProviderSettings::Saml(_)) => match self.metadata_anew(connection).await? {
                Some(read) => read.map(Box::new).map(Refreshed::Metadata),
                None => return Ok(None),
            },
            None => return Ok(None),
        };
        if let Err(problem) = &read {
            tracing::info!(connection = %connection.id, problem, "an identity provider could not be read");
        }
        Ok(Some(read))
    }

    /// Reads a connection anew as happens daily, and gives it as it is then.
    ///
    /// # Errors
    /// `connection_unknown` where it is deleted meanwhile.
    pub async fn refresh_connection(
        &self,
        connection: &SsoConnection,
    ) -> Result<SsoConnection, Error> {
        let Some(read) = self.published_anew(connection).await? else {
            return Ok(connection.clone());
        };
        let asked = connection.clone();
        self.unit_of_work_as_system(move |tx| refresh::finish(tx, &asked, read))
            .await
    }

    /// Where a provider of OpenID Connect sends people back to: of a connection, or of an operator's app.
    pub fn redirect_uri(&self, place: CallbackId) -> String {
        let base = self.services.config.public_base();
        format!("{base}/v1/sso/callback/{place}")
    }

    /// Where Rollcall's own public keys are.
    pub fn jwks_uri(&self) -> String {
        format!("{}/v1/lti/jwks", self.services.config.public_base())
    }

    /// The federation keys.
    ///
    /// # Errors
    /// `federation_key_missing` where there are none.
    pub fn require_federation_keys(&self) -> Result<&FederationKeys, Error> {
        self.federation
            .as_deref()
            .ok_or_else(federation_key_missing)
    }

    /// Where a provider of OpenID Connect says that sessions there have ended.
    pub fn backchannel_logout_uri(&self, connection: ConnectionId) -> String {
        let base = self.services.config.public_base();
        format!("{base}/v1/sso/backchannel-logout/{connection}")
    }

    /// Where a flow by a connection begins by itself: a tile of a portal, a test.
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

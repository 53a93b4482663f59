//! What providers of OpenID Connect publish: their documents of discovery, and their keys.

use std::time::Duration;

use super::documents::{FRESH, WantedDocument};
use super::{IdentityProviderError, asker, no_place, told};
use crate::crypto::json_web_key::JsonWebKey;
use crate::domain::connections::{FlowPurpose, OidcSettings, Preset, ProviderSettings};
use crate::domain::diagnosis::{StepName, Steps};
use crate::domain::ids::ConnectionId;
use crate::error::{Error, Result};
use crate::oidc::discovery::{self, Provider};
use crate::oidc::{end_session, id_token, jwks};
use crate::services::sso::settings::known_provider;
use crate::state::State;
use crate::store::sso_connections::{self, SsoConnection};

impl State {
    /// The provider of a connection by OpenID Connect, as its document of discovery describes it.
    ///
    /// # Errors
    /// Where it cannot be reached, or describes something else.
    pub(super) async fn provider(
        &self,
        (connection, settings): (&SsoConnection, &OidcSettings),
        fresh: Duration,
        steps: &mut Steps,
    ) -> Result<Provider, IdentityProviderError> {
        let issuer = &settings.issuer;
        let wanted = discovery_of((connection, issuer), fresh)?;
        let read = |body: &[u8], steps: &mut Steps| discovery::read(body, issuer, steps);
        self.document(wanted, read, steps).await
    }

    /// Where people sign out of the provider of a connection, as its document says that is kept: nobody who signs out
    /// waits for a provider, or is refused for a fault.
    pub async fn end_session_url(&self, id: ConnectionId) -> Option<String> {
        let found = self.find_end_session_url(id).await;
        found.unwrap_or_else(|error| {
            tracing::warn!(connection = %id, %error, "where people sign out is not known");
            None
        })
    }

    async fn find_end_session_url(&self, id: ConnectionId) -> Result<Option<String>> {
        let found = self
            .unit_of_work_as_system(move |tx| sso_connections::find(tx.connection, id))
            .await?;
        let Some(connection) = found else {
            return Ok(None);
        };
        let Some(ProviderSettings::Oidc(settings)) = known_provider(&connection)?.complete() else {
            return Ok(None);
        };
        let issuer = &settings.issuer;
        let wanted = discovery_of((&connection, issuer), FRESH)?;
        let read = |body: &[u8], steps: &mut Steps| discovery::read(body, issuer, steps);
        let provider = self.document_as_kept(&wanted, read).await?;
        let endpoint = provider.and_then(|provider| provider.end_session_endpoint);
        let back_to = self.services.outbox.links.ways_in();
        let client = self.client_of(&connection, &settings).await?;
        let url = |endpoint| end_session::url(&endpoint, &client.id, &back_to);
        Ok(endpoint.map(url).map(Into::into))
    }

    /// Reads discovery and keys of a connection as they are now; why they could not be read, in words.
    pub(super) async fn keys_anew(
        &self,
        about: (&SsoConnection, &OidcSettings),
    ) -> Result<Result<(), String>> {
        let mut steps = Steps::default();
        let read = match self.provider(about, Duration::ZERO, &mut steps).await {
            Ok(provider) => {
                let fresh = (Duration::ZERO, &mut steps);
                self.keys(about.0, &provider, fresh).await.map(drop)
            }
            Err(error) => Err(error),
        };
        match read {
            Ok(()) => Ok(Ok(())),
            Err(IdentityProviderError::Fault(fault)) => Err(fault),
            Err(IdentityProviderError::Refused(refusal)) if refusal.has_no_place => Err(no_place()),
            Err(IdentityProviderError::Refused(_)) => {
                let last = steps.into_vec().pop();
                Ok(Err(last.as_ref().map(told).unwrap_or_default()))
            }
        }
    }

    /// The provider's keys, fetched again where none of those that are kept may have signed a token.
    pub(super) async fn keys_for(
        &self,
        (connection, provider): (&SsoConnection, &Provider),
        (token, fresh): (&str, Duration),
        steps: &mut Steps,
    ) -> Result<Vec<JsonWebKey>, IdentityProviderError> {
        let first = (fresh, &mut *steps);
        let keys = self.keys(connection, provider, first).await?;
        // Those of a test have just been fetched.
        if fresh.is_zero() || !id_token::needs_other_keys(token, &keys) {
            return Ok(keys);
        }
        let wanted = keys_of(connection, provider, fresh);
        self.keys_with_unknown(wanted, steps).await
    }

    async fn keys(
        &self,
        connection: &SsoConnection,
        provider: &Provider,
        (fresh, steps): (Duration, &mut Steps),
    ) -> Result<Vec<JsonWebKey>, IdentityProviderError> {
        let wanted = keys_of(connection, provider, fresh);
        self.document(wanted, jwks::read, steps).await
    }
}

/// The keys of the provider of a connection.
fn keys_of(
    connection: &SsoConnection,
    provider: &Provider,
    fresh: Duration,
) -> WantedDocument<'static> {
    WantedDocument {
        asker: asker(connection),
        url: provider.jwks_uri.clone(),
        step: StepName::Keys,
        read_as: "keys",
        fresh,
        unanswered: "This is the jwks_uri of the provider's document of discovery: see whether the provider runs, and \
                     try again. Where it does, let the server that Rollcall runs on call this address (firewall, proxy).",
        answered: "This is the jwks_uri of the provider's document of discovery, and something else is there: have the \
                   provider publish its keys at it (JSON, with `keys`), or name the right address in that document.",
    }
}

/// The document of discovery of a connection.
fn discovery_of<'a>(
    (connection, issuer): (&SsoConnection, &'a str),
    fresh: Duration,
) -> Result<WantedDocument<'a>> {
    let url = discovery::document_url(issuer);
    let (unanswered, answered) = advice_of_discovery(connection.preset);
    Ok(WantedDocument {
        asker: asker(connection),
        url: url.ok_or_else(|| Error::internal("a connection has no issuer"))?,
        step: StepName::Discovery,
        read_as: issuer,
        fresh,
        unanswered,
        answered,
    })
}

/// What to do where nobody answers, and where something else is answered: some presets know the issuer, or take a tenant.
const fn advice_of_discovery(preset: Preset) -> (&'static str, &'static str) {
    if preset.has_one_issuer() {
        return (
            "See whether the provider runs, and try again. Where it does, let the server that Rollcall runs on call this \
             address (firewall, proxy).",
            "The server answers, and has no such document there: something between Rollcall and the provider (a proxy) may \
             answer in its place. Ask whoever runs this installation.",
        );
    }
    if preset.is_named_by_tenant() {
        return (
            "See whether the provider runs, and try again. Where it does, check the `tenant` of the connection, and let the \
             server that Rollcall runs on call this address (firewall, proxy).",
            "The server answers, and has no such document there. Check the `tenant` of the connection, every character of it.",
        );
    }
    (
        "See whether the provider runs, and try again. Where it does, check the issuer of the connection: its document is at \
         <issuer>/.well-known/openid-configuration; and let the server that Rollcall runs on call this address (firewall, \
         proxy).",
        "The server answers, and has no such document there. Check the issuer of the connection, every character of it: its \
         document is at <issuer>/.well-known/openid-configuration. Open that in a browser.",
    )
}

/// A test finds out how the provider is now.
pub(super) fn fresh_for(purpose: FlowPurpose) -> Duration {
    match purpose {
        FlowPurpose::Test => Duration::ZERO,
        FlowPurpose::SignIn | FlowPurpose::Link | FlowPurpose::StepUp => FRESH,
    }
}

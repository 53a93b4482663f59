//! Providers of OpenID Connect.

use std::time::Duration;

use super::documents::{FRESH, FRESH_FOR_UNKNOWN_KEY, Wanted};
use super::{IdentityProviderError, Refusal, asker, told};
use crate::crypto::public_key::PublicKey;
use crate::domain::connections::{
    ClientAuthentication, FlowPurpose, OidcSettings, Preset, ProviderSettings,
};
use crate::domain::diagnosis::{Step, StepName, Steps};
use crate::domain::ids::ConnectionId;
use crate::error::{Code, Error, Result};
use crate::oidc::authorization::{self, AuthorizationRequest, PkceVerifier};
use crate::oidc::callback::Callback;
use crate::oidc::claims::{AssertedEmail, Claims};
use crate::oidc::discovery::{self, Provider};
use crate::oidc::id_token::{self, Expected, Unverified, VerifiedIdToken};
use crate::oidc::logout_token::{self, EndedThere};
use crate::oidc::presets::SCOPE;
use crate::oidc::token::{self, Asked, ClientProof, Exchange};
use crate::oidc::{end_session, jwks, userinfo};
use crate::outbound::{OutboundError, OutboundRequest, OutboundResponse};
use crate::services::sso::arrival::{Arrival, kept_session};
use crate::services::sso::clients::{Client, client_of};
use crate::services::sso::connections::tenants_of;
use crate::services::sso::flows::{OpenedFlow, TakenFlow};
use crate::services::sso::settings::provider_settings;
use crate::state::State;
use crate::store::sso_connections::{self, SsoConnection};

impl State {
    /// The provider of a connection by OpenID Connect, as its document of discovery describes it.
    ///
    /// # Errors
    /// Where it cannot be reached, or describes something else.
    async fn provider(
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
        let ProviderSettings::Oidc(settings) = provider_settings(&connection)? else {
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

    /// Where a provider of OpenID Connect signs people in.
    pub(super) async fn url_of_oidc(
        &self,
        (connection, settings): (&SsoConnection, &OidcSettings),
        (flow, login_hint): (&OpenedFlow, Option<&str>),
        steps: &mut Steps,
    ) -> Result<String, IdentityProviderError> {
        let fresh = fresh_for(flow.purpose);
        let provider = self.provider((connection, settings), fresh, steps).await?;
        let client = self.client_of(connection, settings).await?;
        let pkce = PkceVerifier::kept(flow.code_verifier.clone());
        let request = AuthorizationRequest {
            client_id: &client.id,
            redirect_uri: &self.redirect_uri(connection.callback()),
            scope: SCOPE,
            state: flow.state.reveal(),
            nonce: &flow.nonce,
            pkce: &pkce,
            login_hint,
            prompt: None,
        };
        Ok(authorization::url(&provider.authorization_endpoint, &request).into())
    }

    /// Who came back from a provider of OpenID Connect.
    ///
    /// # Errors
    /// Where the provider refuses, cannot be reached, or says anything that does not hold.
    pub async fn identify_by_oidc(
        &self,
        (flow, settings): (&TakenFlow, &OidcSettings),
        callback: Callback,
        steps: &mut Steps,
    ) -> Result<Arrival, IdentityProviderError> {
        let connection = &flow.connection;
        let fresh = fresh_for(flow.purpose);
        let provider = self.provider((connection, settings), fresh, steps).await?;
        let redirect_uri = self.redirect_uri(connection.callback());
        let code = callback.code((&provider, &redirect_uri), steps)?;
        let client = self.client_of(connection, settings).await?;
        let pkce = PkceVerifier::kept(flow.secrets.code_verifier.clone());
        let exchange = Exchange {
            code: &code,
            pkce: &pkce,
            redirect_uri: &redirect_uri,
            now: self.services.clock.now(),
        };
        let request = self
            .token_request(connection, (&client, &provider), &exchange)
            .await?;
        let answered = self.outbound.send(asker(connection), request).await;
        let secret = client.secret.as_deref().unwrap_or_default();
        let asked = Asked {
            endpoint: &provider.token_endpoint,
            redirect_uri: &redirect_uri,
            secrets: &[code.reveal(), pkce.reveal(), secret],
        };
        let tokens = token::read(&answered, &asked, steps).map_err(|_| no_tokens(&answered))?;
        let verified = self
            .verify(
                (flow, settings, &client.id),
                (&provider, &tokens.id_token),
                steps,
            )
            .await?;
        let claims = self
            .claims(
                (connection, &provider),
                (&verified, tokens.access_token),
                steps,
            )
            .await?;
        Ok(arrival(connection.preset, (&verified, &claims), steps))
    }

    async fn token_request(
        &self,
        connection: &SsoConnection,
        (registered, provider): (&Client, &Provider),
        exchange: &Exchange<'_>,
    ) -> Result<OutboundRequest> {
        let endpoint = &provider.token_endpoint;
        let audience = token::assertion_audience(connection.preset, &provider.issuer, endpoint);
        let secret = registered.secret.as_deref().unwrap_or_default();
        let proof = match registered.authentication {
            ClientAuthentication::ClientSecretBasic => ClientProof::SecretBasic(secret),
            ClientAuthentication::ClientSecretPost => ClientProof::SecretPost(secret),
            ClientAuthentication::PrivateKeyJwt => {
                self.require_federation_keys().await?;
                let keys = self.federation.keys().map_err(Error::internal)?;
                ClientProof::PrivateKey { keys, audience }
            }
        };
        let client = token::Client {
            id: &registered.id,
            proof,
        };
        token::request(endpoint, &client, exchange)
    }

    async fn client_of(
        &self,
        connection: &SsoConnection,
        settings: &OidcSettings,
    ) -> Result<Client> {
        let (connection, settings) = (connection.clone(), settings.clone());
        self.unit_of_work_as_system(move |tx| client_of(tx, &connection, &settings))
            .await
    }

    async fn verify(
        &self,
        (flow, settings, client_id): (&TakenFlow, &OidcSettings, &str),
        (provider, id_token): (&Provider, &str),
        steps: &mut Steps,
    ) -> Result<VerifiedIdToken, IdentityProviderError> {
        let connection = &flow.connection;
        let fresh = fresh_for(flow.purpose);
        let about = (connection, provider);
        let keys = self.keys_for(about, (id_token, fresh), steps).await?;
        let tenants = {
            let (connection, settings) = (connection.clone(), settings.clone());
            self.unit_of_work_as_system(move |tx| tenants_of(tx, &connection, &settings))
                .await?
        };
        let expected = Expected {
            issuer: &provider.issuer,
            client_id,
            nonce: &flow.secrets.nonce,
            preset: connection.preset,
            tenants: &tenants,
            now: self.services.clock.now(),
            skew: self.services.config.sso_skew,
        };
        let verified = id_token::verify(id_token, &keys, &expected, steps);
        verified.map_err(|Unverified { claims }| {
            let claims = claims.map(|claims| claims.as_map().clone());
            Refusal { code: None, claims }.into()
        })
    }

    /// What a provider says has ended there.
    ///
    /// # Errors
    /// Where it cannot be reached, or the token does not hold.
    pub async fn verify_logout_token(
        &self,
        (connection, settings): (&SsoConnection, &OidcSettings),
        token: &str,
        steps: &mut Steps,
    ) -> Result<EndedThere, IdentityProviderError> {
        let provider = self.provider((connection, settings), FRESH, steps).await?;
        let about = (connection, &provider);
        let keys = self.keys_for(about, (token, FRESH), steps).await?;
        let client = self.client_of(connection, settings).await?;
        let expected = Expected {
            issuer: &provider.issuer,
            client_id: &client.id,
            nonce: "",
            preset: connection.preset,
            tenants: &[],
            now: self.services.clock.now(),
            skew: self.services.config.sso_skew,
        };
        Ok(logout_token::verify(token, &keys, &expected, steps)?)
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
            Err(IdentityProviderError::Refused(_)) => {
                let last = steps.into_vec().pop();
                Ok(Err(last.as_ref().map(told).unwrap_or_default()))
            }
        }
    }

    /// The provider's keys, fetched again where none of those that are kept may have signed a token.
    async fn keys_for(
        &self,
        (connection, provider): (&SsoConnection, &Provider),
        (token, fresh): (&str, Duration),
        steps: &mut Steps,
    ) -> Result<Vec<PublicKey>, IdentityProviderError> {
        let first = (fresh, &mut *steps);
        let keys = self.keys(connection, provider, first).await?;
        if !id_token::needs_other_keys(token, &keys) {
            return Ok(keys);
        }
        let again = (FRESH_FOR_UNKNOWN_KEY, steps);
        self.keys(connection, provider, again).await
    }

    async fn keys(
        &self,
        connection: &SsoConnection,
        provider: &Provider,
        (fresh, steps): (Duration, &mut Steps),
    ) -> Result<Vec<PublicKey>, IdentityProviderError> {
        let wanted = Wanted {
            asker: asker(connection),
            url: provider.jwks_uri.clone(),
            step: StepName::Keys,
            read_as: "keys",
            fresh,
            advice: "This is the jwks_uri of the provider's document of discovery: see that it answers, and that the server \
                     that Rollcall runs on may call it (firewall, proxy).",
        };
        self.document(wanted, jwks::read, steps).await
    }

    /// The claims of the token; where no address is among them, with those that the provider gives when asked.
    async fn claims(
        &self,
        (connection, provider): (&SsoConnection, &Provider),
        (verified, access_token): (&VerifiedIdToken, Option<String>),
        steps: &mut Steps,
    ) -> Result<Claims, IdentityProviderError> {
        let claims = verified.claims();
        let has_address = claims.email() != AssertedEmail::Missing;
        let (Some(endpoint), Some(access_token), false) =
            (&provider.userinfo_endpoint, access_token, has_address)
        else {
            return Ok(claims.clone());
        };
        let request = userinfo::request(endpoint, &access_token);
        let answered = self.outbound.send(asker(connection), request).await;
        let merged = userinfo::merge(verified, &answered, steps);
        merged.map_err(|_| {
            let refusal = Refusal {
                code: Some(unanswered(&answered).unwrap_or(Code::ResponseInvalid)),
                claims: Some(claims.as_map().clone()),
            };
            refusal.into()
        })
    }
}

/// The document of discovery of a connection.
fn discovery_of<'a>(
    (connection, issuer): (&SsoConnection, &'a str),
    fresh: Duration,
) -> Result<Wanted<'a>> {
    let url = discovery::document_url(issuer);
    Ok(Wanted {
        asker: asker(connection),
        url: url.ok_or_else(|| Error::internal("a connection has no issuer"))?,
        step: StepName::Discovery,
        read_as: issuer,
        fresh,
        advice: "Check the issuer of the connection: its document is at <issuer>/.well-known/openid-configuration. Where \
                 it is right, let the server that Rollcall runs on call this address (firewall, proxy).",
    })
}

/// A test finds out how the provider is now.
fn fresh_for(purpose: FlowPurpose) -> Duration {
    match purpose {
        FlowPurpose::Test => Duration::ZERO,
        FlowPurpose::SignIn | FlowPurpose::Link | FlowPurpose::StepUp => FRESH,
    }
}

/// The refusal of an answer without tokens: only one that says so is the provider's own.
fn no_tokens(answered: &Result<OutboundResponse, OutboundError>) -> Refusal {
    let is_success = answered.as_ref().is_ok_and(OutboundResponse::is_success);
    Refusal {
        code: unanswered(answered).or(is_success.then_some(Code::ResponseInvalid)),
        claims: None,
    }
}

/// The code of a call that was not answered, or not by what was asked for.
fn unanswered(answered: &Result<OutboundResponse, OutboundError>) -> Option<Code> {
    match answered {
        Ok(response) if response.status < 500 => None,
        Ok(_) => Some(Code::IdentityProviderUnreachable),
        Err(
            OutboundError::Redirected { .. }
            | OutboundError::TooLarge { .. }
            | OutboundError::Unreadable { .. },
        ) => Some(Code::ResponseInvalid),
        Err(
            OutboundError::NoUrl
            | OutboundError::HttpsRequired { .. }
            | OutboundError::AddressNotAllowed { .. }
            | OutboundError::NameUnknown { .. }
            | OutboundError::Unreachable { .. }
            | OutboundError::Proxy { .. }
            | OutboundError::Certificate { .. }
            | OutboundError::Tls { .. }
            | OutboundError::TimedOut
            | OutboundError::Busy,
        ) => Some(Code::IdentityProviderUnreachable),
    }
}

fn arrival(
    preset: Preset,
    (verified, claims): (&VerifiedIdToken, &Claims),
    steps: &mut Steps,
) -> Arrival {
    let email = match claims.email() {
        AssertedEmail::Asserted(address) => Some(address),
        AssertedEmail::Missing => None,
        AssertedEmail::Denied { by, .. } => {
            let step = Step::warning(
                StepName::Email,
                "an address that the provider has verified",
                format!("one that it calls unverified by {by}"),
                "The person is let in as somebody without an address. Verify the address at the identity provider.",
            );
            steps.add(step);
            None
        }
    };
    Arrival {
        subject: verified.subject().to_owned(),
        email,
        name: claims.text("name").map(str::to_owned),
        guest: claims.is_guest(preset),
        session_ends_at: None,
        provider_session: kept_session(verified.session()),
        issued_at: Some(verified.issued_at()),
        claims: claims.as_map().clone(),
    }
}

//! Providers of OpenID Connect: asked to sign somebody in, and what they answer.

use super::documents::FRESH;
use super::oidc_documents::fresh_for;
use super::{IdentityProviderError, Refusal, asker};
use crate::domain::connections::{ClientAuthentication, FlowPurpose, OidcSettings, Preset};
use crate::domain::diagnosis::{Step, StepName, Steps};
use crate::error::{Code, Result};
use crate::oidc::authorization::{self, AuthorizationRequest, PkceVerifier};
use crate::oidc::callback::Callback;
use crate::oidc::claims::{AssertedEmail, Claims};
use crate::oidc::discovery::Provider;
use crate::oidc::id_token::{self, Expected, Unverified, VerifiedIdToken};
use crate::oidc::logout_token::{self, EndedThere};
use crate::oidc::presets::SCOPE;
use crate::oidc::registration::Registration;
use crate::oidc::token::{self, Asked, ClientProof, Exchange};
use crate::oidc::userinfo;
use crate::outbound::{OutboundError, OutboundRequest, OutboundResponse};
use crate::services::sso::arrival::{Arrival, kept_session};
use crate::services::sso::clients::{RegisteredClient, client_of};
use crate::services::sso::connections::tenants_of;
use crate::services::sso::diagnosis::sent_to_provider;
use crate::services::sso::flows::{OpenedFlow, TakenFlow};
use crate::state::State;
use crate::store::sso_connections::SsoConnection;

impl State {
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
        let redirect_uri = self.redirect_uri(connection.callback());
        let names = format!(
            "the redirect URI {redirect_uri} and the client id {}",
            client.id
        );
        steps.add(sent_to_provider(&names));
        let request = AuthorizationRequest {
            client_id: &client.id,
            redirect_uri: &redirect_uri,
            scope: SCOPE,
            state: flow.state.reveal(),
            nonce: &flow.nonce,
            pkce: &pkce,
            login_hint,
            prompt: prompt_of(flow.purpose, connection.preset),
        };
        Ok(authorization::url(&provider.authorization_endpoint, &request).into())
    }

    /// Who came back from a provider of OpenID Connect.
    ///
    /// # Errors
    /// Where the provider refuses, cannot be reached, or says anything that does not hold.
    pub async fn identify_by_oidc(
        &self,
        about: (&TakenFlow, &OidcSettings),
        callback: Callback,
        steps: &mut Steps,
    ) -> Result<Arrival, IdentityProviderError> {
        let asked = self.ask_who_came(about, callback, steps);
        self.outbound.in_one_wait(asked).await
    }

    async fn ask_who_came(
        &self,
        (flow, settings): (&TakenFlow, &OidcSettings),
        callback: Callback,
        steps: &mut Steps,
    ) -> Result<Arrival, IdentityProviderError> {
        let connection = &flow.connection;
        let fresh = fresh_for(flow.purpose);
        let provider = self.provider((connection, settings), fresh, steps).await?;
        let redirect_uri = self.redirect_uri(connection.callback());
        let client = self.client_of(connection, settings).await?;
        let jwks_uri = self.jwks_uri();
        let registration = Registration {
            jwks_uri: client.is_by_key().then_some(&jwks_uri),
            is_app: connection.app_id.is_some(),
        };
        let code = callback.code((&provider, &redirect_uri), &registration, steps)?;
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
            registration,
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
        (registered, provider): (&RegisteredClient, &Provider),
        exchange: &Exchange<'_>,
    ) -> Result<OutboundRequest> {
        let endpoint = &provider.token_endpoint;
        let audience = token::assertion_audience(connection.preset, &provider.issuer, endpoint);
        let secret = registered.secret.as_deref().unwrap_or_default();
        let proof = match registered.authentication {
            ClientAuthentication::ClientSecretBasic => ClientProof::SecretBasic(secret),
            ClientAuthentication::ClientSecretPost => ClientProof::SecretPost(secret),
            ClientAuthentication::PrivateKeyJwt => {
                let keys = self.require_federation_keys()?;
                ClientProof::PrivateKey { keys, audience }
            }
        };
        let client = token::AuthenticatedClient {
            id: &registered.id,
            proof,
        };
        token::request(endpoint, &client, exchange)
    }

    pub(super) async fn client_of(
        &self,
        connection: &SsoConnection,
        settings: &OidcSettings,
    ) -> Result<RegisteredClient> {
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
            let refusal = Refusal {
                claims,
                ..Refusal::default()
            };
            refusal.into()
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
        let asked = async {
            let provider = self.provider((connection, settings), FRESH, steps).await?;
            let about = (connection, &provider);
            let keys = self.keys_for(about, (token, FRESH), steps).await?;
            Ok::<_, IdentityProviderError>((provider, keys))
        };
        let (provider, keys) = self.outbound.in_one_wait(asked).await?;
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
                ..Refusal::default()
            };
            refusal.into()
        })
    }
}

/// Who opens the address of a test chooses an account and sees what for: providers that know the person answer without a
/// word, also where somebody else has sent the address. Only of these presets it is known that the provider knows how.
fn prompt_of(purpose: FlowPurpose, preset: Preset) -> Option<&'static str> {
    match (purpose, preset) {
        (FlowPurpose::Test, Preset::Entra | Preset::Google) => Some("select_account"),
        (
            FlowPurpose::Test,
            Preset::Okta | Preset::Clever | Preset::ClassLink | Preset::Generic,
        )
        | (FlowPurpose::SignIn | FlowPurpose::Link | FlowPurpose::StepUp, _) => None,
    }
}

/// The refusal of an answer without tokens: only one that says so is the provider's own.
fn no_tokens(answered: &Result<OutboundResponse, OutboundError>) -> Refusal {
    let is_success = answered.as_ref().is_ok_and(OutboundResponse::is_success);
    Refusal {
        code: unanswered(answered).or(is_success.then_some(Code::ResponseInvalid)),
        ..Refusal::default()
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
            | OutboundError::TimedOut { .. }
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
                "Verify the address at the identity provider: until then it counts for nothing here, as if none had come.",
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

//! Identity providers, asked between units of work: no connection to the database is held while one is waited for.

use std::time::Duration;

use url::Url;

use super::State;
use crate::crypto::digest::sha256;
use crate::crypto::public_key::PublicKey;
use crate::domain::connections::{ClientAuthentication, OidcSettings};
use crate::domain::diagnosis::{Refused, Step, StepName, Steps};
use crate::domain::ids::ConnectionId;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::oidc::authorization::PkceVerifier;
use crate::oidc::callback::Callback;
use crate::oidc::claims::{AssertedEmail, Claims};
use crate::oidc::discovery::{self, Provider};
use crate::oidc::id_token::{self, Expected, VerifiedIdToken};
use crate::oidc::token::{self, Client, ClientProof, Exchange};
use crate::oidc::{jwks, userinfo};
use crate::outbound::OutboundRequest;
use crate::services::sso::arrival::Arrival;
use crate::services::sso::connections::{client_secret, oidc_settings, tenants_of};
use crate::services::sso::flows::TakenFlow;
use crate::store::fetched_documents::{self, FetchedDocument};
use crate::store::sso_connections::SsoConnection;

/// For how long a document is taken without asking whether it has changed.
const FRESH: Duration = Duration::from_secs(60 * 60);

/// How often the keys are asked for again where a token names one that is not among them.
const FRESH_FOR_UNKNOWN_KEY: Duration = Duration::from_secs(60);

/// For how long a document is good while its provider cannot be reached.
const GOOD: Duration = Duration::from_secs(24 * 60 * 60);

/// Why somebody does not arrive.
pub enum Halt {
    /// The last of the steps says why.
    Refused,
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

/// What a document is, and how old it may be.
#[derive(Clone, Copy)]
struct Wanted {
    step: StepName,
    fresh: Duration,
    advice: &'static str,
}

impl State {
    /// The provider of a connection by OpenID Connect, as its document of discovery describes it.
    ///
    /// # Errors
    /// Where it cannot be reached, or describes something else.
    pub async fn provider(
        &self,
        connection: ConnectionId,
        settings: &OidcSettings,
        steps: &mut Steps,
    ) -> Result<Provider, Halt> {
        let wanted = Wanted {
            step: StepName::Discovery,
            fresh: FRESH,
            advice: "Check the issuer: its document is at <issuer>/.well-known/openid-configuration, and has to be \
                     reached from where Rollcall runs.",
        };
        let Some(url) = discovery::document_url(&settings.issuer) else {
            return Err(Error::internal("a connection has no issuer").into());
        };
        let body = self.document((connection, url), wanted, steps).await?;
        Ok(discovery::read(body.as_bytes(), &settings.issuer, steps)?)
    }

    /// Who came back from a provider of OpenID Connect.
    ///
    /// # Errors
    /// Where the provider refuses, cannot be reached, or says anything that does not hold.
    pub async fn identify(
        &self,
        flow: &TakenFlow,
        callback: Callback,
        steps: &mut Steps,
    ) -> Result<Arrival, Halt> {
        let connection = &flow.connection;
        let settings = oidc_settings(connection)?;
        let provider = self.provider(connection.id, &settings, steps).await?;
        let code = callback.code(&provider, steps)?;
        let pkce = PkceVerifier::kept(flow.secrets.code_verifier.clone());
        let redirect_uri = self.redirect_uri(connection.id);
        let exchange = Exchange {
            code: &code,
            pkce: &pkce,
            redirect_uri: &redirect_uri,
            now: self.services.clock.now(),
        };
        let request = self
            .token_request(connection, (&settings, &provider), &exchange)
            .await?;
        let answered = self.outbound.send(connection.id.into(), request).await;
        let tokens = token::read(&answered, steps)?;
        let verified = self
            .verify(flow, (&settings, &provider, &tokens.id_token), steps)
            .await?;
        let claims = self
            .claims(
                (connection.id, &provider),
                (&verified, tokens.access_token),
                steps,
            )
            .await?;
        Ok(arrival(&verified, &claims, steps))
    }

    async fn token_request(
        &self,
        connection: &SsoConnection,
        (settings, provider): (&OidcSettings, &Provider),
        exchange: &Exchange<'_>,
    ) -> Result<OutboundRequest> {
        let endpoint = &provider.token_endpoint;
        let audience = token::assertion_audience(connection.preset, &provider.issuer, endpoint);
        let secret = self.client_secret_of(connection).await?.unwrap_or_default();
        let proof = match settings.client_authentication {
            ClientAuthentication::ClientSecretBasic => ClientProof::SecretBasic(&secret),
            ClientAuthentication::ClientSecretPost => ClientProof::SecretPost(&secret),
            ClientAuthentication::PrivateKeyJwt => {
                self.require_federation_keys().await?;
                let keys = self.federation.keys().map_err(Error::internal)?;
                ClientProof::PrivateKey { keys, audience }
            }
        };
        let client = Client {
            id: &settings.client_id,
            proof,
        };
        token::request(endpoint, &client, exchange)
    }

    /// Has the federation keys made, where they are not, on a thread that may take its time.
    async fn require_federation_keys(&self) -> Result<()> {
        let federation = self.federation.clone();
        let made = tokio::task::spawn_blocking(move || federation.keys().map(drop));
        made.await
            .map_err(Error::internal)?
            .map_err(Error::internal)
    }

    async fn client_secret_of(&self, connection: &SsoConnection) -> Result<Option<String>> {
        let connection = connection.clone();
        self.unit_of_work_as_system(move |tx| client_secret(tx, &connection))
            .await
    }

    async fn verify(
        &self,
        flow: &TakenFlow,
        (settings, provider, id_token): (&OidcSettings, &Provider, &str),
        steps: &mut Steps,
    ) -> Result<VerifiedIdToken, Halt> {
        let connection = &flow.connection;
        let mut keys = self.keys(connection.id, provider, (FRESH, steps)).await?;
        if id_token::needs_other_keys(id_token, &keys) {
            let again = (FRESH_FOR_UNKNOWN_KEY, &mut *steps);
            keys = self.keys(connection.id, provider, again).await?;
        }
        let tenants = {
            let (connection, settings) = (connection.clone(), settings.clone());
            self.unit_of_work_as_system(move |tx| tenants_of(tx, &connection, &settings))
                .await?
        };
        let expected = Expected {
            issuer: &provider.issuer,
            client_id: &settings.client_id,
            nonce: &flow.secrets.nonce,
            preset: connection.preset,
            tenants: &tenants,
            now: self.services.clock.now(),
            skew: self.services.config.sso_skew,
        };
        Ok(id_token::verify(id_token, &keys, &expected, steps)?)
    }

    async fn keys(
        &self,
        connection: ConnectionId,
        provider: &Provider,
        (fresh, steps): (Duration, &mut Steps),
    ) -> Result<Vec<PublicKey>, Halt> {
        let wanted = Wanted {
            step: StepName::Keys,
            fresh,
            advice: "See that the jwks_uri of the provider's document of discovery can be reached from where Rollcall \
                     runs.",
        };
        let url = provider.jwks_uri.clone();
        let body = self.document((connection, url), wanted, steps).await?;
        Ok(jwks::read(body.as_bytes(), steps)?)
    }

    /// The claims of the token; where no address is among them, with those that the provider gives when asked.
    async fn claims(
        &self,
        (connection, provider): (ConnectionId, &Provider),
        (verified, access_token): (&VerifiedIdToken, Option<String>),
        steps: &mut Steps,
    ) -> Result<Claims, Halt> {
        let claims = verified.claims();
        let has_address = claims.email() != AssertedEmail::Missing;
        let (Some(endpoint), Some(access_token), false) =
            (&provider.userinfo_endpoint, access_token, has_address)
        else {
            return Ok(claims.clone());
        };
        let request = userinfo::request(endpoint, &access_token);
        let answered = self.outbound.send(connection.into(), request).await;
        Ok(userinfo::merge(verified, &answered, steps)?)
    }

    /// A document: the one that is kept, where it is fresh; else as its provider has it now; else the one that is kept.
    async fn document(
        &self,
        (connection, url): (ConnectionId, Url),
        wanted: Wanted,
        steps: &mut Steps,
    ) -> Result<String, Halt> {
        let url_hash = sha256(url.as_str().as_bytes()).to_vec();
        let now = self.services.clock.now();
        let kept = self.kept_document(url_hash.clone()).await?;
        if let Some(kept) = &kept
            && kept.fetched_at.plus(wanted.fresh) > now
        {
            return Ok(kept.body.clone());
        }
        let problem = match self.fetch(connection, url).await {
            Ok(body) => {
                self.keep_document(url_hash, body.clone(), now).await?;
                return Ok(body);
            }
            Err(problem) => problem,
        };
        if let Some(kept) = kept.filter(|kept| kept.good_until > now) {
            return Ok(kept.body);
        }
        let step = Step::failed(wanted.step, "a document", problem, wanted.advice);
        Ok(steps.refuse(step)?)
    }

    /// Fetches a document; what is wrong, in words.
    async fn fetch(&self, connection: ConnectionId, url: Url) -> Result<String, String> {
        let request = OutboundRequest::get(url).with_header("accept", "application/json");
        let answered = self.outbound.send(connection.into(), request).await;
        let response = answered.map_err(|error| error.to_string())?;
        if !response.is_success() {
            return Err(format!("status {}", response.status));
        }
        String::from_utf8(response.body).map_err(|_| "an answer that is no text".to_owned())
    }

    async fn kept_document(&self, url_hash: Vec<u8>) -> Result<Option<FetchedDocument>> {
        self.unit_of_work_as_system(move |tx| fetched_documents::find(tx.connection, &url_hash))
            .await
    }

    async fn keep_document(&self, url_hash: Vec<u8>, body: String, now: Timestamp) -> Result<()> {
        let document = FetchedDocument {
            url_hash,
            body,
            fetched_at: now,
            good_until: now.plus(GOOD),
        };
        self.unit_of_work_as_system(move |tx| fetched_documents::put(tx.connection, &document))
            .await
    }

    /// Where a provider sends people back to.
    pub fn redirect_uri(&self, connection: ConnectionId) -> String {
        let base = self.services.config.public_base();
        format!("{base}/v1/sso/callback/{connection}")
    }

    /// Where a trip by a connection begins by itself: a tile of a portal, a test.
    pub fn initiate_uri(&self, connection: ConnectionId) -> String {
        let base = self.services.config.public_base();
        format!("{base}/v1/sso/initiate/{connection}")
    }
}

fn arrival(verified: &VerifiedIdToken, claims: &Claims, steps: &mut Steps) -> Arrival {
    let email = match claims.email() {
        AssertedEmail::Asserted(address) => Some(address),
        AssertedEmail::Missing => None,
        AssertedEmail::Denied { by, .. } => {
            let step = Step::failed(
                StepName::Email,
                "an address that the provider has verified",
                format!("one that it calls unverified by {by}"),
                "The person is let in as somebody without an address. Verify the address at the identity provider.",
            );
            steps.add(step.as_warning());
            None
        }
    };
    Arrival {
        subject: verified.subject().to_owned(),
        email,
        name: claims.text("name").map(str::to_owned),
        // A guest of Entra has an account in another tenant (`idp`), or is told by `acct` (1: a guest).
        guest: claims.get("acct").and_then(serde_json::Value::as_i64) == Some(1),
        provider_session: verified.session().map(str::to_owned),
        claims: claims.as_map().clone(),
    }
}

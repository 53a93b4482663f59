//! Providers of SAML.

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::documents::Unfetched;
use super::{IdentityProviderError, Refusal, asker, no_place, told};
use crate::crypto::federation_keys::FederationKeys;
use crate::domain::connections::{Preset, SamlSettings, SubjectSource};
use crate::domain::diagnosis::{Step, StepName, Steps};
use crate::domain::ids::ConnectionId;
use crate::domain::timestamp::Timestamp;
use crate::error::{Code, Error, Result};
use crate::outbound::Asker;
use crate::saml::assertion::{NoSubject, VerifiedAssertion};
use crate::saml::expected::Expected;
use crate::saml::request::AuthnRequest;
use crate::saml::response::{self, Unverified};
use crate::saml::service_provider::ServiceProvider;
use crate::services::sso::arrival::{Arrival, kept_session};
use crate::services::sso::diagnosis::sent_to_provider;
use crate::services::sso::flows::{OpenedFlow, TakenFlow};
use crate::services::sso::metadata::{self, NewMetadata};
use crate::services::sso::refresh;
use crate::state::State;
use crate::store::sso_connections::SsoConnection;

/// The format of a `NameID` that is the same for a person at each sign-in.
const PERSISTENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent";

/// What a response has to be, with all that is needed to judge it on another thread.
struct Awaited {
    preset: Preset,
    settings: SamlSettings,
    acs_url: String,
    audience: String,
    request_id: String,
    federation_keys: Option<Arc<FederationKeys>>,
    now: Timestamp,
    skew: Duration,
}

/// What is the matter with metadata, for whoever named it or its address.
struct MetadataProblem {
    code: &'static str,
    words: String,
}

impl From<Unfetched> for MetadataProblem {
    fn from(unfetched: Unfetched) -> Self {
        Self {
            code: unfetched.code,
            words: unfetched.of_metadata(),
        }
    }
}

impl From<Step> for MetadataProblem {
    fn from(failed: Step) -> Self {
        Self {
            code: failed.name.as_str(),
            words: told(&failed),
        }
    }
}

impl State {
    /// Where a provider of SAML signs people in.
    pub(super) async fn url_of_saml(
        &self,
        (connection, settings): (ConnectionId, &SamlSettings),
        flow: &OpenedFlow,
        steps: &mut Steps,
    ) -> Result<String> {
        let (entity_id, acs_url) = (self.entity_id(connection), self.acs_url(connection));
        let names = format!("the entity id {entity_id} and the ACS address {acs_url}");
        steps.add(sent_to_provider(&names));
        let persistent = settings.name_id_formats.iter().any(|it| it == PERSISTENT);
        let by_name = settings.subject_source == SubjectSource::NameId;
        let request = AuthnRequest {
            id: &flow.request_id(),
            issued_at: self.services.clock.now(),
            entity_id: &entity_id,
            acs_url: &acs_url,
            destination: &settings.sign_in_location,
            name_id_format: (persistent && by_name).then_some(PERSISTENT),
            force_authn: false,
        };
        let state = flow.state.reveal();
        if !settings.wants_signed_requests {
            return request.url(state, None);
        }
        let keys = self.require_federation_keys()?;
        request.url(state, Some(&|message| keys.sign(message)))
    }

    /// Who came back from a provider of SAML, with this response.
    ///
    /// # Errors
    /// Where the provider refuses, or says anything that does not hold.
    pub async fn identify_by_saml(
        &self,
        (flow, settings): (&TakenFlow, SamlSettings),
        response: String,
        steps: &mut Steps,
    ) -> Result<Arrival, IdentityProviderError> {
        let awaited = Awaited {
            preset: flow.connection.preset,
            settings,
            acs_url: self.acs_url(flow.connection.id),
            audience: self.entity_id(flow.connection.id),
            request_id: flow.secrets.request_id(),
            federation_keys: self.federation.clone(),
            now: self.services.clock.now(),
            skew: self.services.config.sso_skew,
        };
        // A large document takes longer than a thread that serves should be kept.
        let judge = move || {
            let mut steps = Steps::default();
            let judged = awaited.judge(&response, &mut steps);
            (judged, steps)
        };
        let (judged, taken) = tokio::task::spawn_blocking(judge)
            .await
            .map_err(Error::internal)?;
        *steps = taken;
        judged
    }

    /// What a connection keeps of metadata: of the document that was given, or of that at its address. `asker` is whose
    /// call it is.
    ///
    /// # Errors
    /// `validation_failed` where it cannot be fetched, or is no metadata of one identity provider;
    /// `federation_key_missing` where it wants requests to be signed, and there is no key.
    pub async fn read_metadata(&self, asker: Asker, new: NewMetadata) -> Result<SamlSettings> {
        let pointer = match &new.document {
            Some(_) => "/metadata",
            None => "/metadata_url",
        };
        let read = self.try_metadata(asker, new).await?;
        let settings =
            read.map_err(|problem| Error::invalid(pointer, problem.code, problem.words))?;
        if settings.wants_signed_requests {
            self.require_federation_keys()?;
        }
        Ok(settings)
    }

    /// The same; what is the matter with it, where it cannot be read.
    async fn try_metadata(
        &self,
        asker: Asker,
        new: NewMetadata,
    ) -> Result<Result<SamlSettings, MetadataProblem>> {
        let document = match (new.document, new.source.url.as_deref()) {
            (Some(document), _) => document.into_bytes(),
            (None, url) => {
                let url = url.and_then(|url| Url::parse(url).ok());
                let url = url.ok_or_else(|| Error::internal("metadata without an address"))?;
                match self.fetch_metadata(asker, url).await {
                    Ok(document) => document,
                    Err(unfetched) if unfetched.has_no_place() => return Err(no_place()),
                    Err(unfetched) => return Ok(Err(unfetched.into())),
                }
            }
        };
        let now = self.services.clock.now();
        let chosen = (new.source, new.subject_source);
        let read = move || metadata::read(&document, chosen, now);
        let read = tokio::task::spawn_blocking(read)
            .await
            .map_err(Error::internal)?;
        Ok(read.map_err(MetadataProblem::from))
    }

    /// The metadata of a connection as its address has it now; why it could not be read, in words. Nothing where it has no
    /// address.
    pub(super) async fn metadata_anew(
        &self,
        connection: &SsoConnection,
    ) -> Result<Option<Result<SamlSettings, String>>> {
        let Some(wanted) = refresh::wanted(connection)? else {
            return Ok(None);
        };
        let read = self.try_metadata(asker(connection), wanted).await?;
        Ok(Some(read.map_err(|problem| problem.words)))
    }

    /// Rollcall's own metadata at a connection.
    ///
    /// # Errors
    /// `federation_key_missing` where requests are to be signed and there is no key.
    pub fn service_provider_metadata(
        &self,
        connection: ConnectionId,
        wants_signed_requests: bool,
    ) -> Result<String> {
        if wants_signed_requests {
            self.require_federation_keys()?;
        }
        let keys = self.federation.as_ref();
        let certificate = keys.map(|keys| keys.certificate()).transpose()?;
        let service_provider = ServiceProvider {
            entity_id: &self.entity_id(connection),
            acs_url: &self.acs_url(connection),
            certificate: certificate.as_deref(),
            signs_requests: wants_signed_requests,
        };
        Ok(service_provider.metadata())
    }
}

impl Awaited {
    fn judge(&self, response: &str, steps: &mut Steps) -> Result<Arrival, IdentityProviderError> {
        let keys = metadata::keys(&self.settings)?;
        let expected = Expected {
            keys: &keys,
            issuer: &self.settings.entity_id,
            acs_url: &self.acs_url,
            audience: &self.audience,
            request_id: &self.request_id,
            federation_keys: self.federation_keys.as_deref(),
            now: self.now,
            skew: self.skew,
        };
        let assertion =
            response::verify(response, &expected, steps).map_err(|Unverified { claims }| {
                Refusal {
                    claims,
                    ..Refusal::default()
                }
            })?;
        match assertion.subject(&self.settings.subject_source, steps) {
            Ok(subject) => Ok(Arrival {
                guest: assertion.is_guest(self.preset),
                ..arrival((subject, self.now), &assertion, steps)
            }),
            Err(reason) => {
                let code = match reason {
                    NoSubject::Missing => Code::SubjectMissing,
                    NoSubject::Transient => Code::SamlSubjectTransient,
                };
                let refusal = Refusal {
                    code: Some(code),
                    claims: Some(assertion.claims()),
                    ..Refusal::default()
                };
                Err(refusal.into())
            }
        }
    }
}

fn arrival(
    (subject, now): (&str, Timestamp),
    assertion: &VerifiedAssertion,
    steps: &mut Steps,
) -> Arrival {
    let emails = assertion.emails();
    if emails.len() > 1 {
        steps.add(several_addresses(emails.len()));
    }
    let email = emails.first().filter(|_| emails.len() == 1);
    Arrival {
        subject: subject.to_owned(),
        email: email.map(|address| (*address).to_owned()),
        name: assertion.display_name(),
        guest: false,
        session_ends_at: assertion.session().not_on_or_after,
        provider_session: kept_session(assertion.session().index.as_deref()),
        // A browser may have held an old one back, never a later one.
        issued_at: assertion.issued_at().filter(|at| *at > now),
        claims: assertion.claims(),
    }
}

fn several_addresses(number: usize) -> Step {
    Step::warning(
        StepName::Email,
        "one address",
        format!("{number} addresses"),
        "Nobody can tell which of them is the person's alone, so that none counts, as if none had come. In the identity \
         provider, release one: the person's own mailbox.",
    )
}

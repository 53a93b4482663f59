//! Documents of identity providers: fetched, and kept for all replicas.

use std::time::Duration;

use url::Url;
use uuid::Uuid;

use super::Halt;
use crate::crypto::digest::sha256;
use crate::domain::diagnosis::{Step, StepName, Steps};
use crate::domain::ids::ConnectionId;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::outbound::{METADATA_LIMIT, OutboundRequest};
use crate::state::State;
use crate::store::fetched_documents::{self, FetchedDocument};

/// For how long a document is taken without asking whether it has changed.
pub(super) const FRESH: Duration = Duration::from_secs(60 * 60);

/// How often the keys are asked for again where a token names one that is not among them.
pub(super) const FRESH_FOR_UNKNOWN_KEY: Duration = Duration::from_secs(60);

/// For how long a document is good while its provider cannot be reached.
const GOOD: Duration = Duration::from_secs(24 * 60 * 60);

/// What a document is, and how old it may be.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    pub step: StepName,
    pub fresh: Duration,
    pub advice: &'static str,
}

impl State {
    /// A document: the one that is kept, where it is fresh; else as its provider has it now; else the one that is kept.
    pub(super) async fn document(
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
        self.fetch_text(connection.into(), request).await
    }

    /// Fetches metadata of SAML; what is wrong, in words. `asker` is whose call it is.
    pub(super) async fn fetch_metadata(&self, asker: Uuid, url: Url) -> Result<String, String> {
        let request = OutboundRequest::get(url)
            .with_header("accept", "application/samlmetadata+xml, application/xml")
            .up_to(METADATA_LIMIT);
        self.fetch_text(asker, request).await
    }

    async fn fetch_text(&self, asker: Uuid, request: OutboundRequest) -> Result<String, String> {
        let answered = self.outbound.send(asker, request).await;
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
}

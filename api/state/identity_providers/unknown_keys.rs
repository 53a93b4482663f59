//! Keys that tokens name and that are not among those of their provider: it may have published them since.

use std::time::{Duration, Instant};

use tracing::Instrument as _;

use super::IdentityProviderError;
use super::documents::WantedDocument;
use crate::crypto::json_web_key::JsonWebKey;
use crate::domain::diagnosis::{Step, Steps};
use crate::error::Result;
use crate::oidc::jwks;
use crate::state::State;
use crate::store::fetched_documents::{self, FetchedDocument, KeyClaim};

/// How often the keys are asked for because of one that is not among them, by all replicas and requests together.
const PAUSE: Duration = Duration::from_secs(60);

/// How long nobody asks after somebody who got no place: where a class waits, there is none for the next moment either.
const BEFORE_ANOTHER: Duration = Duration::from_secs(1);

/// How much longer than its waiting and its call somebody may take who asks.
const BESIDE_THE_CALL: Duration = Duration::from_secs(2);

impl State {
    /// The keys after their provider was asked because of one that was not among them. When they were fetched otherwise is
    /// no matter: it may have changed them a moment later. Whoever comes while it is asked waits for its answer.
    ///
    /// # Errors
    /// Where there are none that can be read.
    pub(super) async fn keys_with_unknown(
        &self,
        wanted: WantedDocument<'static>,
        steps: &mut Steps,
    ) -> Result<Vec<JsonWebKey>, IdentityProviderError> {
        let key = wanted.key();
        // For somebody else, who may be gone or get no place to ask, and then for oneself.
        let until = Instant::now() + self.longest_asking() * 2;
        let kept = loop {
            if self.claim_for_key(key.clone()).await? {
                let asking = self.clone().ask_for_key(wanted.clone());
                // It goes on where this request is broken off: others wait for it.
                tokio::spawn(asking.instrument(tracing::Span::current()));
            }
            let kept = self.kept_once_answered(&key, until).await?;
            let is_asked = kept.as_ref().is_none_or(|kept| self.was_asked(kept));
            if is_asked || Instant::now() >= until {
                break kept;
            }
            tokio::time::sleep(BEFORE_ANOTHER).await;
        };
        let failure = kept.as_ref().and_then(|kept| kept.failure.clone());
        let failure = failure.and_then(|step| serde_json::from_value::<Step>(step.0).ok());
        if let Some(failure) = failure {
            steps.add(failure.as_warning());
        }
        let body = kept.and_then(|kept| kept.body).unwrap_or_default();
        Ok(jwks::read(body.as_bytes(), steps)?)
    }

    /// How long somebody takes at most who asks: as long as a call may take for a place, and as long for the call.
    fn longest_asking(&self) -> Duration {
        self.services.config.outbound_timeout * 2 + BESIDE_THE_CALL
    }

    /// Whether the keys were asked for a moment ago.
    fn was_asked(&self, kept: &FetchedDocument) -> bool {
        let since = self.services.clock.now().minus(PAUSE);
        !kept.is_key_awaited && kept.asked_for_key_at.is_some_and(|at| at > since)
    }

    /// Whether somebody asks at this moment. Who was to ask may be gone without a word.
    fn is_being_asked(&self, kept: &FetchedDocument) -> bool {
        let gone = self.services.clock.now().minus(self.longest_asking());
        kept.is_key_awaited && kept.asked_for_key_at.is_some_and(|at| at > gone)
    }

    async fn claim_for_key(&self, key: Vec<u8>) -> Result<bool> {
        let now = self.services.clock.now();
        let times = KeyClaim {
            now,
            since: now.minus(PAUSE),
            gone: now.minus(self.longest_asking()),
        };
        self.unit_of_work_as_system(move |tx| {
            fetched_documents::claim_for_key(tx.connection, &key, times)
        })
        .await
    }

    async fn ask_for_key(self, wanted: WantedDocument<'static>) {
        let (key, now) = (wanted.key(), self.services.clock.now());
        let mut steps = Steps::default();
        let asking = self.read_anew(&wanted, jwks::read, &mut steps);
        let wait = self.services.config.outbound_timeout;
        let read = self.outbound.waiting_for(wait, asking).await;
        let (asked_at, noted) = match read {
            Ok((_, body)) => (Some(now), self.keep_document(&wanted, body, now).await),
            Err(unread) if unread.has_no_place => (None, Ok(())),
            Err(unread) => {
                let noted = self.note_failure(key.clone(), &unread.step, now).await;
                (Some(now), noted)
            }
        };
        let ended = self.unit_of_work_as_system(move |tx| {
            fetched_documents::end_claim_for_key(tx.connection, &key, asked_at)
        });
        if let Err(error) = noted.and(ended.await) {
            tracing::warn!(%error, "what was asked because of an unknown key is lost");
        }
    }

    /// The document once nobody asks for it because of a key any more.
    async fn kept_once_answered(
        &self,
        key: &[u8],
        until: Instant,
    ) -> Result<Option<FetchedDocument>> {
        const LONGEST: Duration = Duration::from_secs(1);
        let mut pause = Duration::from_millis(10);
        loop {
            let kept = self.kept_document(key.to_vec()).await?;
            let is_awaited = kept.as_ref().is_some_and(|kept| self.is_being_asked(kept));
            if !is_awaited || Instant::now() >= until {
                return Ok(kept);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST);
        }
    }
}

//! Documents of identity providers: fetched, and kept for all replicas.

use std::time::Duration;

use url::Url;

use super::{IdentityProviderError, Refusal};
use crate::crypto::digest::sha256;
use crate::domain::diagnosis::{Refused, Step, StepName, Steps};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::outbound::{
    Asker, BUSY_ADVICE, METADATA_LIMIT, OutboundError, OutboundRequest, OutboundResponse,
};
use crate::state::State;
use crate::store::fetched_documents::{self, FetchedDocument};
use crate::store::sql_types::JsonColumn;

/// For how long a document is taken without asking whether it has changed.
pub(super) const FRESH: Duration = Duration::from_secs(60 * 60);

/// How long nobody is asked again who gave nothing that can be read.
const PAUSE: Duration = Duration::from_secs(60);

/// For how long a document is good while its provider gives none that can be read.
const GOOD: Duration = Duration::from_secs(24 * 60 * 60);

/// What a document is, and how old it may be.
#[derive(Clone)]
pub(super) struct WantedDocument<'a> {
    pub asker: Asker,
    pub url: Url,
    pub step: StepName,
    /// What it is read as: one that somebody else reads otherwise is another document, though the address be the same.
    pub read_as: &'a str,
    /// Nothing where it is to be asked for in any case.
    pub fresh: Duration,
    /// What to do where nobody answers.
    pub unanswered: &'static str,
    /// What to do where something else is answered.
    pub answered: &'static str,
}

impl WantedDocument<'_> {
    pub fn key(&self) -> Vec<u8> {
        let place = format!("{} {} {}", self.step, self.url, self.read_as);
        sha256(place.as_bytes()).to_vec()
    }

    fn failed(&self, unfetched: Unfetched) -> Step {
        let expected = format!("a document at {}", self.url);
        let advice = match unfetched.obstacle {
            Obstacle::NoPlace => BUSY_ADVICE,
            Obstacle::Unanswered => self.unanswered,
            Obstacle::OutOfOrder => OUT_OF_ORDER,
            Obstacle::Answered => self.answered,
        };
        Step::failed(self.step, expected, unfetched.problem, advice)
    }

    /// The document that is kept, where it is fresh enough.
    fn fresh<'a>(&self, kept: Option<&'a FetchedDocument>, now: Timestamp) -> Option<&'a String> {
        let fresh = kept.filter(|kept| kept.fetched_at.plus(self.fresh) > now)?;
        fresh.body.as_ref()
    }

    /// The document that is kept, where it does while there is no other. A test does not.
    fn good<'a>(&self, kept: Option<&'a FetchedDocument>, now: Timestamp) -> Option<&'a String> {
        let good = kept.filter(|kept| kept.good_until > now && !self.fresh.is_zero())?;
        good.body.as_ref()
    }

    /// The step that failed a moment ago, where it is not asked again yet.
    fn failed_before(&self, kept: Option<&FetchedDocument>, now: Timestamp) -> Option<Step> {
        let kept = kept.filter(|kept| kept.tried_at.plus(PAUSE) > now && !self.fresh.is_zero())?;
        serde_json::from_value(kept.failure.clone()?.0).ok()
    }
}

/// What to do where the server of the provider has a fault of its own.
const OUT_OF_ORDER: &str = "The identity provider answers that it is out of order or has too much to do. Nothing in the \
                            connection is wrong: look at the provider's own status, and try again in a few minutes.";

/// What stands between Rollcall and a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Obstacle {
    /// Nobody was asked: too many calls are under way.
    NoPlace,
    /// Nobody answers.
    Unanswered,
    /// The server that was asked has a fault of its own for the time being.
    OutOfOrder,
    /// The server that was asked answers with something else.
    Answered,
}

impl Obstacle {
    /// By the status of the answer (RFC 9110, section 15.6; RFC 6585, section 4).
    const fn of_status(status: u16) -> Self {
        match status {
            429 | 500..=599 => Self::OutOfOrder,
            _ => Self::Answered,
        }
    }
}

/// Why a document could not be fetched.
pub(super) struct Unfetched {
    /// For the field that names its address.
    pub code: &'static str,
    /// In words.
    pub problem: String,
    obstacle: Obstacle,
}

impl Unfetched {
    fn answered(problem: String) -> Self {
        Self {
            code: "unreachable",
            problem,
            obstacle: Obstacle::Answered,
        }
    }

    fn status(status: u16) -> Self {
        Self {
            obstacle: Obstacle::of_status(status),
            ..Self::answered(format!("status {status}"))
        }
    }

    /// Whether nobody was asked, for want of a place: that is no failure of the provider.
    pub fn has_no_place(&self) -> bool {
        self.obstacle == Obstacle::NoPlace
    }

    /// For whoever named the address as that of metadata.
    pub fn of_metadata(self) -> String {
        if self.problem.ends_with('.') {
            return self.problem;
        }
        format!(
            "Expected the document of the metadata, and got {}. Open the address in a browser: it is the right one where \
             that shows the XML document without asking anybody to sign in.",
            self.problem
        )
    }
}

impl From<OutboundError> for Unfetched {
    fn from(error: OutboundError) -> Self {
        let code = match error {
            OutboundError::AddressNotAllowed { .. } => "address_not_allowed",
            _ => "unreachable",
        };
        let obstacle = match error {
            OutboundError::Busy => Obstacle::NoPlace,
            OutboundError::Redirected { .. }
            | OutboundError::TooLarge { .. }
            | OutboundError::Unreadable { .. } => Obstacle::Answered,
            _ => Obstacle::Unanswered,
        };
        Self {
            code,
            problem: error.to_string(),
            obstacle,
        }
    }
}

/// Why there is no document that can be read.
pub(super) struct Unread {
    /// The step that failed.
    pub step: Step,
    pub has_no_place: bool,
}

impl Unread {
    fn refuse(self, steps: &mut Steps) -> IdentityProviderError {
        steps.add(self.step);
        let refusal = Refusal {
            has_no_place: self.has_no_place,
            ..Refusal::default()
        };
        refusal.into()
    }
}

impl From<Step> for Unread {
    fn from(step: Step) -> Self {
        Self {
            step,
            has_no_place: false,
        }
    }
}

impl State {
    /// What a document says: the one that is kept, where it is fresh; else as its provider has it now; else the one that
    /// is kept, while it is good. Only what could be read is kept, and only a failure of the provider is noted for others.
    pub(super) async fn document<T>(
        &self,
        wanted: WantedDocument<'_>,
        read: impl Fn(&[u8], &mut Steps) -> Result<T, Refused>,
        steps: &mut Steps,
    ) -> Result<T, IdentityProviderError> {
        let (key, now) = (wanted.key(), self.services.clock.now());
        let kept = self.kept_document(key.clone()).await?;
        let kept = kept.as_ref();
        if let Some(body) = wanted.fresh(kept, now) {
            return Ok(read(body.as_bytes(), steps)?);
        }
        let unread = match wanted.failed_before(kept, now) {
            Some(failure) => failure.into(),
            None => match self.read_anew(&wanted, &read, steps).await {
                Ok((value, body)) => {
                    self.keep_document(&wanted, body, now).await?;
                    return Ok(value);
                }
                Err(unread) if unread.has_no_place => unread,
                Err(unread) => {
                    self.note_failure(key, &unread.step, now).await?;
                    unread
                }
            },
        };
        let Some(body) = wanted.good(kept, now) else {
            return Err(unread.refuse(steps));
        };
        steps.add(unread.step.as_warning());
        Ok(read(body.as_bytes(), steps)?)
    }

    /// The document that is kept, however old it is. Nobody is asked.
    pub(super) async fn document_as_kept<T>(
        &self,
        wanted: &WantedDocument<'_>,
        read: impl Fn(&[u8], &mut Steps) -> Result<T, Refused>,
    ) -> Result<Option<T>> {
        let kept = self.kept_document(wanted.key()).await?;
        let body = kept.and_then(|kept| kept.body);
        Ok(body.and_then(|body| read(body.as_bytes(), &mut Steps::default()).ok()))
    }

    /// Asks for a document, and reads it; the step that failed, where there is none or it cannot be read.
    pub(super) async fn read_anew<T>(
        &self,
        wanted: &WantedDocument<'_>,
        read: impl Fn(&[u8], &mut Steps) -> Result<T, Refused>,
        steps: &mut Steps,
    ) -> Result<(T, String), Unread> {
        let request = OutboundRequest::get(wanted.url.clone())
            .with_header("accept", "application/json")
            .before_others();
        let fetched = self.fetch_text(wanted.asker, request).await;
        let body = fetched.map_err(|unfetched| Unread {
            has_no_place: unfetched.has_no_place(),
            step: wanted.failed(unfetched),
        })?;
        let mut taken = Steps::default();
        match read(body.as_bytes(), &mut taken) {
            Ok(value) => {
                taken
                    .into_vec()
                    .into_iter()
                    .for_each(|step| steps.add(step));
                Ok((value, body))
            }
            Err(Refused) => {
                let unread =
                    || wanted.failed(Unfetched::answered("what cannot be read".to_owned()));
                let failure = taken.into_vec().pop().unwrap_or_else(unread);
                Err(failure.into())
            }
        }
    }

    /// Fetches metadata of SAML. `asker` is whose call it is.
    pub(super) async fn fetch_metadata(
        &self,
        asker: Asker,
        url: Url,
    ) -> Result<Vec<u8>, Unfetched> {
        let request = OutboundRequest::get(url)
            .with_header("accept", "application/samlmetadata+xml, application/xml")
            .up_to(METADATA_LIMIT);
        Ok(self.fetch(asker, request).await?.body)
    }

    async fn fetch_text(
        &self,
        asker: Asker,
        request: OutboundRequest,
    ) -> Result<String, Unfetched> {
        let response = self.fetch(asker, request).await?;
        String::from_utf8(response.body)
            .map_err(|_| Unfetched::answered("an answer that is no text".to_owned()))
    }

    async fn fetch(
        &self,
        asker: Asker,
        request: OutboundRequest,
    ) -> Result<OutboundResponse, Unfetched> {
        let response = self.outbound.send(asker, request).await?;
        if !response.is_success() {
            return Err(Unfetched::status(response.status));
        }
        Ok(response)
    }

    pub(super) async fn kept_document(&self, url_hash: Vec<u8>) -> Result<Option<FetchedDocument>> {
        self.unit_of_work_as_system(move |tx| fetched_documents::find(tx.connection, &url_hash))
            .await
    }

    /// Keeps a document for others. What a test has read takes the place of what is kept, and no place of its own: the
    /// next test reads it anew, and whoever changes the address before each would fill the database.
    pub(super) async fn keep_document(
        &self,
        wanted: &WantedDocument<'_>,
        body: String,
        now: Timestamp,
    ) -> Result<()> {
        let document = FetchedDocument {
            url_hash: wanted.key(),
            body: Some(body),
            fetched_at: now,
            good_until: now.plus(GOOD),
            tried_at: now,
            failure: None,
            asked_for_key_at: None,
            is_key_awaited: false,
        };
        let keep = match wanted.fresh.is_zero() {
            true => fetched_documents::replace,
            false => fetched_documents::put,
        };
        self.unit_of_work_as_system(move |tx| keep(tx.connection, &document))
            .await
    }

    pub(super) async fn note_failure(
        &self,
        url_hash: Vec<u8>,
        failure: &Step,
        now: Timestamp,
    ) -> Result<()> {
        let failure = serde_json::to_value(failure).map_err(Error::internal)?;
        let tried = FetchedDocument {
            url_hash,
            body: None,
            fetched_at: now,
            good_until: now.plus(PAUSE),
            tried_at: now,
            failure: Some(JsonColumn(failure)),
            asked_for_key_at: None,
            is_key_awaited: false,
        };
        self.unit_of_work_as_system(move |tx| {
            fetched_documents::note_failure(tx.connection, &tried)
        })
        .await
    }
}

//! `Idempotency-Key`: requests that are executed once however often they are sent.
//!
//! An [`Idempotency`] knows the fingerprint of the whole request, so it can only be had from what has
//! read the body: [`Json`] and [`NoBody`] read it, [`UnreadBody`] is told the digest of a form.

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName};
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use super::body::{
    read_optional_json, receive, receive_json, receive_optional_json, require_no_body,
};
use super::fingerprint::of_request;
use super::reading::read_json;
use crate::crypto::digest::{Digest, sha256};
use crate::domain::idempotency_key::IdempotencyKey;
use crate::error::{Error, Result};
use crate::routes::problem::Problem;
use crate::services::context::Principal;
use crate::services::idempotency::{Execution, KeyedRequest, StoredResponse};
use crate::services::unit_of_work::UnitOfWork;

/// The header by which a client names a request (draft-ietf-httpapi-idempotency-key-header).
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The header that marks a response which was given before.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The header as the document describes it; named by every operation whose handler takes an
/// [`Idempotency`].
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[allow(dead_code, reason = "describes the header in the document")]
pub struct IdempotencyHeader {
    #[param(rename = "Idempotency-Key")]
    key: Option<String>,
}

/// A request's `Idempotency-Key` with the request's fingerprint, if the client sent one.
#[derive(Clone)]
pub struct Idempotency {
    keyed: Option<Keyed>,
}

#[derive(Clone)]
struct Keyed {
    key: IdempotencyKey,
    /// Method and path: anonymous senders share the keys of an operation.
    operation: String,
    fingerprint: Digest,
}

impl Idempotency {
    /// Executes `work`, or gives the response that the same request got before. The response is stored
    /// in the transaction of the work, so that a crash leaves both or neither; what is refused is not
    /// stored.
    ///
    /// # Errors
    /// `idempotency_conflict` where the key came with another request; the work's own.
    pub fn execute(
        self,
        tx: &mut UnitOfWork<'_>,
        work: impl FnOnce(&mut UnitOfWork<'_>) -> Result<StoredResponse>,
    ) -> Result<Execution> {
        match self.keyed {
            Some(keyed) => keyed.request_of(&tx.context.principal).execute(tx, work),
            None => work(tx).map(Execution::Executed),
        }
    }

    /// The response that the same request got before, if it did.
    ///
    /// # Errors
    /// `idempotency_conflict` where the key came with another request.
    pub fn replay(&self, tx: &mut UnitOfWork<'_>) -> Result<Option<StoredResponse>> {
        match &self.keyed {
            Some(keyed) => keyed.request_of(&tx.context.principal).replay(tx),
            None => Ok(None),
        }
    }
}

impl Keyed {
    fn request_of(&self, principal: &Principal) -> KeyedRequest {
        let owner = principal.idempotency_owner();
        let owner = owner.as_deref().unwrap_or(&self.operation);
        KeyedRequest::new(owner, &self.key, self.fingerprint)
    }
}

/// A request whose body nobody has read yet.
#[derive(Clone)]
pub struct UnreadBody {
    head: Option<RequestHead>,
}

#[derive(Clone)]
struct RequestHead {
    key: IdempotencyKey,
    method: String,
    path: String,
    /// The path with its query.
    target: String,
}

impl UnreadBody {
    /// The request, once its body has been read and digested.
    pub fn with_digest(self, body: &Digest) -> Idempotency {
        Idempotency {
            keyed: self.head.map(|head| Keyed {
                fingerprint: of_request(&head.method, &head.target, body),
                operation: format!("{} {}", head.method, head.path),
                key: head.key,
            }),
        }
    }

    fn of(request: &HttpRequest) -> Result<Self> {
        let mut headers = request.headers().get_all(IDEMPOTENCY_KEY);
        let Some(header) = headers.next() else {
            return Ok(Self { head: None });
        };
        let key = header.to_str().ok().and_then(IdempotencyKey::parse);
        let key = key.filter(|_| headers.next().is_none());
        let target = request.uri().path_and_query();
        let head = RequestHead {
            key: key.ok_or_else(unusable_key)?,
            method: request.method().to_string(),
            path: request.path().to_owned(),
            target: target.map_or("", |target| target.as_str()).to_owned(),
        };
        Ok(Self { head: Some(head) })
    }
}

/// The refusal of what is no key.
pub fn unusable_key() -> Error {
    Error::invalid(
        "Idempotency-Key",
        "invalid",
        "Send one key of 1 to 255 visible ASCII characters, a random UUID for example.",
    )
}

/// A JSON body, read whole, with the request's [`Idempotency`]. By its name utoipa knows that it is a body.
pub struct Json<T, const HAS_METADATA: bool = false> {
    pub idempotency: Idempotency,
    pub body: T,
}

/// As [`Json`], of a body that may hold metadata of an identity provider.
pub type MetadataJson<T> = Json<T, true>;

/// As [`Json`], of a body that may be absent.
pub struct OptionalJson<T> {
    pub idempotency: Idempotency,
    pub body: Option<T>,
}

/// As [`super::NoBody`], with the request's [`Idempotency`].
pub struct NoBody(pub Idempotency);

/// Reads the body to its end, and so knows the request's fingerprint.
async fn read_whole(
    unread: Result<UnreadBody>,
    received: impl Future<Output = std::result::Result<Bytes, Problem>>,
) -> std::result::Result<(Idempotency, Bytes), Problem> {
    let unread = unread?;
    let bytes = received.await?;
    Ok((unread.with_digest(&sha256(&bytes)), bytes))
}

impl FromRequest for UnreadBody {
    type Error = Problem;
    type Future = std::future::Ready<std::result::Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        std::future::ready(Self::of(request).map_err(Problem::from))
    }
}

impl<T: DeserializeOwned + 'static, const HAS_METADATA: bool> FromRequest
    for Json<T, HAS_METADATA>
{
    type Error = Problem;
    type Future = LocalBoxFuture<'static, std::result::Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let unread = UnreadBody::of(request);
        let received = receive_json::<HAS_METADATA>(request, payload);
        Box::pin(async move {
            let (idempotency, bytes) = read_whole(unread, received).await?;
            let body = read_json(&bytes)?;
            Ok(Self { idempotency, body })
        })
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for OptionalJson<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, std::result::Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let unread = UnreadBody::of(request);
        let received = receive_optional_json(request, payload);
        Box::pin(async move {
            let (idempotency, bytes) = read_whole(unread, received).await?;
            let body = read_optional_json(&bytes)?;
            Ok(Self { idempotency, body })
        })
    }
}

impl FromRequest for NoBody {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, std::result::Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let unread = UnreadBody::of(request);
        let received = receive(request, payload);
        Box::pin(async move {
            let (idempotency, bytes) = read_whole(unread, received).await?;
            require_no_body(&bytes)?;
            Ok(Self(idempotency))
        })
    }
}

impl From<Execution> for HttpResponse {
    fn from(execution: Execution) -> Self {
        let replayed = execution.is_replayed();
        let (Execution::Executed(stored) | Execution::Replayed(stored)) = execution;
        let status = StatusCode::from_u16(stored.status);
        let mut response = Self::build(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
        if replayed {
            response.insert_header((REPLAYED, "true"));
        }
        if let Some(location) = stored.location {
            response.insert_header((header::LOCATION, location));
        }
        if let Some(cookie) = stored.cookie {
            response.insert_header((header::SET_COOKIE, cookie));
        }
        if stored.body.is_empty() {
            return response.finish();
        }
        response.content_type("application/json").body(stored.body)
    }
}

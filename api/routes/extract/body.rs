//! JSON bodies, read whole and strictly.

use std::ops::Deref;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::mime;
use actix_web::web::{self, Bytes};
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use futures_util::future::{Either, LocalBoxFuture};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::reading::read_json;
use crate::error::{Code, Error};
use crate::routes::problem::{Problem, body_too_large};

/// A JSON body.
pub struct Json<T, const HAS_METADATA: bool = false>(T);

/// A JSON body that may hold metadata of an identity provider, which is large where it tells of many.
pub type MetadataJson<T> = Json<T, true>;

impl<T, const HAS_METADATA: bool> Json<T, HAS_METADATA> {
    /// What was sent.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T, const HAS_METADATA: bool> Deref for Json<T, HAS_METADATA> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: DeserializeOwned + 'static, const HAS_METADATA: bool> FromRequest
    for Json<T, HAS_METADATA>
{
    type Error = Problem;
    type Future = LocalBoxFuture<'static, std::result::Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let received = receive_json::<HAS_METADATA>(request, payload);
        Box::pin(async move { Ok(Self(read_json(&received.await?)?)) })
    }
}

/// A JSON body that may be absent, or `null`.
pub struct OptionalJson<T>(pub Option<T>);

impl<T: DeserializeOwned + 'static> FromRequest for OptionalJson<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, std::result::Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let received = receive_optional_json(request, payload);
        Box::pin(async move { Ok(Self(read_optional_json(&received.await?)?)) })
    }
}

/// Reads a whole body that, where there is one, has to say that it is JSON.
pub(super) fn receive_optional_json(
    request: &HttpRequest,
    payload: &mut Payload,
) -> impl Future<Output = std::result::Result<Bytes, Problem>> + use<> {
    let is_json = is_json(request);
    let received = receive(request, payload);
    async move {
        let body = received.await?;
        if !is_json && !is_absent(&body) {
            return Err(not_json().into());
        }
        Ok(body)
    }
}

/// What an optional body says; none where it is absent.
pub(super) fn read_optional_json<T: DeserializeOwned>(body: &[u8]) -> Result<Option<T>, Error> {
    if is_absent(body) {
        return Ok(None);
    }
    read_json(body)
}

fn is_absent(body: &[u8]) -> bool {
    body.trim_ascii().is_empty()
}

/// A request that needs no body: it has none, an empty object, or `null`.
pub struct NoBody;

/// What an empty object may hold.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

impl FromRequest for NoBody {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, std::result::Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let received = receive(request, payload);
        Box::pin(async move {
            require_no_body(&received.await?)?;
            Ok(Self)
        })
    }
}

/// Takes no body that says something.
///
/// # Errors
/// `malformed_request` where it is anything but blank, an empty object or `null`.
pub fn require_no_body(body: &[u8]) -> Result<(), Error> {
    match read_optional_json::<Option<Nothing>>(body) {
        Ok(_) => Ok(()),
        Err(error) => {
            Err(error.in_other_words("This operation takes no body: send none, or `{}`."))
        }
    }
}

/// Reads a whole body.
pub(super) fn receive(
    request: &HttpRequest,
    payload: &mut Payload,
) -> impl Future<Output = std::result::Result<Bytes, Problem>> + use<> {
    let bytes = Bytes::from_request(request, payload);
    async move { Ok(bytes.await.map_err(|error| unreadable(&error))?) }
}

/// Reads a whole body that has to say that it is JSON.
pub(super) fn receive_json<const HAS_METADATA: bool>(
    request: &HttpRequest,
    payload: &mut Payload,
) -> impl Future<Output = std::result::Result<Bytes, Problem>> + use<HAS_METADATA> {
    let is_json = is_json(request);
    let received = match HAS_METADATA {
        true => Either::Left(receive_metadata(request, payload)),
        false => Either::Right(receive(request, payload)),
    };
    async move {
        if !is_json {
            return Err(not_json().into());
        }
        received.await
    }
}

/// Reads a whole body, with room for metadata: 5 MiB of it, and what JSON adds.
fn receive_metadata(
    request: &HttpRequest,
    payload: &mut Payload,
) -> impl Future<Output = std::result::Result<Bytes, Problem>> + use<> {
    const MAX_BODY: usize = 8 * 1024 * 1024;
    let payload = web::Payload::from_request(request, payload);
    async move {
        let payload = payload.await.map_err(|_| broken_off())?;
        let received = payload.to_bytes_limited(MAX_BODY).await;
        let received = received.map_err(|_| metadata_too_large())?;
        Ok(received.map_err(|_| broken_off())?)
    }
}

/// The refusal of metadata that is too large to be sent.
pub fn metadata_too_large() -> Error {
    let detail = "The body of this request has at most 8 MiB, with metadata of at most 5 MiB. Of a federation, name the \
                  address of the metadata as `metadata_url`, best the address for a single entity.";
    Error::refused(Code::PayloadTooLarge, detail)
}

/// Whether a request says that it is JSON: that is written in UTF-8 (RFC 8259, 8.1), of which ASCII is a part.
pub fn is_json(request: &HttpRequest) -> bool {
    request.mime_type().ok().flatten().is_some_and(|kind| {
        let json = mime::JSON;
        let charset = kind.get_param(mime::CHARSET);
        let is_utf8 = |charset: mime::Name<'_>| {
            let spellings = ["utf-8", "utf8", "us-ascii"];
            let charset = charset.as_str();
            spellings.iter().any(|it| charset.eq_ignore_ascii_case(it))
        };
        (kind.subtype() == json || kind.suffix() == Some(json)) && charset.is_none_or(is_utf8)
    })
}

/// The refusal of a body of another type.
pub fn not_json() -> Error {
    let detail = "Send the body as JSON in UTF-8, with `Content-Type: application/json`.";
    Error::refused(Code::UnsupportedMediaType, detail)
}

/// The refusal of a body whose end did not arrive.
pub fn broken_off() -> Error {
    let detail = "The body broke off: send it again.";
    Error::refused(Code::MalformedRequest, detail)
}

fn unreadable(error: &actix_web::Error) -> Error {
    match error.as_response_error().status_code() {
        StatusCode::PAYLOAD_TOO_LARGE => body_too_large(),
        _ => broken_off(),
    }
}

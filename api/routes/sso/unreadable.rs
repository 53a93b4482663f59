//! Responses of identity providers that cannot be read.

use actix_web::web::Bytes;
use actix_web::{HttpMessage as _, HttpRequest};

use crate::error::{Code, Error};
use crate::routes::documentation::CameByOtherMethod;

/// What the framework reads of a body, or why it cannot.
pub(super) type ReadBody = std::result::Result<Bytes, actix_web::Error>;

/// Whether a response came that this place does not read: too large, broken off, or by another method. The browser that
/// brings it is not asked to begin anew, since the identity provider would answer so again.
pub(super) fn is_unreadable(http: &HttpRequest, body: &ReadBody) -> bool {
    let Ok(body) = body else {
        return true;
    };
    let is_empty = body.is_empty() && http.query_string().is_empty();
    http.extensions().contains::<CameByOtherMethod>() && !is_empty
}

/// The refusal of a response that cannot be read.
pub(super) fn unreadable() -> Error {
    Error::refused(
        Code::ResponseInvalid,
        "The response of the identity provider cannot be read: it is too large, or came in another way than it was asked \
         for.",
    )
}

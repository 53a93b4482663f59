//! Which pages may call from a browser (CORS), and what the others are told.

use actix_cors::{Cors, CorsError};
use actix_web::Error as ActixError;
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderValue};
use actix_web::middleware::Next;

use super::extract::{IDEMPOTENCY_KEY, REPLAYED};
use super::middleware::{REQUEST_ID, request_id};
use super::problem::Problem;
use super::rate_limit_headers::{RATELIMIT, RATELIMIT_POLICY};
use crate::config::Config;
use crate::error::{Code, Error};

/// How much of an origin is repeated, in characters.
const MAX_ORIGIN: usize = 100;

/// Browsers may call from the allowed origins, with any header and with the refresh cookie.
pub fn cors(config: &Config) -> Cors {
    let exposed = [
        header::ALLOW,
        header::CONTENT_DISPOSITION,
        header::ETAG,
        header::LINK,
        header::LOCATION,
        header::RETRY_AFTER,
        REQUEST_ID,
        IDEMPOTENCY_KEY,
        REPLAYED,
        RATELIMIT_POLICY,
        RATELIMIT,
    ];
    let config = config.clone();
    Cors::default()
        .allowed_origin_fn(move |origin, _| {
            origin
                .to_str()
                .is_ok_and(|origin| config.allows_origin(origin))
        })
        .allowed_methods(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
        .allow_any_header()
        .expose_headers(exposed)
        .supports_credentials()
        .block_on_origin_mismatch(false)
        .max_age(3600)
}

/// Tells why a preflight was refused: the page's author by a problem, whoever runs the server by a line of
/// the log.
///
/// # Errors
/// Those of the request itself.
pub async fn explain_refusals<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, ActixError> {
    let id = request_id(&request);
    let response = next.call(request).await?;
    let refusal = response.response().error();
    let Some(reason) = refusal.and_then(|error| error.as_error::<CorsError>()) else {
        return Ok(response.map_into_left_body());
    };
    let mut rendered =
        explained(reason, response.request().headers().get(header::ORIGIN)).render(&id);
    if let Ok(id) = id.parse() {
        rendered.headers_mut().insert(REQUEST_ID, id);
    }
    let request = response.into_parts().0;
    Ok(ServiceResponse::new(request, rendered).map_into_right_body())
}

fn explained(reason: &CorsError, origin: Option<&HeaderValue>) -> Problem {
    let origin = origin
        .and_then(|origin| origin.to_str().ok())
        .unwrap_or("none");
    let origin: String = origin.chars().take(MAX_ORIGIN).collect();
    if !matches!(reason, CorsError::OriginNotAllowed) {
        let detail = format!("The browser's preflight is not as it has to be: {reason}.");
        return Error::refused(Code::MalformedRequest, detail).into();
    }
    tracing::warn!(
        origin,
        "a page was refused: its origin is not among ROLLCALL_CORS_ORIGINS"
    );
    let detail = format!(
        "Pages of {origin} may not call this API. Whoever runs it adds the origin to \
         ROLLCALL_CORS_ORIGINS."
    );
    Error::refused(Code::Forbidden, detail).into()
}

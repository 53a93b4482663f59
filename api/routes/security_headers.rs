//! The headers that tell browsers how little to do with a response (`docs/security.md#browsers`): on every
//! response, those of preflights and refusals too.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error as ActixError, web};

use crate::state::State;

/// What the page of the documentation needs: its own files, and the styles that it sets itself.
const OF_PAGES: &str = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                        img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Nothing: a response of the API is no page.
const OF_DATA: &str = "default-src 'none'; frame-ancestors 'none'";

/// A year, as RFC 6797 recommends; other names below this host have to decide for themselves.
const HSTS: &str = "max-age=31536000";

/// Adds the headers to the response of a request.
///
/// # Errors
/// Those of the request itself, with the same headers.
pub async fn protect(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, ActixError> {
    let headers = Headers::of(&request);
    match next.call(request).await {
        Ok(mut response) => {
            headers.add_to(response.headers_mut());
            Ok(response)
        }
        Err(error) => {
            let mut response = error.error_response();
            headers.add_to(response.headers_mut());
            Err(InternalError::from_response(error, response).into())
        }
    }
}

/// What a response to this request says to browsers.
struct Headers {
    is_page: bool,
    /// Personal, unless the handler says otherwise.
    is_api: bool,
    is_https: bool,
}

impl Headers {
    fn of(request: &ServiceRequest) -> Self {
        let state = request.app_data::<web::Data<State>>();
        Self {
            is_page: request.path().starts_with("/docs"),
            is_api: request.path().starts_with("/v1/"),
            is_https: state.is_some_and(|state| state.services.config.is_https()),
        }
    }

    fn add_to(&self, headers: &mut HeaderMap) {
        let policy = if self.is_page { OF_PAGES } else { OF_DATA };
        let mut set =
            |name: HeaderName, value| headers.insert(name, HeaderValue::from_static(value));
        set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
        set(header::REFERRER_POLICY, "no-referrer");
        set(header::CONTENT_SECURITY_POLICY, policy);
        if self.is_https {
            set(header::STRICT_TRANSPORT_SECURITY, HSTS);
        }
        if self.is_api && !headers.contains_key(header::CACHE_CONTROL) {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
    }
}

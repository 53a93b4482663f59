//! What surrounds every request: its id, its span and log line, its count, and the one place where
//! problems are rendered, the framework's own and panics included.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::http::{ConnectionType, Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error as ActixError, HttpMessage, ResponseError, mime, web};
use futures_util::FutureExt as _;
use tracing::{Instrument as _, Span, field};
use uuid::Uuid;

use super::arrival::Arrival;
use super::documented_paths::{DocumentedPath, DocumentedPaths};
use super::extract::request_info::{Deadline, RequestId};
use super::problem::Problem;
use super::rate_limit_headers;
use crate::domain::ids::OrganizationId;
use crate::error::{Code, Error};
use crate::services::context::SeenSender;
use crate::state::State;
use crate::telemetry::Metrics;
use crate::telemetry::traces::{self, Begun, Parent};

/// The header that names a request.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What the log line and the metrics tell of a request.
struct Observed {
    id: String,
    method: &'static str,
    /// None where nothing is documented.
    path: Option<Arc<DocumentedPath>>,
    started: Instant,
    sender: SeenSender,
}

impl Observed {
    fn of(request: &ServiceRequest) -> Self {
        let paths = request.app_data::<web::Data<DocumentedPaths>>();
        Self {
            id: request_id(request),
            method: known_method(request.method()),
            path: paths.and_then(|paths| paths.find(request.match_info().as_str())),
            started: Instant::now(),
            sender: SeenSender::default(),
        }
    }

    fn route(&self) -> &str {
        self.path.as_ref().map_or("none", |path| &path.pattern)
    }

    /// As the document names it.
    fn operation(&self) -> Option<&str> {
        self.path.as_ref()?.operation(self.method)
    }

    /// The span in which everything for the request happens: what is logged there has the request's id.
    fn span(&self, request: &ServiceRequest) -> Span {
        let (name, kind) = (field::Empty, field::Empty);
        let span = tracing::info_span!("request", id = self.id, otel.name = name, otel.kind = kind);
        if traces::are_made() {
            let begun = Begun {
                id: &self.id,
                method: self.method,
                route: self.route(),
                operation: self.operation(),
                parent: parent_of(request),
            };
            traces::begin_request(&span, &begun);
        }
        span
    }
}

/// The span that a trusted proxy names. Anybody else could hang requests into traces of others.
fn parent_of(request: &ServiceRequest) -> Option<Parent<'_>> {
    let state = request.app_data::<web::Data<State>>()?;
    let proxies = &state.services.config.trusted_proxies;
    if !proxies.include(request.peer_addr()?.ip()) {
        return None;
    }
    let text_of = |name| request.headers().get(name)?.to_str().ok();
    Some(Parent {
        traceparent: text_of("traceparent")?,
        tracestate: text_of("tracestate"),
    })
}

/// The organization of the path, where it is an id: what else stands there is anybody's text.
fn organization_of(response: &ServiceResponse) -> Option<OrganizationId> {
    let named = response.request().match_info().get("organization_id");
    named.and_then(|id| id.parse().ok())
}

/// Gives a request its id, span, log line and metrics, and renders whatever went wrong as a problem.
///
/// # Errors
/// Never: whatever went wrong is a response by then.
pub async fn observe(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, ActixError> {
    let observed = Observed::of(&request);
    let metrics = request.app_data::<web::Data<Metrics>>().cloned();
    let state = request.app_data::<web::Data<State>>();
    let is_stopping = state.is_some_and(|state| state.status.is_stopping());
    let span = observed.span(&request);
    let outcome = if is_compressed(&request) {
        Ok(Err(Problem::from(compressed_body()).into()))
    } else {
        let serving = AssertUnwindSafe(serve(request, &observed, next)).catch_unwind();
        serving.instrument(span.clone()).await
    };
    let response = match outcome {
        Ok(Ok(response)) => Ok(with_problem_rendered(
            response.map_into_boxed_body(),
            &observed,
        )),
        Ok(Err(error)) => Err(rendered_error(&error, &observed)),
        Err(panic) => Err(rendered_panic(panic.as_ref(), &observed)),
    };
    let status = match &response {
        Ok(response) => response.status(),
        Err(error) => error.as_response_error().status_code(),
    };
    if traces::are_made() {
        let organization = response.as_ref().ok().and_then(organization_of);
        traces::end_request(&span, status.as_u16(), organization);
    }
    note(
        &observed,
        status.as_u16(),
        metrics.as_deref().map(|metrics| &**metrics),
    );
    response.map(|mut response| {
        rate_limit_headers::add(&mut response);
        if is_stopping {
            response
                .response_mut()
                .head_mut()
                .set_connection_type(ConnectionType::Close);
        }
        with_id(response, &observed.id)
    })
}

/// Has the request served until its deadline. Slow clients and slow databases are told apart by whether
/// the body has arrived.
async fn serve<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    observed: &Observed,
    next: Next<B>,
) -> Result<ServiceResponse<B>, ActixError> {
    let deadline = observed.started + time_to_serve(&request);
    {
        let mut extensions = request.extensions_mut();
        extensions.insert(RequestId(observed.id.clone()));
        extensions.insert(observed.sender.clone());
        if let Some(path) = &observed.path {
            extensions.insert(path.clone());
        }
        extensions.insert(Deadline(
            deadline.checked_sub(TO_ANSWER).unwrap_or(deadline),
        ));
    }
    let arrival = Arrival::watch(&mut request);
    let served = tokio::time::timeout_at(deadline.into(), next.call(request)).await;
    served.unwrap_or_else(|_| {
        let problem = if arrival.is_complete() {
            Problem::from(Error::unavailable("a request took too long"))
        } else {
            Problem::of_framework(StatusCode::REQUEST_TIMEOUT)
        };
        Err(problem.into())
    })
}

/// How long before its deadline nothing more is committed for a request: its response would come too late.
const TO_ANSWER: Duration = Duration::from_secs(2);

/// How long a request may take until its response begins: a minute, or what a large file needs.
fn time_to_serve(request: &ServiceRequest) -> Duration {
    let kind = request.mime_type().ok().flatten();
    let is_form = kind.is_some_and(|kind| kind.type_() == mime::MULTIPART);
    Duration::from_secs(if is_form { 15 * 60 } else { 60 })
}

/// A few compressed kilobytes can unfold to gigabytes before any limit sees them.
fn is_compressed(request: &ServiceRequest) -> bool {
    let encoding = request.headers().get(header::CONTENT_ENCODING);
    encoding.is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// The refusal of a body that is compressed.
pub fn compressed_body() -> Error {
    let detail = "Send the body as it is, without Content-Encoding.";
    Error::refused(Code::UnsupportedMediaType, detail)
}

/// Clients may make methods up: what is logged of them is one word.
fn known_method(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    let known = KNOWN.iter().find(|known| **known == method.as_str());
    known.copied().unwrap_or("other")
}

/// The client's own id, if it is harmless in logs and headers, else a new one.
pub fn request_id(request: &ServiceRequest) -> String {
    let is_harmless = |id: &&str| {
        (1..=64).contains(&id.len())
            && id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    request
        .headers()
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(is_harmless)
        .map_or_else(|| Uuid::now_v7().to_string(), str::to_owned)
}

fn with_id(mut response: ServiceResponse, id: &str) -> ServiceResponse {
    if let Ok(value) = HeaderValue::from_str(id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// Ours are rendered anew with the request's id; the framework's plain texts become problems. JSON is what another protocol
/// has for its errors, such as that of back-channel logout.
fn with_problem_rendered(response: ServiceResponse, observed: &Observed) -> ServiceResponse {
    let status = response.status();
    let ours = response
        .response()
        .error()
        .and_then(|error| error.as_error::<Problem>());
    let rendered = match ours {
        Some(problem) => render(problem, observed),
        None if is_json(&response) => return response,
        None if status.is_client_error() || status.is_server_error() => {
            render(&Problem::of_framework(status), observed)
        }
        None => return response,
    };
    let request = response.into_parts().0;
    ServiceResponse::new(request, rendered)
}

fn rendered_error(error: &ActixError, observed: &Observed) -> ActixError {
    let rendered = match error.as_error::<Problem>() {
        Some(problem) => render(problem, observed),
        None => {
            let status = error.as_response_error().status_code();
            render(&Problem::of_framework(status), observed)
        }
    };
    Rendered::error(rendered, &observed.id)
}

fn rendered_panic(panic: &(dyn std::any::Any + Send), observed: &Observed) -> ActixError {
    let problem = Problem::from(Error::of_panic(panic));
    Rendered::error(render(&problem, observed), &observed.id)
}

fn is_json(response: &ServiceResponse) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind == "application/json")
}

fn render(problem: &Problem, observed: &Observed) -> actix_web::HttpResponse {
    if let Some(cause) = problem.cause() {
        tracing::error!(id = observed.id, route = observed.route(), %cause, "a request failed");
    }
    problem.render(&observed.id)
}

/// A response on its way out as an error, because its request is gone.
#[derive(Debug)]
struct Rendered {
    status: actix_web::http::StatusCode,
    response: std::cell::RefCell<Option<actix_web::HttpResponse>>,
}

impl Rendered {
    fn error(mut response: actix_web::HttpResponse, id: &str) -> ActixError {
        if let Ok(value) = HeaderValue::from_str(id) {
            response.headers_mut().insert(REQUEST_ID, value);
        }
        Self {
            status: response.status(),
            response: std::cell::RefCell::new(Some(response)),
        }
        .into()
    }
}

impl std::fmt::Display for Rendered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.status.fmt(f)
    }
}

impl ResponseError for Rendered {
    fn status_code(&self) -> actix_web::http::StatusCode {
        self.status
    }

    fn error_response(&self) -> actix_web::HttpResponse {
        let rendered = self.response.borrow_mut().take();
        rendered.unwrap_or_else(|| actix_web::HttpResponse::new(self.status))
    }
}

fn note(observed: &Observed, status: u16, metrics: Option<&Metrics>) {
    let took = observed.started.elapsed();
    if let Some(metrics) = metrics {
        metrics.count_request(observed.operation(), status, took);
    }
    tracing::info!(
        id = observed.id,
        method = observed.method,
        route = observed.route(),
        operation = observed.operation(),
        status,
        milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        account = observed.sender.account().map(field::display),
        api_key = observed.sender.api_key().map(field::display),
        "answered"
    );
}

#[cfg(test)]
mod tests {
    use actix_web::dev::Payload;
    use actix_web::middleware::from_fn;
    use actix_web::test::{TestRequest, init_service, try_call_service};
    use actix_web::{App, HttpResponse};

    use super::*;

    async fn stuck(_: web::Bytes) -> HttpResponse {
        std::future::pending().await
    }

    /// Serves a request whose deadline passes as soon as it has to wait.
    async fn serve_late(
        request: ServiceRequest,
        next: Next<impl MessageBody + 'static>,
    ) -> Result<ServiceResponse<BoxBody>, ActixError> {
        let started = Instant::now().checked_sub(Duration::from_secs(60)).unwrap();
        let observed = Observed {
            id: String::new(),
            method: "POST",
            path: None,
            started,
            sender: SeenSender::default(),
        };
        let served = serve(request, &observed, next).await;
        served.map(ServiceResponse::map_into_boxed_body)
    }

    async fn body_never_arrives(
        mut request: ServiceRequest,
        next: Next<impl MessageBody + 'static>,
    ) -> Result<ServiceResponse<BoxBody>, ActixError> {
        let payload = Box::pin(futures_util::stream::pending());
        request.set_payload(Payload::Stream { payload });
        let served = next.call(request).await;
        served.map(ServiceResponse::map_into_boxed_body)
    }

    #[actix_web::test]
    async fn slow_clients_and_slow_servers_are_told_apart() {
        let app = App::new()
            .default_service(web::to(stuck))
            .wrap(from_fn(serve_late));
        let app = init_service(app).await;
        for body in ["", "whole"] {
            let request = TestRequest::post().set_payload(body).to_request();
            let late = try_call_service(&app, request).await.unwrap_err();
            let status = late.as_response_error().status_code();
            assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{body}");
        }
        let app = App::new()
            .default_service(web::to(stuck))
            .wrap(from_fn(serve_late))
            .wrap(from_fn(body_never_arrives));
        let app = init_service(app).await;
        let request = TestRequest::post().to_request();
        let late = try_call_service(&app, request).await.unwrap_err();
        let status = late.as_response_error().status_code();
        assert_eq!(status, StatusCode::REQUEST_TIMEOUT);
    }
    #[test]
    fn a_form_has_more_time_however_its_type_is_written() {
        for (kind, minutes) in [
            ("multipart/form-data; boundary=x", 15),
            ("Multipart/Form-Data; boundary=x", 15),
            ("MULTIPART/form-data", 15),
            ("multipartish/form-data", 1),
            ("application/json", 1),
            ("", 1),
        ] {
            let request = TestRequest::default()
                .insert_header((header::CONTENT_TYPE, kind))
                .to_srv_request();
            assert_eq!(time_to_serve(&request).as_secs(), minutes * 60, "{kind}");
        }
    }
}

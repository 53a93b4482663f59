//! `/openapi.json`, `/docs`, and the response where nothing is mounted.

use std::sync::Arc;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, header};
use actix_web::middleware::Next;
use actix_web::web::Bytes;
use actix_web::{Error as ActixError, HttpMessage as _, HttpResponse, Responder, web};
use serde_json::Value;
use url::Url;

use super::documented_paths::DocumentedPath;
use super::problem::Problem;
use crate::error::Error;

/// The page that shows the document, and the script that starts it.
const PAGE: &str = include_str!("documentation/page.html");
const START: &str = include_str!("documentation/start.js");

/// The document of OpenAPI 3.1, as it is kept: making it of the handlers takes a server longer than the rest of its
/// start. A test holds it to be what they say.
pub static DOCUMENT: &str = include_str!("../../openapi/rollcall.json");
static DOCUMENT_3_0: &str = include_str!("../../openapi/rollcall-3.0.json");

/// The address of the server, which is its own in the documents.
const OWN_ADDRESS: &str = r#""url": "/""#;

/// The documents as they are served.
pub struct Documentation {
    text: Bytes,
    text_3_0: Bytes,
}

impl Documentation {
    /// The documents of OpenAPI 3.1 and 3.0, for serving from this URL.
    pub fn new(public_url: Option<&Url>) -> Self {
        let [text, text_3_0] =
            [DOCUMENT, DOCUMENT_3_0].map(|document| served_from(public_url, document));
        Self { text, text_3_0 }
    }
}

fn served_from(public_url: Option<&Url>, document: &'static str) -> Bytes {
    let Some(url) = public_url else {
        return Bytes::from_static(document.as_bytes());
    };
    let url = Value::from(url.as_str().trim_end_matches('/'));
    let address = format!(r#""url": {url}"#);
    document.replacen(OWN_ADDRESS, &address, 1).into()
}

/// Marks a request that came as `HEAD`: nothing is used up by it.
#[derive(Clone, Copy)]
pub struct WasHead;

/// Marks a browser that came by a method which the path does not have: it is sent on all the same, and what it brings is
/// not read.
#[derive(Clone, Copy)]
pub struct CameByOtherMethod;

/// Refuses a method that the path does not have, before a path with a parameter takes a word for an id;
/// and has `HEAD` served as `GET`, whose response the server sends without its body.
///
/// # Errors
/// Those of the request itself.
pub async fn require_known_method<B: MessageBody>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, ActixError> {
    let path = request.extensions().get::<Arc<DocumentedPath>>().cloned();
    if let Some(path) = path
        && !path.has(request.method())
    {
        let Some(method) = path.method_for_browsers(request.method()) else {
            let refusal = Problem::method_not_allowed(path.allowed());
            return Ok(request.error_response(refusal).map_into_right_body());
        };
        request.head_mut().method = method;
        request.extensions_mut().insert(CameByOtherMethod);
    }
    if request.method() == Method::HEAD {
        request.head_mut().method = Method::GET;
        request.extensions_mut().insert(WasHead);
    }
    let response = next.call(request).await?;
    Ok(response.map_into_left_body())
}

/// Mounts the document and its page, which needs nothing from any other host.
pub fn mount(config: &mut web::ServiceConfig) {
    config
        .route("/openapi.json", web::get().to(openapi_json))
        .route("/openapi-3.0.json", web::get().to(openapi_3_0_json))
        .route("/docs", web::get().to(to_docs))
        .route("/docs/", web::get().to(page))
        .route("/docs/start.js", web::get().to(start_script))
        .route("/docs/scalar.js", web::get().to(reference_script));
}

async fn openapi_json(documentation: web::Data<Documentation>) -> impl Responder {
    json_text(&documentation.text)
}

async fn openapi_3_0_json(documentation: web::Data<Documentation>) -> impl Responder {
    json_text(&documentation.text_3_0)
}

fn json_text(text: &Bytes) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .body(text.clone())
}

async fn to_docs() -> impl Responder {
    HttpResponse::PermanentRedirect()
        .insert_header((header::LOCATION, "docs/"))
        .finish()
}

async fn page() -> impl Responder {
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .body(PAGE)
}

async fn start_script() -> impl Responder {
    script(START)
}

/// The program of the page, which a library holds.
async fn reference_script() -> Result<HttpResponse, Problem> {
    let program = scalar_api_reference::get_asset("scalar.js");
    let program = program.ok_or_else(|| Error::internal("the page's program is missing"))?;
    Ok(script(program))
}

/// A script that browsers keep for a day: it changes with a release only.
fn script(text: impl Into<Bytes>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/javascript; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "public, max-age=86400"))
        .body(text.into())
}

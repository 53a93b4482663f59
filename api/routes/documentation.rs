//! `/openapi.json`, `/docs`, and the response where nothing is mounted.

use actix_web::dev::ResourceDef;
use actix_web::http::header;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, Responder, web};
use utoipa::openapi::OpenApi;

use super::problem::Problem;
use crate::error::Error;

/// The page that shows the document, and the script that starts it.
const PAGE: &str = include_str!("documentation/page.html");
const START: &str = include_str!("documentation/start.js");

/// The document as it is served, and what it tells of paths and their methods.
pub struct Documentation {
    text: Bytes,
    paths: Vec<DocumentedPath>,
}

struct DocumentedPath {
    pattern: ResourceDef,
    methods: Vec<&'static str>,
}

impl Documentation {
    /// Prepares a document for serving.
    ///
    /// # Errors
    /// Never, for a document that the generator made.
    pub fn new(document: &OpenApi) -> crate::error::Result<Self> {
        let text = document.to_pretty_json().map_err(Error::internal)?;
        let paths = document
            .paths
            .paths
            .iter()
            .map(|(path, item)| DocumentedPath {
                pattern: ResourceDef::new(path.as_str()),
                methods: [
                    ("GET", &item.get),
                    ("PUT", &item.put),
                    ("POST", &item.post),
                    ("DELETE", &item.delete),
                    ("PATCH", &item.patch),
                ]
                .into_iter()
                .filter_map(|(method, operation)| operation.as_ref().map(|_| method))
                .collect(),
            })
            .collect();
        Ok(Self {
            text: text.into(),
            paths,
        })
    }

    /// Which methods there are at this path, if any.
    fn methods_at(&self, path: &str) -> Option<String> {
        self.paths
            .iter()
            .find(|documented| documented.pattern.is_match(path))
            .map(|documented| documented.methods.join(", "))
    }
}

/// Mounts the document and its page, which needs nothing from any other host.
pub fn mount(config: &mut web::ServiceConfig) {
    config
        .route("/openapi.json", web::get().to(openapi_json))
        .route("/docs", web::get().to(to_docs))
        .route("/docs/", web::get().to(page))
        .route("/docs/start.js", web::get().to(start_script))
        .route("/docs/scalar.js", web::get().to(reference_script));
}

async fn openapi_json(documentation: web::Data<Documentation>) -> impl Responder {
    HttpResponse::Ok()
        .content_type("application/json")
        .body(documentation.text.clone())
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

/// Responds where there is no handler: 405 where the path has other methods, else 404.
pub async fn nothing_here(
    request: HttpRequest,
    documentation: web::Data<Documentation>,
) -> Result<HttpResponse, Problem> {
    match documentation.methods_at(request.path()) {
        Some(allowed) => Err(Problem::method_not_allowed(allowed)),
        None => Err(Problem::of_framework(
            actix_web::http::StatusCode::NOT_FOUND,
        )),
    }
}

//! The OpenAPI document, made from the handlers themselves.

use actix_web::App;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{OpenApi, PathItem, RefOr};
use utoipa::{OpenApi as _, ToSchema as _};
use utoipa_actix_web::AppExt as _;

use crate::error::{Error, FieldError, Result};
use crate::routes::{self, problem};

/// What the document says beside the operations.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Rollcall",
        description = "Gets people into an organization.\n\n\
            All bodies are JSON, names are `snake_case`, ids are UUIDs, times are RFC 3339 in UTC. \
            Unknown fields are refused.\n\n\
            **Signing in.** Exchange address and password for tokens (`login`), then send \
            `Authorization: Bearer <access_token>`.\n\n\
            **Problems.** Whatever does not end well is `application/problem+json` (RFC 9457) with a \
            stable `code` and the request's id.\n\n\
            **Lists** come in pages: send `next_cursor` back as `cursor` for the next one; a `Link` \
            header names it too.\n\n\
            **Requests** carry an `X-Request-Id`, yours or one we make; it is in the answer and in \
            the log."
    ),
    security(("access_token" = [])),
    tags(
        (name = "Signing in", description = "Accounts and sessions."),
        (name = "My account", description = "What concerns the caller alone."),
        (name = "Organizations", description = "Schools and companies."),
        (name = "Seats", description = "What the licence allows."),
        (name = "Members", description = "The people of an organization."),
        (name = "Groups", description = "Groups of people inside one organization."),
        (name = "Imports", description = "Many accounts from one file."),
        (name = "Audit", description = "Who did what, and when."),
        (name = "Operations", description = "For whoever runs the server.")
    )
)]
struct Head;

/// The whole document.
pub fn document() -> OpenApi {
    let mut head = Head::openapi();
    head.info.version = env!("CARGO_PKG_VERSION").to_owned();
    let (_, mut document) = App::new()
        .into_utoipa_app()
        .openapi(head)
        .configure(routes::mount)
        .split_for_parts();
    add_components(&mut document);
    for item in document.paths.paths.values_mut() {
        for operation in operations(item) {
            add_failures(operation);
        }
    }
    document
}

/// The document as it is kept in `openapi/rollcall.json`.
///
/// # Errors
/// Never, for a document that the generator made.
pub fn to_json() -> Result<String> {
    let mut text = document().to_pretty_json().map_err(Error::internal)?;
    text.push('\n');
    Ok(text)
}

/// What only shared responses refer to would be missing otherwise.
fn add_components(document: &mut OpenApi) {
    let components = document.components.get_or_insert_default();
    let mut schemas = Vec::new();
    problem::ProblemBody::schemas(&mut schemas);
    schemas.push((
        "Problem".to_owned(),
        <problem::ProblemBody as utoipa::PartialSchema>::schema(),
    ));
    schemas.push((
        "FieldError".to_owned(),
        <FieldError as utoipa::PartialSchema>::schema(),
    ));
    components.schemas.extend(schemas);
    for (name, response) in problem::shared_responses() {
        components.responses.insert(name, RefOr::T(response));
    }
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("The access token that `login` gives."))
        .build();
    components
        .security_schemes
        .insert("access_token".to_owned(), RefOr::T(SecurityScheme::Http(bearer)));
}

/// The operations of a path.
pub fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.delete,
        &mut item.patch,
    ]
    .into_iter()
    .flatten()
}

/// Every operation can meet a fault of the server and a database that is away.
fn add_failures(operation: &mut Operation) {
    let failures = problem::shared_references(&[500, 503]);
    operation.responses.responses.extend(failures);
}

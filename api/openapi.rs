//! The OpenAPI document, made from the handlers themselves.

use std::collections::BTreeMap;

use actix_web::App;
use serde_json::{Value, json};
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ArrayItems, Object, ObjectBuilder, Schema, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{OpenApi, PathItem, Ref, RefOr, Required};
use utoipa::{OpenApi as _, ToSchema as _};
use utoipa_actix_web::AppExt as _;

use crate::domain::limits::Limit;
use crate::domain::members::{Direction, MemberOrder};
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
            **Repetitions.** Operations that create or send take an `Idempotency-Key`: a name that you \
            give to the request, a random UUID for example. Whatever happened to the answer, send the \
            same request with the same key again: it is done once, and within 24 hours it gets the \
            first answer again, with `Idempotent-Replayed: true`. The same key with another request \
            is `idempotency_conflict`. A refused request leaves nothing behind, its key can be used \
            again. Keys are your account's own.\n\n\
            **Limits.** Where something could be guessed or flooded, uses are counted: registrations, \
            wrong passwords, unknown invite codes, mails. What succeeds where guesses are counted \
            costs nothing. Answers of limited operations tell how you stand: `RateLimit-Policy` names \
            each limit with its quota (`q`) and the seconds in which that grows back (`w`), \
            `RateLimit` the uses that are left (`r`) and the seconds until there is one more (`t`). \
            With none left the answer is 429 `rate_limited`: wait as long as `Retry-After` says.\n\n\
            **Requests** carry an `X-Request-Id`, yours or one we make; it is in the answer and in \
            the log."
    ),
    security(("access_token" = [])),
    // Used in query parameters only, where the generator does not look for schemas.
    components(schemas(MemberOrder, Direction)),
    tags(
        (name = "Signing in", description = "Accounts and sessions."),
        (name = "My account", description = "What concerns the caller alone."),
        (name = "Organizations", description = "Schools and companies."),
        (name = "Seats", description = "What the licence allows."),
        (name = "Members", description = "The people of an organization."),
        (name = "Groups", description = "Groups of people inside one organization."),
        (name = "Invitations", description = "Offers to email addresses."),
        (name = "Imports", description = "Many accounts from one file or list of names."),
        (name = "Invite codes", description = "Codes that let people in, looked after."),
        (name = "Joining by a code", description = "Codes that let people in, used."),
        (name = "Audit", description = "Who did what, and when."),
        (name = "Operations", description = "For whoever runs the server.")
    )
)]
struct Head;

/// The whole document.
pub fn document() -> OpenApi {
    let mut head = Head::openapi();
    head.info.version = env!("CARGO_PKG_VERSION").to_owned();
    if let Some(description) = &mut head.info.description {
        description.push_str(&quotas());
    }
    let (_, mut document) = App::new()
        .into_utoipa_app()
        .openapi(head)
        .configure(routes::mount)
        .split_for_parts();
    add_components(&mut document);
    complete_schemas(&mut document);
    for item in document.paths.paths.values_mut() {
        if let Some(operation) = item.post.as_mut().filter(|it| is_done_once(it)) {
            add_key(operation);
        }
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

/// The limits' quotas, unless an installation sets others.
fn quotas() -> String {
    let quotas: Vec<String> = Limit::ALL
        .iter()
        .map(|limit| format!("`{limit}` {}", limit.default_quota()))
        .collect();
    format!(
        "\n\n**Quotas**, unless an installation sets others: {}. (`10/10m`: ten at once, which grow \
         back evenly in ten minutes.)",
        quotas.join(", ")
    )
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
    components
        .parameters
        .insert(KEY.to_owned(), RefOr::T(key()));
    let replayed = HeaderBuilder::new()
        .schema(Some(ObjectBuilder::new().schema_type(Type::Boolean)))
        .description(Some("`true` where this answer was given before."));
    components
        .headers
        .insert(REPLAYED.to_owned(), RefOr::T(replayed.build()));
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("The access token that `login` gives."))
        .build();
    components.security_schemes.insert(
        "access_token".to_owned(),
        RefOr::T(SecurityScheme::Http(bearer)),
    );
}

/// What the derive cannot know of our conventions.
fn complete_schemas(document: &mut OpenApi) {
    let Some(components) = document.components.as_mut() else {
        return;
    };
    let examples: BTreeMap<String, Value> = components
        .schemas
        .iter()
        .filter_map(|(name, schema)| Some((name.clone(), first_example(schema)?)))
        .collect();
    for (name, schema) in &mut components.schemas {
        if let RefOr::T(Schema::Object(object)) = schema {
            require_what_is_always_there(name, object);
            exemplify_list(object, &examples);
        }
    }
}

fn first_example(schema: &RefOr<Schema>) -> Option<Value> {
    match schema {
        RefOr::T(Schema::Object(object)) => object.examples.first().cloned(),
        RefOr::T(Schema::AllOf(all_of)) => all_of.examples.first().cloned(),
        _ => None,
    }
}

/// An answer names each of its fields, `null` where there is nothing; only a request may leave
/// fields out. A problem without faulty fields has no `errors`.
fn require_what_is_always_there(name: &str, object: &mut Object) {
    if name.ends_with("Request") || name.ends_with("Upload") {
        return;
    }
    let always = object
        .properties
        .keys()
        .filter(|field| (name, field.as_str()) != ("Problem", "errors"));
    object.required = always.cloned().collect();
}

/// The example of a list is a list of its items' example.
fn exemplify_list(object: &mut Object, examples: &BTreeMap<String, Value>) {
    let Some(RefOr::T(Schema::Array(items))) = object.properties.get("items") else {
        return;
    };
    let ArrayItems::RefOrSchema(item) = &items.items else {
        return;
    };
    let RefOr::Ref(reference) = item.as_ref() else {
        return;
    };
    let item = reference
        .ref_location
        .rsplit('/')
        .next()
        .and_then(|name| examples.get(name));
    let Some(item) = item else {
        return;
    };
    let example = if object.properties.contains_key("next_cursor") {
        json!({ "items": [item], "next_cursor": null })
    } else {
        json!({ "items": [item] })
    };
    object.examples = vec![example];
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

/// `POST` operations that neither create nor send: what they do may be done twice.
const NOT_DONE_ONCE: [&str; 7] = [
    "login",
    "refresh_session",
    "logout",
    "cancel_import",
    "preview_invite_code",
    "preview_invitation",
    "decline_invitation",
];

fn is_done_once(operation: &Operation) -> bool {
    let id = operation.operation_id.as_deref().unwrap_or_default();
    !NOT_DONE_ONCE.contains(&id)
}

/// The shared parts' names.
const KEY: &str = "IdempotencyKey";
const REPLAYED: &str = "IdempotentReplayed";

fn key() -> Parameter {
    let text = ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(255))
        .pattern(Some("^[!-~]+$"))
        .examples([json!("8e03978e-40d5-43dd-bc93-6894a57f9324")]);
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "A name for this request, so that it is done once however often it is sent: 1 to 255 \
             visible ASCII characters, in quotes or bare. For 24 hours the same key with the same \
             request gets the first answer again.",
        ))
        .schema(Some(text))
        .build()
}

/// What an operation takes and answers that is done once for each key.
fn add_key(operation: &mut Operation) {
    let key = Ref::new(format!("#/components/parameters/{KEY}"));
    let parameters = operation.parameters.get_or_insert_default();
    parameters.push(RefOr::Ref(key));
    for response in operation.responses.responses.values_mut() {
        if let RefOr::T(response) = response {
            let replayed = Ref::new(format!("#/components/headers/{REPLAYED}"));
            let headers = &mut response.headers;
            headers.insert("Idempotent-Replayed".to_owned(), RefOr::Ref(replayed));
        }
    }
    let refusals = problem::shared_references(&[409, 422]);
    operation.responses.responses.extend(refusals);
}

/// Every operation can meet a fault of the server and a database that is away.
fn add_failures(operation: &mut Operation) {
    let failures = problem::shared_references(&[500, 503]);
    operation.responses.responses.extend(failures);
}

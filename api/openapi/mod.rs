//! The OpenAPI document, made from the handlers themselves.

mod access;
mod complete;
mod idempotency;
mod json;
mod location;
mod problems;
mod version_3_0;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{ArrayItems, Object, Schema};
use utoipa::openapi::{OpenApi, PathItem, RefOr};
use utoipa::{OpenApi as _, ToSchema as _};

use crate::domain::limits::Limit;
use crate::domain::members::{Direction, MemberOrder};
use crate::error::{Error, FieldError, Result};
use crate::routes::mounting::Mounting;
use crate::routes::refusals::AnyErrors;
use crate::routes::{self, problem};

/// What the document says beside the operations.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Rollcall",
        contact(name = "The Rollcall contributors"),
        description = "Gets people into an organization.\n\n\
            Bodies are JSON, except files and pictures; names are `snake_case`, ids are UUIDs, times are RFC 3339 in \
            UTC. Unknown fields are refused.\n\n\
            **Signing in.** Exchange address and password for tokens (`login`), then send \
            `Authorization: Bearer <access_token>`. Integrations send an API key instead: \
            `Authorization: Bearer rck_…`.\n\n\
            **Problems.** Errors are `application/problem+json` (RFC 9457) with a \
            stable `code` and the request's id. Each operation lists the codes that it gives with each status, and \
            shows each by an example of its name. What is unknown, missing, given twice, or of another type or word \
            is 400 `malformed_request`, in JSON, forms and queries alike; a value that is too long, out of range or \
            breaks another rule is 422 `validation_failed`.\n\n\
            **Lists** come in pages: send `next_cursor` back as `cursor` for the next one; a `Link` \
            header names it too.\n\n\
            **Repetitions.** Operations that create or send take an `Idempotency-Key`: a name that you \
            give to the request, a random UUID for example. Whatever happened to the response, send the \
            same request with the same key again: it is done once, and within 24 hours it gets the \
            first response again, with `Idempotent-Replayed: true`. The same key with another request \
            is `idempotency_conflict`. A refused request leaves nothing behind, its key can be used \
            again. Keys are your account's own; those of an API key are that API key's.\n\n\
            **Limits.** Where something could be guessed or flooded, uses are counted: registrations, \
            wrong passwords, unknown invite codes, mails. What succeeds where guesses are counted \
            costs nothing. Responses of limited operations tell how you stand: `RateLimit-Policy` names \
            each limit with its quota (`q`) and the seconds in which that grows back (`w`), \
            `RateLimit` the uses that are left (`r`) and the seconds until there is one more (`t`). \
            With none left the response is 429 `rate_limited`: wait as long as `Retry-After` says.\n\n\
            **Requests** carry an `X-Request-Id`, yours or one we make; it is in the response and in \
            the log."
    ),
    servers((url = "/", description = "This server.")),
    security(("access_token" = [])),
    // Used in query parameters only, where the generator does not look for schemas.
    components(schemas(MemberOrder, Direction)),
    // In the order in which somebody new needs them.
    tags(
        (name = "Signing in", description = "Registration and sessions."),
        (name = "Organizations", description = "Schools and companies."),
        (name = "Imports", description = "Many accounts from one file or list of names."),
        (name = "Invite codes", description = "View and manage invite codes."),
        (name = "Joining by a code", description = "Joining an organization or a group with an invite code."),
        (name = "Domains", description = "Email domains that organizations have proven to be theirs."),
        (name = "Apps", description = "Registrations with identity providers that connections of many organizations share."),
        (name = "Single sign-on", description = "Connections to identity providers: setting them up, testing them, signing in by them."),
        (name = "Setting up by a link", description = "Setting up single sign-on with a setup link, without an account."),
        (name = "Invitations", description = "Inviting people by their email addresses."),
        (name = "Members", description = "The people of an organization."),
        (name = "Groups", description = "Groups of people inside one organization."),
        (name = "Grants and access", description = "Resources that groups open, and who may open them."),
        (name = "Seats", description = "How many people an organization may have."),
        (name = "My account", description = "The account of whoever is signed in."),
        (name = "Passwords and addresses", description = "Changing and resetting passwords, verifying addresses."),
        (name = "API keys", description = "Keys for integrations."),
        (name = "Audit", description = "Who did what, and when."),
        (name = "Operations", description = "For whoever runs the server: health, metrics, public keys.")
    )
)]
struct Head;

/// The whole document, of OpenAPI 3.1.
///
/// # Errors
/// Never, for a document that the generator made.
fn document() -> Result<Value> {
    let mut document = serde_json::to_value(generated()?).map_err(Error::internal)?;
    complete::complete(&mut document);
    Ok(document)
}

/// The whole document as OpenAPI 3.0, derived from the other.
fn document_3_0(document: &Value) -> Value {
    version_3_0::derive(document)
}

/// What the handlers say.
fn generated() -> Result<OpenApi> {
    let mut document = Head::openapi();
    document.info.version = env!("CARGO_PKG_VERSION").to_owned();
    if let Some(description) = &mut document.info.description {
        description.push_str(&quotas());
    }
    routes::mount(&mut Mounting::Described(&mut document));
    add_components(&mut document);
    complete_schemas(&mut document);
    let mut components = document.components.take().unwrap_or_default();
    for item in document.paths.paths.values_mut() {
        for operation in operations(item) {
            location::describe(operation);
        }
        if let Some(operation) = item.post.as_mut().filter(|it| idempotency::takes_key(it)) {
            idempotency::describe(operation);
        }
        for operation in operations(item) {
            access::describe(operation);
            problems::list::<AnyErrors>(operation);
            problems::describe(operation, &mut components)?;
        }
    }
    document.components = Some(components);
    Ok(document)
}

/// The document as it is kept in `openapi/rollcall.json`.
///
/// # Errors
/// Never, for a document that the generator made.
pub fn to_json() -> Result<String> {
    as_kept(&document()?)
}

/// The document as it is kept in `openapi/rollcall-3.0.json`.
///
/// # Errors
/// Never, for a document that the generator made.
pub fn to_json_3_0() -> Result<String> {
    as_kept(&document_3_0(&document()?))
}

fn as_kept(document: &Value) -> Result<String> {
    let mut text = serde_json::to_string_pretty(document).map_err(Error::internal)?;
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
    idempotency::add_components(components);
    location::add_components(components);
    problems::add_components(components);
    for (name, scheme) in access::security_schemes() {
        let schemes = &mut components.security_schemes;
        schemes.insert(name.to_owned(), RefOr::T(scheme));
    }
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
        for object in objects(schema) {
            require_what_is_always_there(name, object);
            exemplify_list(object, &examples);
        }
    }
}

/// The schema itself, or the parts that it is composed of; those that it refers to have their own turn.
fn objects(schema: &mut RefOr<Schema>) -> Vec<&mut Object> {
    match schema {
        RefOr::T(Schema::Object(object)) => vec![object],
        RefOr::T(Schema::AllOf(all_of)) => all_of.items.iter_mut().flat_map(objects).collect(),
        _ => Vec::new(),
    }
}

fn first_example(schema: &RefOr<Schema>) -> Option<Value> {
    match schema {
        RefOr::T(Schema::Object(object)) => object.examples.first().cloned(),
        RefOr::T(Schema::AllOf(all_of)) => all_of.examples.first().cloned(),
        _ => None,
    }
}

/// What may leave fields out by its name: requests, and what stands in them and in responses alike.
fn is_of_requests(name: &str) -> bool {
    ["Request", "Upload", "Form"]
        .iter()
        .any(|end| name.ends_with(end))
        || name == "RuleGift"
}

/// A response names each of its fields, `null` where there is nothing; only a request may leave
/// fields out. A problem without faulty fields has no `errors`, one that no connection would solve no
/// `connections`, and one of no sign-in no `reference`.
fn require_what_is_always_there(name: &str, object: &mut Object) {
    if is_of_requests(name) {
        return;
    }
    const NOT_ALWAYS: [&str; 3] = ["errors", "connections", "reference"];

    let is_always = |field: &&String| name != "Problem" || !NOT_ALWAYS.contains(&field.as_str());
    let always = object.properties.keys().filter(is_always);
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
fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
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

//! Refusals in the document: of those that an operation lists, a response for each status, with an example for
//! each code.

use std::collections::BTreeMap;

use utoipa::IntoResponses;
use utoipa::openapi::example::Example;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Components, ContentBuilder, Ref, RefOr, Response, ResponseBuilder};

use crate::error::{Error, Result};
use crate::routes::problem::PROBLEM_JSON;

/// What each status means. Its codes follow.
const STATUSES: [(&str, &str); 12] = [
    ("400", "The request cannot be read"),
    ("401", "Not signed in, or not proved"),
    ("403", "Not allowed"),
    ("404", "Not there, or not for the caller to see"),
    ("409", "It does not fit with what is there"),
    ("410", "It was there, and is gone"),
    ("413", "The body is too large"),
    ("415", "The body is of a type that is not taken here"),
    ("422", "A field or a file breaks a rule"),
    ("429", "Too many requests"),
    ("500", "A fault of the server"),
    ("503", "Away for the moment"),
];

/// The refusal of whoever has met a limit, which the headers of every response tell of then.
const LIMITED: &str = "too_many_tries";

/// Lists the refusals of a set in an operation, except those whose code it lists itself.
pub fn list<S: IntoResponses>(operation: &mut Operation) {
    for (key, refusal) in S::responses() {
        let listed = &mut operation.responses.responses;
        listed.entry(key).or_insert(refusal);
    }
}

/// Adds the headers that refusals share.
pub fn add_components(components: &mut Components) {
    let seconds = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(1));
    let text = ObjectBuilder::new().schema_type(Type::String);
    let headers = [
        ("Retry-After", seconds, "How many seconds to wait."),
        ("WWW-Authenticate", text, "How to sign in: `Bearer`."),
    ];
    for (name, schema, description) in headers {
        let header = HeaderBuilder::new()
            .schema(Some(schema))
            .description(Some(description));
        let header: Header = header.build();
        components.headers.insert(name.to_owned(), header.into());
    }
}

/// Makes responses of what an operation lists.
///
/// # Errors
/// Where two refusals have one name.
pub fn describe(operation: &mut Operation, components: &mut Components) -> Result<()> {
    let listed = take_listed(operation);
    let mut refusals = listed.values().flatten();
    let is_limited = refusals.any(|refusal| refusal.name == LIMITED);
    for (status, refusals) in listed {
        let response = response_of(&status, &refusals);
        // Those of a limited operation tell of its limits.
        let response = match refusals.as_slice() {
            [only] if !is_limited => {
                components
                    .responses
                    .insert(only.name.clone(), response.into());
                Ref::from_response_name(only.name.as_str()).into()
            }
            _ => response.into(),
        };
        for refusal in refusals {
            keep_example(refusal, components)?;
        }
        operation.responses.responses.insert(status, response);
    }
    Ok(())
}

/// A refusal that an operation lists.
struct Refusal {
    code: String,
    name: String,
    example: RefOr<Example>,
}

/// The listed refusals by status, which the operation has no more then.
fn take_listed(operation: &mut Operation) -> BTreeMap<String, Vec<Refusal>> {
    let mut listed: BTreeMap<String, Vec<Refusal>> = BTreeMap::new();
    for (key, response) in std::mem::take(&mut operation.responses.responses) {
        match (key.split_once(' '), response) {
            (Some((status, code)), RefOr::T(response)) => {
                let refusals = examples_of(response).map(|(name, example)| Refusal {
                    code: code.to_owned(),
                    name,
                    example,
                });
                listed
                    .entry(status.to_owned())
                    .or_default()
                    .extend(refusals);
            }
            (_, response) => {
                operation.responses.responses.insert(key, response);
            }
        }
    }
    listed
}

fn examples_of(response: Response) -> impl Iterator<Item = (String, RefOr<Example>)> {
    let contents = response.content.into_iter();
    contents.flat_map(|(_, content)| match content {
        RefOr::T(content) => content.examples,
        RefOr::Ref(_) => BTreeMap::new(),
    })
}

fn response_of(status: &str, refusals: &[Refusal]) -> Response {
    let examples = refusals.iter().map(|refusal| {
        let example = Ref::new(format!("#/components/examples/{}", refusal.name));
        (refusal.code.clone(), RefOr::Ref(example))
    });
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .examples_from_iter(examples)
        .build();
    let mut response = ResponseBuilder::new()
        .description(description(status, refusals))
        .content(PROBLEM_JSON, content)
        .build();
    for name in headers_of(status) {
        let header = Ref::new(format!("#/components/headers/{name}"));
        response
            .headers
            .insert((*name).to_owned(), RefOr::Ref(header));
    }
    response
}

/// What the status means, and the codes that it comes with.
fn description(status: &str, refusals: &[Refusal]) -> String {
    let meaning = STATUSES.iter().find(|(known, _)| *known == status);
    let meaning = meaning.map_or("Refused", |(_, meaning)| meaning);
    let codes: Vec<String> = refusals.iter().map(|it| format!("`{}`", it.code)).collect();
    let codes = codes.join(", ");
    match status {
        "429" | "503" => format!("{meaning}: {codes}. Wait as long as `Retry-After` says."),
        _ => format!("{meaning}: {codes}."),
    }
}

fn headers_of(status: &str) -> &'static [&'static str] {
    match status {
        "401" => &["WWW-Authenticate"],
        "429" | "503" => &["Retry-After"],
        _ => &[],
    }
}

fn keep_example(refusal: Refusal, components: &mut Components) -> Result<()> {
    let Refusal { name, example, .. } = refusal;
    match components.examples.get(&name) {
        Some(known) if *known != example => {
            let cause = format!("two refusals are named {name}");
            Err(Error::internal(cause))
        }
        Some(_) => Ok(()),
        None => {
            components.examples.insert(name, example);
            Ok(())
        }
    }
}

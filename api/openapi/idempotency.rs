//! `Idempotency-Key` in the document: shared parts in place of what each operation would repeat.

use serde_json::json;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};
use utoipa::openapi::{Components, Ref, RefOr, Required};

use super::problems;
use crate::routes::refusals::KeyErrors;

/// The shared parts' names.
const KEY: &str = "IdempotencyKey";
const REPLAYED: &str = "IdempotentReplayed";

/// The header that the parameters of an operation name whose handler takes a key.
const HEADER: &str = "Idempotency-Key";

const DESCRIPTION: &str = "A name for this request, so that it is done once however often it is sent: 1 to 255 visible \
                           ASCII characters, in quotes or bare. For 24 hours the same key with the same request gets \
                           the first response again.";

/// Adds the parts that operations share.
pub fn add_components(components: &mut Components) {
    let schemas = &mut components.schemas;
    schemas.insert(KEY.to_owned(), RefOr::T(key().into()));
    let parameters = &mut components.parameters;
    parameters.insert(KEY.to_owned(), RefOr::T(parameter()));
    let headers = &mut components.headers;
    headers.insert(REPLAYED.to_owned(), RefOr::T(replayed()));
}

/// Whether the handler of a `POST` operation takes a key.
pub fn takes_key(operation: &Operation) -> bool {
    operation.parameters.iter().flatten().any(is_key)
}

fn is_key(parameter: &RefOr<Parameter>) -> bool {
    matches!(parameter, RefOr::T(parameter) if parameter.name == HEADER)
}

/// Describes the key and the responses of an operation that takes one.
pub fn describe(operation: &mut Operation) {
    let parameters = operation.parameters.get_or_insert_default();
    parameters.retain(|parameter| !is_key(parameter));
    let key = Ref::new(format!("#/components/parameters/{KEY}"));
    parameters.push(RefOr::Ref(key));
    for response in operation.responses.responses.values_mut() {
        if let RefOr::T(response) = response {
            let replayed = Ref::new(format!("#/components/headers/{REPLAYED}"));
            let headers = &mut response.headers;
            headers.insert("Idempotent-Replayed".to_owned(), RefOr::Ref(replayed));
        }
    }
    // Every such operation reads its body, those too that need none.
    problems::list::<KeyErrors>(operation);
}

/// A schema of its own, so that generated clients have one type of it.
fn key() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(DESCRIPTION))
        .min_length(Some(1))
        .max_length(Some(255))
        .pattern(Some("^[!-~]+$"))
        .examples([json!("8e03978e-40d5-43dd-bc93-6894a57f9324")])
        .build()
}

fn parameter() -> Parameter {
    ParameterBuilder::new()
        .name(HEADER)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(DESCRIPTION))
        .schema(Some(Ref::from_schema_name(KEY)))
        .build()
}

fn replayed() -> Header {
    HeaderBuilder::new()
        .schema(Some(ObjectBuilder::new().schema_type(Type::Boolean)))
        .description(Some("`true` where this response was given before."))
        .build()
}

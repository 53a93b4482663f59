//! The framework's own extractors: their limits, and their refusals in our words.

use actix_web::error::{JsonPayloadError, QueryPayloadError};
use actix_web::http::StatusCode;
use actix_web::web;

use crate::error::{Code, Error};
use crate::routes::problem::Problem;

/// How much of a parser's words a refusal repeats, in characters: they repeat what the caller sent.
const MAX_WORDS: usize = 500;

/// The refusal of a body that is not the JSON it should be. Serde repeats values, which may be
/// secrets; it names fields only where they are unknown or missing.
pub fn json_refusal(error: serde_json::Error) -> Error {
    let words = error.to_string();
    let names_fields = words.starts_with("unknown field") || words.starts_with("missing field");
    let what = if names_fields {
        shortened(&words)
    } else {
        let (line, column) = (error.line(), error.column());
        format!("look at line {line}, column {column}")
    };
    let detail = format!("The body is not the JSON that this path takes: {what}.");
    Error::refused(Code::MalformedRequest, detail)
}

fn shortened(words: &str) -> String {
    words.chars().take(MAX_WORDS).collect()
}

/// The refusal of a body that is not said to be JSON.
pub fn not_json() -> Problem {
    let detail = "Send the body as JSON, with `Content-Type: application/json`.";
    Error::refused(Code::UnsupportedMediaType, detail).into()
}

/// The refusal of a body that did not arrive whole.
pub fn broken_off() -> Problem {
    let detail = "The body broke off, or is not JSON.";
    Error::refused(Code::MalformedRequest, detail).into()
}

/// The most bytes of a JSON body.
const MAX_BODY: usize = 1024 * 1024;

/// How the framework's extractors refuse: as problems, in our words.
pub fn extract_settings(config: &mut web::ServiceConfig) {
    let json = web::JsonConfig::default()
        .limit(MAX_BODY)
        .error_handler(|error, _| body_problem(error).into());
    let path = web::PathConfig::default()
        .error_handler(|_, _| Problem::of_framework(StatusCode::NOT_FOUND).into());
    let query = web::QueryConfig::default().error_handler(|error, _| query_problem(&error).into());
    config
        .app_data(json)
        .app_data(path)
        .app_data(query)
        .app_data(web::PayloadConfig::new(MAX_BODY));
}

fn body_problem(error: JsonPayloadError) -> Problem {
    match error {
        JsonPayloadError::Deserialize(error) => json_refusal(error).into(),
        JsonPayloadError::ContentType => not_json(),
        JsonPayloadError::Overflow { .. } | JsonPayloadError::OverflowKnownLength { .. } => {
            Problem::of_framework(StatusCode::PAYLOAD_TOO_LARGE)
        }
        _ => broken_off(),
    }
}

fn query_problem(error: &QueryPayloadError) -> Problem {
    query_refusal(error).into()
}

/// The refusal of query parameters that cannot be read.
pub fn query_refusal(error: &QueryPayloadError) -> Error {
    let words = shortened(&error.to_string());
    let detail = format!("The query parameters cannot be read: {words}.");
    Error::refused(Code::MalformedRequest, detail)
}

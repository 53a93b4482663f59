//! JSON and query parameters made into values, as strictly as the document describes them. What does not fit
//! is told by where it stands and what was expected; what stands there may be a secret, and is not repeated.
//!
//! Serde alone takes a list for an object with fields, and the last of two fields of one name.

mod fault;
mod reader;
mod unique_names;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use fault::Fault;
use reader::{Medium, Reader};

use crate::error::{FieldError, Result};

pub use fault::UNKNOWN_WORD;

/// Reads a body.
///
/// # Errors
/// `malformed_request` with the pointer of the field at fault, `validation_failed` for a number that is too large.
pub fn read_json<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    let reader = Reader {
        value: unique_names::parse(body)?,
        medium: Medium::Json,
    };
    T::deserialize(reader).map_err(|fault| fault.refusal("/"))
}

/// Reads query parameters. A blank one is an absent one: a form sends it for a field left empty.
///
/// # Errors
/// As [`read_json`], with the name of the parameter at fault.
pub fn read_query<T: DeserializeOwned>(query: &str) -> Result<T> {
    let mut parameters = Map::new();
    for (name, text) in url::form_urlencoded::parse(query.as_bytes()) {
        if text.trim().is_empty() {
            continue;
        }
        let text = Value::String(text.into_owned());
        if parameters.insert(name.to_string(), text).is_some() {
            return Err(Fault::repeated(&name).refusal("?"));
        }
    }
    let reader = Reader {
        value: Value::Object(parameters),
        medium: Medium::Text,
    };
    T::deserialize(reader).map_err(|fault| fault.refusal("?"))
}

/// Reads one value that comes as text, a field of a form for example.
///
/// # Errors
/// What was expected at this pointer, where it is not such a value.
pub fn read_text<T: DeserializeOwned>(pointer: &str, text: &str) -> Result<T, FieldError> {
    let reader = Reader {
        value: text.into(),
        medium: Medium::Text,
    };
    T::deserialize(reader).map_err(|fault| fault.at(pointer))
}

//! JSON whose objects name each field once. Serde alone takes the last of two.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::fault::{MAX_NAME, MAX_WORDS, shortened};
use crate::error::{Code, Error, Result};

/// Reads JSON.
///
/// # Errors
/// `malformed_request`, where it is none or names a field twice.
pub(super) fn parse(body: &[u8]) -> Result<Value> {
    let parsed = serde_json::from_slice(body);
    parsed
        .map(|UniqueNames(value)| value)
        .map_err(|error| not_json(&error))
}

fn not_json(error: &serde_json::Error) -> Error {
    let (line, column) = (error.line(), error.column());
    let words = error.to_string();
    let what = if words.starts_with(TWICE) {
        shortened(&words, MAX_WORDS)
    } else {
        format!("line {line}, column {column}")
    };
    let detail = format!("The body is not valid JSON: {what}.");
    Error::refused(Code::MalformedRequest, detail)
}

/// JSON whose objects name each field once.
struct UniqueNames(Value);

const TWICE: &str = "a field stands twice";

impl<'de> Deserialize<'de> for UniqueNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueNamesVisitor).map(Self)
    }
}

struct UniqueNamesVisitor;

impl<'de> Visitor<'de> for UniqueNamesVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(UniqueNames(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, UniqueNames(value))) = fields.next_entry::<String, _>()? {
            if object.contains_key(&name) {
                let name = shortened(&name, MAX_NAME);
                return Err(de::Error::custom(format!("{TWICE}, `{name}`")));
            }
            object.insert(name, value);
        }
        Ok(object.into())
    }
}

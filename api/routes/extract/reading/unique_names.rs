//! JSON whose objects name each field once. Serde alone takes the last of two.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::fault::Fault;
use crate::error::{Code, Error, Result};

/// Reads JSON.
///
/// # Errors
/// `malformed_request`, where it is none, or with the pointer of a field that is named twice.
pub(super) fn parse(body: &[u8]) -> Result<Value> {
    match serde_json::from_slice(body) {
        Ok(UniqueNames(unique)) => unique.map_err(|fault| fault.refusal("/")),
        Err(error) => Err(not_json(&error)),
    }
}

fn not_json(error: &serde_json::Error) -> Error {
    let (line, column) = (error.line(), error.column());
    let detail = format!("The body is not valid JSON: line {line}, column {column}.");
    Error::refused(Code::MalformedRequest, detail)
}

/// JSON whose objects name each field once, or the field that is named twice: reading goes on behind it, since an
/// error of the parser could not carry its place.
struct UniqueNames(Unique);

type Unique = Result<Value, Fault>;

impl<'de> Deserialize<'de> for UniqueNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueNamesVisitor).map(Self)
    }
}

struct UniqueNamesVisitor;

impl<'de> Visitor<'de> for UniqueNamesVisitor {
    type Value = Unique;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Unique, E> {
        Ok(Ok(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Unique, E> {
        Ok(Ok(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Unique, E> {
        Ok(Ok(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Unique, E> {
        Ok(Ok(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Unique, E> {
        Ok(Ok(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Unique, E> {
        Ok(Ok(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Unique, A::Error> {
        let mut list = Ok(Vec::new());
        for place in 0.. {
            let Some(UniqueNames(item)) = items.next_element()? else {
                break;
            };
            list = list.and_then(|mut list| {
                list.push(item.map_err(|fault| fault.below(&place.to_string()))?);
                Ok(list)
            });
        }
        Ok(list.map(Value::Array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Unique, A::Error> {
        let mut object = Ok(Map::new());
        while let Some((name, UniqueNames(value))) = fields.next_entry::<String, _>()? {
            object = object.and_then(|mut object| {
                let value = value.map_err(|fault| fault.below(&name))?;
                if object.contains_key(&name) {
                    return Err(Fault::repeated(&name));
                }
                object.insert(name, value);
                Ok(object)
            });
        }
        Ok(object.map(Value::Object))
    }
}

//! JSON and query parameters made into values, as strictly as the document describes them. What does not fit
//! is told by where it stands and what was expected; what stands there may be a secret, and is not repeated.
//!
//! Serde alone takes a list for an object with fields, and the last of two fields of one name.

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, Expected, IntoDeserializer as _,
    MapAccess, SeqAccess, Unexpected, Visitor,
};
use serde::{Deserialize, forward_to_deserialize_any};
use serde_json::{Map, Number, Value};

use super::flag;
use crate::error::{Code, Error, FieldError, Refusal, Result};

/// How much of a name, and of a library's words, a refusal repeats, in characters.
const MAX_NAME: usize = 100;
const MAX_WORDS: usize = 300;

/// Reads a body.
///
/// # Errors
/// `malformed_request`, with the pointer of the field at fault.
pub fn read_json<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    let UniqueNames(value) = serde_json::from_slice(body).map_err(|error| not_json(&error))?;
    let reader = Reader {
        value,
        medium: Medium::Json,
    };
    T::deserialize(reader).map_err(|fault| fault.refusal("/"))
}

/// Reads query parameters. A blank one is an absent one: a form sends it for a field left empty.
///
/// # Errors
/// `malformed_request`, with the name of the parameter at fault.
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

/// Reads one value that comes as text, a field of a form for example. The error says what was expected.
///
/// # Errors
/// Where it is not such a value.
pub fn read_text<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let reader = Reader {
        value: text.into(),
        medium: Medium::Text,
    };
    T::deserialize(reader).map_err(|fault| fault.detail)
}

/// The refusal of what is no JSON, or names a field twice.
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

fn shortened(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
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

/// How values are written: as JSON, or all as text.
#[derive(Clone, Copy)]
enum Medium {
    Json,
    Text,
}

/// A value to read.
struct Reader {
    value: Value,
    medium: Medium,
}

impl Reader {
    fn like(&self, value: Value) -> Self {
        Self {
            value,
            medium: self.medium,
        }
    }

    /// The number that it is. JSON writes 1 as `1.0` too.
    fn integer(self) -> Self {
        let number = match (&self.value, self.medium) {
            (Value::Number(number), Medium::Json) => number.as_f64().filter(|it| it.fract() == 0.0),
            (Value::String(text), Medium::Text) => {
                let number = text.trim().parse::<i64>().ok();
                return number.map_or(self, |number| Self {
                    value: number.into(),
                    medium: Medium::Text,
                });
            }
            _ => None,
        };
        let is_whole = self.value.is_i64() || self.value.is_u64();
        match number.filter(|_| !is_whole) {
            Some(number) => match format!("{number:.0}").parse::<Number>() {
                Ok(number) => self.like(number.into()),
                Err(_) => self,
            },
            None => self,
        }
    }

    /// The flag that it is.
    fn flag(self) -> Self {
        match (&self.value, self.medium) {
            (Value::String(text), Medium::Text) => match flag::parse(text.trim()) {
                Some(flag) => self.like(flag.into()),
                None => self,
            },
            _ => self,
        }
    }

    fn found(&self) -> &'static str {
        match &self.value {
            Value::Null => "null",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::String(_) => "text",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        }
    }

    fn is_not(&self, expected: &str) -> Fault {
        let detail = match self.medium {
            Medium::Json => format!("Expected {expected}, found {}.", self.found()),
            Medium::Text => format!("Expected {expected}."),
        };
        Fault::new("wrong_type", detail)
    }
}

/// Declares how numbers are read: each kind takes what it can hold.
macro_rules! integers {
    ($($name:ident)+) => {$(
        fn $name<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            let reader = self.integer();
            if !reader.value.is_i64() && !reader.value.is_u64() {
                return Err(reader.is_not("a whole number"));
            }
            reader.deserialize_any(visitor)
        }
    )+};
}

impl<'de> Deserializer<'de> for Reader {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let medium = self.medium;
        match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(flag) => visitor.visit_bool(flag),
            Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(number), _, _) => visitor.visit_u64(number),
                (None, Some(number), _) => visitor.visit_i64(number),
                (None, None, Some(number)) => visitor.visit_f64(number),
                (None, None, None) => Err(Fault::new("invalid", OUT_OF_RANGE.to_owned())),
            },
            Value::String(text) => visitor.visit_string(text),
            Value::Array(items) => visitor.visit_seq(Items {
                items: items.into_iter().enumerate(),
                medium,
            }),
            Value::Object(fields) => visitor.visit_map(Fields {
                fields: fields.into_iter(),
                current: None,
                medium,
            }),
        }
    }

    integers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let reader = self.flag();
        if !reader.value.is_boolean() {
            return Err(reader.is_not("true or false"));
        }
        reader.deserialize_any(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    /// A list is no object, though serde would take it for the fields in order.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_map(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if !self.value.is_object() {
            return Err(self.is_not("an object"));
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if !self.value.is_array() {
            return Err(self.is_not("a list"));
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if !self.value.is_string() {
            return Err(self.is_not("text"));
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        words: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match &self.value {
            Value::String(word) => {
                let word: StrDeserializer<'_, Fault> = word.as_str().into_deserializer();
                visitor.visit_enum(word)
            }
            _ => Err(self.is_not(&one_of(words))),
        }
    }

    forward_to_deserialize_any! {
        i128 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct identifier
        ignored_any
    }
}

/// The items of a list, each with its place.
struct Items {
    items: std::iter::Enumerate<std::vec::IntoIter<Value>>,
    medium: Medium,
}

impl<'de> SeqAccess<'de> for Items {
    type Error = Fault;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Fault> {
        let Some((place, value)) = self.items.next() else {
            return Ok(None);
        };
        let medium = self.medium;
        let read = seed.deserialize(Reader { value, medium });
        read.map(Some)
            .map_err(|fault| fault.below(&place.to_string()))
    }
}

/// The fields of an object, each with its name.
struct Fields {
    fields: serde_json::map::IntoIter,
    current: Option<(String, Value)>,
    medium: Medium,
}

impl<'de> MapAccess<'de> for Fields {
    type Error = Fault;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Fault> {
        self.current = self.fields.next();
        let Some((name, _)) = &self.current else {
            return Ok(None);
        };
        let reader = Reader {
            value: name.as_str().into(),
            medium: Medium::Json,
        };
        let read = seed.deserialize(reader).map(Some);
        read.map_err(|fault| fault.about_name(name))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        let (name, value) = self.current.take().unwrap_or_default();
        let medium = self.medium;
        let read = seed.deserialize(Reader { value, medium });
        read.map_err(|fault| fault.below(&name))
    }
}

/// What does not fit, and where.
#[derive(Debug)]
struct Fault {
    /// The names and places that lead there, the last one first.
    path: Vec<String>,
    code: &'static str,
    detail: String,
    /// Of a field: of a query it is a parameter.
    unknown: Option<Unknown>,
}

const OUT_OF_RANGE: &str = "This number is out of range.";

impl Fault {
    fn new(code: &'static str, detail: String) -> Self {
        Self {
            path: Vec::new(),
            code,
            detail,
            unknown: None,
        }
    }

    fn repeated(name: &str) -> Self {
        Self::new("too_many", "Give this once.".to_owned()).below(name)
    }

    /// The fault as the object sees it that holds the value.
    fn below(mut self, name: &str) -> Self {
        self.path.push(name.replace('~', "~0").replace('/', "~1"));
        self
    }

    /// The fault of a key of a map, whose name is itself at fault. An unknown field names itself.
    fn about_name(self, name: &str) -> Self {
        if self.path.is_empty() {
            return self.below(name);
        }
        self
    }

    /// The refusal: `start` is what pointers begin with.
    fn refusal(self, start: &str) -> Error {
        let names: Vec<String> = self.path.iter().rev().cloned().collect();
        let pointer = match (names.join("/"), start) {
            (path, "/") if path.is_empty() => path,
            (path, start) => format!("{start}{path}"),
        };
        let pointer = shortened(&pointer, MAX_NAME);
        let words = match self.unknown {
            Some(unknown) => unknown.in_words(if start == "?" {
                "query parameter"
            } else {
                "field"
            }),
            None => self.detail,
        };
        let detail = match pointer.as_str() {
            "" => format!("The body: {}", in_a_sentence(&words)),
            pointer => format!("`{pointer}`: {}", in_a_sentence(&words)),
        };
        Error::Refused(Box::new(Refusal {
            code: Code::MalformedRequest,
            detail: detail.into(),
            fields: vec![FieldError::new(pointer, self.code, words)],
            retry_after: None,
        }))
    }
}

/// A sentence as it stands behind a colon.
fn in_a_sentence(words: &str) -> String {
    let mut characters = words.chars();
    let first = characters
        .next()
        .map(|first| first.to_lowercase().to_string());
    first.unwrap_or_default() + characters.as_str()
}

/// A name that there is not, and those that there are.
#[derive(Debug)]
struct Unknown {
    name: String,
    known: &'static [&'static str],
}

/// How similar two names are where one was meant by the other.
const SIMILAR: f64 = 0.5;

impl Unknown {
    fn in_words(&self, what: &str) -> String {
        let name = &self.name;
        let similarity = |known: &str| strsim::normalized_damerau_levenshtein(name, known);
        let nearest = self
            .known
            .iter()
            .max_by(|one, other| similarity(one).total_cmp(&similarity(other)))
            .filter(|known| similarity(known) >= SIMILAR);
        let words = match nearest {
            Some(meant) => format!("There is no {what} `{name}`; did you mean `{meant}`?"),
            None => format!(
                "There is no {what} `{name}`; expected {}.",
                one_of(self.known)
            ),
        };
        shortened(&words, MAX_WORDS)
    }
}

fn one_of(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match words.as_slice() {
        [] => "nothing".to_owned(),
        [only] => only.clone(),
        _ => format!("one of {}", words.join(", ")),
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(words: T) -> Self {
        Self::new("invalid", shortened(&words.to_string(), MAX_WORDS))
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new("wrong_type", format!("Expected {expected}."))
    }

    fn invalid_value(value: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let detail = match value {
            Unexpected::Signed(_) | Unexpected::Unsigned(_) => OUT_OF_RANGE.to_owned(),
            _ => format!("Expected {expected}."),
        };
        Self::new("invalid", detail)
    }

    fn unknown_variant(_: &str, words: &'static [&'static str]) -> Self {
        Self::new("unknown_word", format!("Expected {}.", one_of(words)))
    }

    fn unknown_field(name: &str, fields: &'static [&'static str]) -> Self {
        let unknown = Unknown {
            name: shortened(name, MAX_NAME),
            known: fields,
        };
        let mut fault = Self::new("unknown_field", unknown.in_words("field")).below(&unknown.name);
        fault.unknown = Some(unknown);
        fault
    }

    fn missing_field(name: &'static str) -> Self {
        Self::new("missing", "This field is required.".to_owned()).below(name)
    }
}

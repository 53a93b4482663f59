//! A value that serde reads as strictly as the document describes it.

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, IntoDeserializer as _, MapAccess, SeqAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::{Number, Value};

use super::super::flag;
use super::fault::{Fault, one_of};

/// How values are written: as JSON, or all as text.
#[derive(Clone, Copy)]
pub(super) enum Medium {
    Json,
    Text,
}

/// A value to read.
pub(super) struct Reader {
    pub(super) value: Value,
    pub(super) medium: Medium,
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

    /// Whether it is a whole number, however large.
    fn is_whole_number(&self) -> bool {
        match (&self.value, self.medium) {
            (Value::Number(number), Medium::Json) => {
                number.as_f64().is_some_and(|number| number.fract() == 0.0)
            }
            (Value::String(text), Medium::Text) => {
                let digits = text.trim().trim_start_matches(['-', '+']);
                !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit())
            }
            _ => false,
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
            if reader.value.is_i64() || reader.value.is_u64() {
                return reader.deserialize_any(visitor);
            }
            if reader.is_whole_number() {
                return Err(Fault::out_of_range());
            }
            Err(reader.is_not("a whole number"))
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
                (None, None, None) => Err(Fault::out_of_range()),
            },
            Value::String(text) => visitor.visit_string(text),
            Value::Array(items) => visitor.visit_seq(ListItems {
                items: items.into_iter().enumerate(),
                medium,
            }),
            Value::Object(fields) => visitor.visit_map(ObjectFields {
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
struct ListItems {
    items: std::iter::Enumerate<std::vec::IntoIter<Value>>,
    medium: Medium,
}

impl<'de> SeqAccess<'de> for ListItems {
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
struct ObjectFields {
    fields: serde_json::map::IntoIter,
    current: Option<(String, Value)>,
    medium: Medium,
}

impl<'de> MapAccess<'de> for ObjectFields {
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

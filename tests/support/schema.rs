//! Values held against schemas of the document. Stricter than a validator of JSON Schema: a field that no schema
//! names is a fault, and so is a keyword that nobody here knows, which a validator would pass over.

use std::collections::BTreeSet;

use regex::Regex;
use serde_json::{Map, Value};

/// What is wrong with a value, and where.
pub type Checked = Result<(), String>;

/// The schemas of a document.
pub struct Schemas<'a>(pub &'a Value);

impl Schemas<'_> {
    /// Whether the value is as the schema says, and holds nothing that the schema does not name.
    pub fn check(&self, schema: &Value, value: &Value) -> Checked {
        self.fits(schema, value)?;
        let (Some(fields), Some(names)) = (value.as_object(), self.names(schema)) else {
            return Ok(());
        };
        match fields.keys().find(|name| !names.contains(name.as_str())) {
            Some(name) => Err(format!("/{name} is not documented")),
            None => Ok(()),
        }
    }

    /// The fields that the schema and its parts name; none where it takes any.
    fn names<'s>(&'s self, schema: &'s Value) -> Option<BTreeSet<&'s str>> {
        if let Some(target) = schema.get("$ref") {
            return self.names(self.followed(target));
        }
        if let Some(parts) = schema["allOf"].as_array() {
            let names: Option<Vec<_>> = parts.iter().map(|part| self.names(part)).collect();
            return names.map(|names| names.into_iter().flatten().collect());
        }
        let takes_any = schema["additionalProperties"].is_object();
        let properties = schema["properties"].as_object().filter(|_| !takes_any)?;
        Some(properties.keys().map(String::as_str).collect())
    }

    fn followed(&self, target: &Value) -> &Value {
        let pointer = target.as_str().unwrap_or_default().trim_start_matches('#');
        self.0.pointer(pointer).expect("no schema")
    }

    /// Whether the value is as the schema says, whatever else it holds.
    fn fits(&self, schema: &Value, value: &Value) -> Checked {
        let keywords = schema.as_object().expect("no schema");
        keywords
            .iter()
            .try_for_each(|(keyword, rule)| self.follows((keyword, rule), schema, value))
    }

    fn follows(&self, (keyword, rule): (&str, &Value), schema: &Value, value: &Value) -> Checked {
        let empty = Map::new();
        let fields = value.as_object().unwrap_or(&empty);
        let items = value.as_array().map_or(&[][..], Vec::as_slice);
        let is_kept = match keyword {
            "$ref" => return self.fits(self.followed(rule), value),
            "allOf" => return parts(rule).try_for_each(|part| self.fits(part, value)),
            "oneOf" => {
                parts(rule)
                    .filter(|it| self.check(it, value).is_ok())
                    .count()
                    == 1
            }
            "type" => match rule {
                Value::Array(kinds) => kinds.iter().any(|kind| is_of(kind, value)),
                kind => is_of(kind, value),
            },
            "enum" => parts(rule).any(|word| word == value),
            "properties" => {
                return parts_of(rule).try_for_each(|(name, schema)| {
                    let field = fields.get(name);
                    field.map_or(Ok(()), |field| below(name, self.check(schema, field)))
                });
            }
            "additionalProperties" => {
                let known = &schema["properties"];
                let mut others = fields.iter().filter(|(name, _)| known.get(name).is_none());
                return match rule {
                    Value::Bool(_) => Ok(()),
                    rule => others.try_for_each(|(name, it)| below(name, self.check(rule, it))),
                };
            }
            "propertyNames" => {
                let mut names = fields.keys().map(|name| Value::from(name.as_str()));
                return names.try_for_each(|name| self.check(rule, &name));
            }
            "items" => {
                let mut placed = items.iter().enumerate();
                return placed
                    .try_for_each(|(at, it)| below(&at.to_string(), self.check(rule, it)));
            }
            "required" => !value.is_object() || parts(rule).all(|it| fields.contains_key(text(it))),
            "minItems" => number(rule) <= count(items.len()) || !value.is_array(),
            "maxItems" => count(items.len()) <= number(rule),
            "minLength" => number(rule) <= length(value) || !value.is_string(),
            "maxLength" => length(value) <= number(rule),
            "minimum" => value.as_f64().is_none_or(|found| number(rule) <= found),
            "maximum" => value.as_f64().is_none_or(|found| found <= number(rule)),
            "pattern" => {
                let pattern = Regex::new(text(rule)).expect("no pattern");
                value.as_str().is_none_or(|text| pattern.is_match(text))
            }
            "format" => value.as_str().is_none_or(|it| is_format(text(rule), it)),
            "description" | "examples" | "default" | "contentMediaType" => true,
            unknown => panic!("the keyword {unknown} is not known here"),
        };
        if is_kept {
            return Ok(());
        }
        Err(format!(": {value} is not as {keyword} says, {rule}"))
    }
}

fn is_of(kind: &Value, value: &Value) -> bool {
    match text(kind) {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        unknown => panic!("the type {unknown} is not known here"),
    }
}

fn is_format(format: &str, text: &str) -> bool {
    match format {
        "date-time" => text.ends_with('Z') && text.parse::<jiff::Timestamp>().is_ok(),
        "email" => text.contains('@'),
        "uri" => url::Url::parse(text).is_ok(),
        "uuid" => uuid::Uuid::parse_str(text).is_ok(),
        "binary" | "password" => true,
        unknown => panic!("the format {unknown} is not known here"),
    }
}

fn parts(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn parts_of(object: &Value) -> impl Iterator<Item = (&String, &Value)> {
    object.as_object().into_iter().flatten()
}

fn below(name: &str, checked: Checked) -> Checked {
    checked.map_err(|fault| format!("/{name}{fault}"))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("no number")
}

fn length(value: &Value) -> f64 {
    count(text(value).chars().count())
}

fn count(of: usize) -> f64 {
    u32::try_from(of).map_or(f64::MAX, f64::from)
}

//! The document as OpenAPI 3.0.3, for generators that know no later version. It says the same in fewer words:
//! of the media types that a request may have, the first JSON one is left.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::json::{each, part, set};

/// Derives it from the document of version 3.1.
pub fn derive(document: &Value) -> Value {
    let mut document = document.clone();
    set(&mut document, "/openapi", json!("3.0.3"));
    let license = json!({
        "name": part(&document, "/info/license/name"),
        "url": "https://spdx.org/licenses/"
    });
    set(&mut document, "/info/license", license);
    let schemas = part(&document, "/components/schemas").clone();
    convert(&mut document, &schemas);
    while drop_unused(&mut document) {}
    document
}

/// Drops the schemas that nothing refers to, now that others have them within; tells whether there were any.
fn drop_unused(document: &mut Value) -> bool {
    let mut used = HashSet::new();
    each(document, &mut |object| {
        if let Some(Value::String(target)) = object.get("$ref") {
            used.insert(target.clone());
        }
    });
    let schemas = document.pointer_mut("/components/schemas");
    let Some(schemas) = schemas.and_then(Value::as_object_mut) else {
        return false;
    };
    let before = schemas.len();
    schemas.retain(|name, _| used.contains(&format!("#/components/schemas/{name}")));
    schemas.len() < before
}

/// Converts each object; `schemas` are those of version 3.1.
fn convert(value: &mut Value, schemas: &Value) {
    each(value, &mut |object| {
        take_first_media_type(object);
        take_first_example(object);
        name_null(object);
        inline_what_may_be_null(object, schemas);
        wrap_reference(object);
        name_binary(object);
    });
}

/// The first of several media types, JSON before others.
fn take_first_media_type(object: &mut Map<String, Value>) {
    let Some(Value::Object(content)) = object.get_mut("content") else {
        return;
    };
    let json = content.get_key_value("application/json");
    let first = json.or_else(|| content.iter().next());
    if let Some((kind, body)) = first.map(|(kind, body)| (kind.clone(), body.clone())) {
        content.clear();
        content.insert(kind, body);
    }
}

/// Schemas have one example; media types keep their named ones.
fn take_first_example(object: &mut Map<String, Value>) {
    if let Some(Value::Array(examples)) = object.get("examples") {
        let first = examples.first().cloned();
        object.remove("examples");
        if let Some(example) = first {
            object.insert("example".to_owned(), example);
        }
    }
}

/// `null` is no type of its own.
fn name_null(object: &mut Map<String, Value>) {
    let Some(Value::Array(kinds)) = object.get("type") else {
        return;
    };
    let is_null = |kind: &&Value| *kind == "null";
    let is_nullable = kinds.iter().any(|kind| is_null(&kind));
    let kind = kinds.iter().find(|kind| !is_null(kind)).cloned();
    if let Some(kind) = kind {
        object.insert("type".to_owned(), kind);
    }
    if is_nullable {
        object.insert("nullable".to_owned(), json!(true));
    }
}

/// A choice between `null` and a schema becomes that schema: a reference to one that is not nullable would not
/// let `null` pass.
fn inline_what_may_be_null(object: &mut Map<String, Value>, schemas: &Value) {
    let Some(Value::Array(choices)) = object.get("oneOf") else {
        return;
    };
    let is_null = |choice: &&Value| part(choice, "/type") == "null";
    let other = choices.iter().find(|choice| !is_null(choice));
    let Some(other) = other.filter(|_| choices.len() == 2 && choices.iter().any(|it| is_null(&it)))
    else {
        return;
    };
    let mut inlined = followed(other, schemas).clone();
    convert(&mut inlined, schemas);
    object.remove("oneOf");
    object.insert("nullable".to_owned(), json!(true));
    for (name, value) in inlined.as_object_mut().into_iter().flatten() {
        // What stands around it has an example, which holds its own.
        if name != "example" {
            object.entry(name.as_str()).or_insert(value.take());
        }
    }
    if let Some(Value::Array(words)) = object.get_mut("enum") {
        words.push(Value::Null);
    }
}

/// The schema that is referred to, whether or not something stood beside the reference.
fn followed<'a>(schema: &'a Value, schemas: &'a Value) -> &'a Value {
    let references = ["/$ref", "/allOf/0/$ref"].iter();
    let reference = references.filter_map(|at| part(schema, at).as_str()).next();
    match reference.and_then(|target| target.rsplit('/').next()) {
        Some(name) => part(schemas, &format!("/{name}")),
        None => schema,
    }
}

/// A reference has nothing beside it.
fn wrap_reference(object: &mut Map<String, Value>) {
    let is_schema = object
        .get("$ref")
        .and_then(Value::as_str)
        .is_some_and(|target| target.starts_with("#/components/schemas/"));
    if is_schema && object.len() > 1 {
        let reference = object.remove("$ref");
        object.insert("allOf".to_owned(), json!([{ "$ref": reference }]));
    }
}

/// The media type of a text says in 3.1 that it is bytes.
fn name_binary(object: &mut Map<String, Value>) {
    if object.remove("contentMediaType").is_some() {
        object.insert("format".to_owned(), json!("binary"));
    }
    object.remove("contentEncoding");
    object.remove("propertyNames");
}

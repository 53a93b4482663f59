//! The document as JSON: its parts read, set and visited.

use serde_json::{Map, Value};

/// The part of a document that a JSON pointer names; null where there is none.
pub fn part<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or(&Value::Null)
}

/// Sets a field of the object that a JSON pointer names; what is missing on the way is made.
pub fn set(value: &mut Value, pointer: &str, new: Value) {
    let mut at = value;
    for name in pointer.split('/').skip(1) {
        if at.is_null() {
            *at = Value::Object(Map::new());
        }
        let Some(object) = at.as_object_mut() else {
            return;
        };
        let name = name.replace("~1", "/").replace("~0", "~");
        at = object.entry(name).or_insert(Value::Null);
    }
    *at = new;
}

/// Changes every object of the document, those within before the one around them. Examples are no part of
/// it: they are values.
pub fn each(value: &mut Value, change: &mut impl FnMut(&mut Map<String, Value>)) {
    match value {
        Value::Object(object) => {
            for (name, value) in object.iter_mut() {
                if name != "example" && name != "examples" {
                    each(value, change);
                }
            }
            change(object);
        }
        Value::Array(items) => items.iter_mut().for_each(|item| each(item, change)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

//! The details of an event, as JSON.

use serde_json::Value;

/// Without the fields that are null.
pub(super) fn present(mut details: Value) -> Value {
    if let Value::Object(fields) = &mut details {
        fields.retain(|_, value| !value.is_null());
    }
    details
}

/// The fields of both.
pub(super) fn merged(mut one: Value, other: Value) -> Value {
    if let (Value::Object(fields), Value::Object(more)) = (&mut one, other) {
        fields.extend(more);
    }
    one
}

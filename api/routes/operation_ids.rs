//! The ids of the operations, as the document names them, by what a request shows.

use std::collections::HashMap;

use serde_json::Value;

/// The id of each operation, by the pattern of its path and its method.
pub struct OperationIds(HashMap<String, HashMap<String, String>>);

impl OperationIds {
    /// Those of a document.
    pub fn of(document: &Value) -> Self {
        let paths = document.get("paths").and_then(Value::as_object);
        let paths = paths.into_iter().flatten();
        Self(
            paths
                .map(|(pattern, item)| (pattern.clone(), by_method(item)))
                .collect(),
        )
    }

    /// The operation that a request with this method is for.
    pub fn find(&self, pattern: &str, method: &str) -> Option<&str> {
        self.0.get(pattern)?.get(method).map(String::as_str)
    }
}

fn by_method(item: &Value) -> HashMap<String, String> {
    let operations = item.as_object().into_iter().flatten();
    let named = operations.filter_map(|(method, operation)| {
        let id = operation.get("operationId")?.as_str()?;
        Some((method.to_uppercase(), id.to_owned()))
    });
    named.collect()
}

//! The document as the contract that every response keeps which a test receives: it names the status, the type of
//! the body and what stands in it, the code of a problem, and each header that says something of this API. Headers
//! that it calls required are there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use reqwest::Method;
use serde_json::Value;

use super::TestResponse;
use super::schema::Schemas;

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let json = rollcall::openapi::to_json().expect("no document");
    serde_json::from_str(&json).expect("no JSON")
});

static PATHS: LazyLock<Vec<DocumentedPath>> = LazyLock::new(|| documented_paths(&DOCUMENT));

/// What the headers begin with that any server sends, whatever it serves.
const COMMON: [&str; 12] = [
    "access-control-",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-security-policy",
    "date",
    "referrer-policy",
    "strict-transport-security",
    "transfer-encoding",
    "vary",
    "x-content-type-options",
];

/// A path of the document.
struct DocumentedPath {
    /// What stands between its slashes.
    segments: Vec<String>,
    /// By method, in lower case.
    operations: BTreeMap<String, Responses>,
}

/// The responses of an operation, by their statuses.
type Responses = BTreeMap<String, Documented>;

/// What the document says of a response.
struct Documented {
    codes: BTreeSet<String>,
    /// By name, in lower case.
    headers: BTreeMap<String, DocumentedHeader>,
    /// The schemas of the body, by its media types.
    bodies: BTreeMap<String, Value>,
}

struct DocumentedHeader {
    schema: Value,
    is_required: bool,
}

/// Asserts that the document describes this response to such a request.
pub fn check(method: &Method, path: &str, response: &TestResponse) {
    if let Err(fault) = compare(method, path, response) {
        panic!("{method} {path}: {} {fault}", response.status);
    }
}

/// What the document does not describe of a response. Whatever is no operation has no contract.
pub fn compare(method: &Method, path: &str, response: &TestResponse) -> Result<(), String> {
    // `HEAD` is served wherever `GET` is.
    let is_head = *method == Method::HEAD;
    let name = if is_head {
        "get"
    } else {
        &method.as_str().to_lowercase()
    };
    let documented = PATHS.iter().find(|it| it.is(path));
    let Some(responses) = documented.and_then(|it| it.operations.get(name)) else {
        return Ok(());
    };
    let Some(documented) = responses.get(response.status.as_str()) else {
        return Err(format!("is not documented: {}", response.text));
    };
    documented.compare_headers(response)?;
    documented.compare_body(response, is_head)
}

impl DocumentedPath {
    fn is(&self, path: &str) -> bool {
        let segments: Vec<&str> = path.split('/').collect();
        let mut pairs = self.segments.iter().zip(&segments);
        self.segments.len() == segments.len()
            && pairs.all(|(own, asked)| own.starts_with('{') || own == asked)
    }

    fn parameters(&self) -> usize {
        self.segments
            .iter()
            .filter(|it| it.starts_with('{'))
            .count()
    }
}

/// Those with fewer parameters come before others that match the same words.
fn documented_paths(document: &Value) -> Vec<DocumentedPath> {
    let paths = document["paths"].as_object().expect("no paths").iter();
    let mut paths: Vec<_> = paths
        .map(|(path, item)| DocumentedPath {
            segments: path.split('/').map(str::to_owned).collect(),
            operations: fields(item)
                .map(|(method, operation)| (method.clone(), responses_of(document, operation)))
                .collect(),
        })
        .collect();
    paths.sort_by_key(DocumentedPath::parameters);
    paths
}

fn responses_of(document: &Value, operation: &Value) -> Responses {
    fields(&operation["responses"])
        .map(|(status, response)| (status.clone(), Documented::of(document, response)))
        .collect()
}

fn fields(object: &Value) -> impl Iterator<Item = (&String, &Value)> {
    object.as_object().into_iter().flatten()
}

impl Documented {
    fn of(document: &Value, response: &Value) -> Self {
        let response = followed(document, response);
        let examples = &response["content"]["application/problem+json"]["examples"];
        let headers = fields(&response["headers"]).map(|(name, header)| {
            let header = followed(document, header);
            let documented = DocumentedHeader {
                schema: header["schema"].clone(),
                is_required: header["required"] == true,
            };
            (name.to_lowercase(), documented)
        });
        let bodies = fields(&response["content"]);
        Self {
            codes: fields(examples).map(|(code, _)| code.clone()).collect(),
            headers: headers.collect(),
            bodies: bodies
                .map(|(kind, body)| (kind.clone(), body["schema"].clone()))
                .collect(),
        }
    }

    fn compare_headers(&self, response: &TestResponse) -> Result<(), String> {
        for (name, header) in &self.headers {
            if header.is_required && !response.headers.contains_key(name) {
                return Err(format!("lacks the header {name}"));
            }
        }
        for name in response.headers.keys().map(|name| name.as_str()) {
            let is_common = COMMON.iter().any(|common| name.starts_with(common));
            match self.headers.get(name) {
                Some(header) => header.compare(name, response.header(name))?,
                // Those of bodies are compared with them.
                None if is_common || name == "content-type" => {}
                None => return Err(format!("has the header {name}")),
            }
        }
        Ok(())
    }

    fn compare_body(&self, response: &TestResponse, is_head: bool) -> Result<(), String> {
        let kind = response.header("content-type");
        let essence = kind.split(';').next().unwrap_or_default();
        let Some(schema) = self.bodies.get(essence) else {
            let is_none = self.bodies.is_empty() && kind.is_empty() && response.text.is_empty();
            let known: Vec<_> = self.bodies.keys().collect();
            return if is_none {
                Ok(())
            } else {
                Err(format!("has a body of the type {kind:?}, not {known:?}"))
            };
        };
        if is_head {
            return Ok(());
        }
        let is_json = essence.ends_with("json");
        let body = if is_json {
            response.json()
        } else {
            response.text.clone().into()
        };
        let checked = Schemas(&DOCUMENT).check(schema, &body);
        checked.map_err(|fault| format!("has another body: {fault}\nin {body:#}"))?;
        let code = body["code"].as_str().unwrap_or_default();
        if essence == "application/problem+json" && !self.codes.contains(code) {
            return Err(format!("lists {:?}: {body:#}", self.codes));
        }
        Ok(())
    }
}

impl DocumentedHeader {
    fn compare(&self, name: &str, text: &str) -> Result<(), String> {
        let value = match self.schema["type"].as_str() {
            Some("string") => text.into(),
            _ => serde_json::from_str(text).unwrap_or(Value::Null),
        };
        let checked = Schemas(&DOCUMENT).check(&self.schema, &value);
        checked.map_err(|fault| format!("has another header {name}{fault}"))
    }
}

/// What stands here, or what is referred to.
fn followed<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(target) => {
            let target = document.pointer(target.trim_start_matches('#'));
            target.expect("nothing is referred to")
        }
        None => value,
    }
}

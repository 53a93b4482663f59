//! The document as the contract that every response keeps which a test receives: it names the status, the code of
//! a problem, and each header that says something of this API.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use reqwest::Method;
use serde_json::Value;

use super::TestResponse;

static PATHS: LazyLock<Vec<DocumentedPath>> = LazyLock::new(documented_paths);

/// What the headers begin with that any server sends, whatever it serves.
const COMMON: [&str; 13] = [
    "access-control-",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-security-policy",
    "content-type",
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
    headers: BTreeSet<String>,
}

/// Asserts that the document describes this response to such a request. Whatever is no operation has no contract.
pub fn check(method: &Method, path: &str, response: &TestResponse) {
    // `HEAD` is served wherever `GET` is.
    let is_head = *method == Method::HEAD;
    let name = if is_head {
        "get"
    } else {
        &method.as_str().to_lowercase()
    };
    let documented = PATHS.iter().find(|it| it.is(path));
    let Some(responses) = documented.and_then(|it| it.operations.get(name)) else {
        return;
    };
    let status = response.status.as_str();
    let at = format!("{method} {path}: {status}");
    let Some(documented) = responses.get(status) else {
        panic!("{at} is not documented: {}", response.text);
    };
    if !is_head && response.header("content-type") == "application/problem+json" {
        let (problem, codes) = (response.json(), &documented.codes);
        let code = problem["code"].as_str().unwrap_or_default();
        assert!(codes.contains(code), "{at} lists {codes:?}: {problem:#}");
    }
    for name in response.headers.keys().map(|name| name.as_str()) {
        let is_common = COMMON.iter().any(|common| name.starts_with(common));
        let is_documented = documented.headers.contains(name);
        assert!(is_common || is_documented, "{at} has the header {name}");
    }
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
fn documented_paths() -> Vec<DocumentedPath> {
    let json = rollcall::openapi::to_json().expect("no document");
    let document: Value = serde_json::from_str(&json).expect("no JSON");
    let paths = document["paths"].as_object().expect("no paths").iter();
    let mut paths: Vec<_> = paths
        .map(|(path, item)| DocumentedPath {
            segments: path.split('/').map(str::to_owned).collect(),
            operations: fields(item)
                .map(|(method, operation)| (method.clone(), responses_of(&document, operation)))
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
        let response = match response["$ref"].as_str() {
            Some(target) => document
                .pointer(target.trim_start_matches('#'))
                .expect("no response"),
            None => response,
        };
        let examples = &response["content"]["application/problem+json"]["examples"];
        Self {
            codes: fields(examples).map(|(code, _)| code.clone()).collect(),
            headers: fields(&response["headers"])
                .map(|(name, _)| name.to_lowercase())
                .collect(),
        }
    }
}

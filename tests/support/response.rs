//! What a request was answered, and whether it is what was expected.

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::Value;

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub struct TestResponse {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
    /// The bytes as text, as far as they are.
    pub text: String,
}

impl TestResponse {
    /// Reads an answer to its end.
    pub async fn read(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.bytes().await.expect("the body breaks off");
        Self {
            status,
            headers,
            text: String::from_utf8_lossy(&bytes).into_owned(),
            bytes: bytes.into(),
        }
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text)
            .unwrap_or_else(|error| panic!("no JSON ({error}): {} {}", self.status, self.text))
    }

    /// A header's text; empty where it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| {
            value.to_str().expect("a header that is no text")
        })
    }

    /// Asserts status and body together and gives the body. In the expected body, `"<uuid>"`,
    /// `"<time>"`, `"<number>"`, `"<text>"` and `"<any>"` stand for any value of that kind; every
    /// other value has to be equal, and no field may be missing or too many.
    #[track_caller]
    pub fn expect(&self, status: u16, body: Value) -> Value {
        self.expect_status(status);
        let found = self.json();
        if let Err(difference) = differ(&body, &found, "") {
            panic!("{difference}\nin {found:#}");
        }
        found
    }

    /// Asserts the status and gives the body as JSON, null where it is empty.
    #[track_caller]
    pub fn expect_status(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        if self.text.is_empty() || !self.header("content-type").contains("json") {
            return Value::Null;
        }
        self.json()
    }

    /// Asserts that this is a problem with this status and code, whole and well-formed, and gives it.
    #[track_caller]
    pub fn expect_problem(&self, status: u16, code: &str) -> Value {
        let problem = self.expect_status(status);
        assert_eq!(problem["code"], code, "{problem:#}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(problem["status"], status, "{problem:#}");
        for field in ["type", "title", "detail", "request_id"] {
            let text = problem[field].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "{field} is missing in {problem:#}");
        }
        assert_eq!(problem["request_id"], self.header("x-request-id"));
        problem
    }

    /// Asserts a refusal of fields that break a rule and that these, by pointer and code, are all of them.
    #[track_caller]
    pub fn expect_fields(&self, expected: &[(&str, &str)]) {
        expect_errors(&self.expect_problem(422, "validation_failed"), expected);
    }

    /// Asserts a refusal of fields that are malformed and that these, by pointer and code, are all of them.
    #[track_caller]
    pub fn expect_malformed(&self, expected: &[(&str, &str)]) {
        expect_errors(&self.expect_problem(400, "malformed_request"), expected);
    }
}

#[track_caller]
fn expect_errors(problem: &Value, expected: &[(&str, &str)]) {
    let found: Vec<(&str, &str)> = problem["errors"]
        .as_array()
        .expect("no errors")
        .iter()
        .map(|error| (text(&error["pointer"]), text(&error["code"])))
        .collect();
    assert_eq!(found, expected, "{problem:#}");
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn differ(expected: &Value, found: &Value, at: &str) -> Result<(), String> {
    match (expected, found) {
        (Value::String(pattern), found) if pattern.starts_with('<') => {
            if matches_kind(pattern, found) {
                return Ok(());
            }
            Err(format!("at {at:?}: {found} is no {pattern}"))
        }
        (Value::Object(expected), Value::Object(found)) => {
            let missing = expected.keys().find(|key| !found.contains_key(*key));
            let surplus = found.keys().find(|key| !expected.contains_key(*key));
            if let Some(key) = missing {
                return Err(format!("at {at:?}: {key} is missing"));
            }
            if let Some(key) = surplus {
                return Err(format!("at {at:?}: {key} is too many"));
            }
            expected
                .iter()
                .try_for_each(|(key, value)| differ(value, &found[key], &format!("{at}/{key}")))
        }
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => expected
            .iter()
            .zip(found)
            .enumerate()
            .try_for_each(|(place, (one, other))| differ(one, other, &format!("{at}/{place}"))),
        (expected, found) if expected == found => Ok(()),
        (expected, found) => Err(format!("at {at:?}: expected {expected}, found {found}")),
    }
}

fn matches_kind(pattern: &str, found: &Value) -> bool {
    match pattern {
        "<any>" => true,
        "<number>" => found.is_number(),
        "<text>" => found.as_str().is_some_and(|text| !text.is_empty()),
        "<uuid>" => found
            .as_str()
            .is_some_and(|text| uuid::Uuid::parse_str(text).is_ok()),
        "<time>" => found
            .as_str()
            .is_some_and(|text| text.ends_with('Z') && text.parse::<jiff::Timestamp>().is_ok()),
        _ => panic!("{pattern} is no pattern"),
    }
}

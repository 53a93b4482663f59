//! What is asked, and what is answered.

use ureq::http::{HeaderMap, Method};
use url::Url;
use url::form_urlencoded;

/// How large an answer may be: a token, keys, a document of discovery.
pub const DOCUMENT_LIMIT: u64 = 1024 * 1024;

/// How large the metadata of a federation may be.
pub const METADATA_LIMIT: u64 = 5 * 1024 * 1024;

/// A request. Its headers and body may hold secrets, so that it cannot be printed.
pub struct OutboundRequest {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Option<Vec<u8>>,
    pub(super) limit: u64,
    pub(super) goes_first: bool,
}

impl OutboundRequest {
    /// Asks for a document.
    pub fn get(url: Url) -> Self {
        Self {
            method: Method::GET,
            url,
            headers: Vec::new(),
            body: None,
            limit: DOCUMENT_LIMIT,
            goes_first: false,
        }
    }

    /// Sends a body of this type.
    pub fn post(url: Url, content_type: &'static str, body: Vec<u8>) -> Self {
        Self {
            method: Method::POST,
            url,
            headers: vec![("content-type", content_type.to_owned())],
            body: Some(body),
            limit: DOCUMENT_LIMIT,
            goes_first: false,
        }
    }

    /// Sends a form.
    pub fn post_form(url: Url, fields: &[(&str, &str)]) -> Self {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields);
        let body = form.finish().into_bytes();
        Self::post(url, "application/x-www-form-urlencoded", body)
    }

    /// The same with another header.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The same for an answer of another size.
    #[must_use]
    pub fn up_to(mut self, limit: u64) -> Self {
        self.limit = limit;
        self
    }

    /// The same for something that more than one call waits for: it goes before the others of its organization.
    #[must_use]
    pub fn before_others(mut self) -> Self {
        self.goes_first = true;
        self
    }

    pub fn url(&self) -> &Url {
        &self.url
    }

    /// A header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let of_name = self.headers.iter().find(|(known, _)| *known == name);
        of_name.map(|(_, value)| value.as_str())
    }

    /// What is sent.
    pub fn body(&self) -> &[u8] {
        self.body.as_deref().unwrap_or_default()
    }
}

/// An answer, of whatever status.
pub struct OutboundResponse {
    pub status: u16,
    pub(super) headers: HeaderMap,
    pub body: Vec<u8>,
}

impl OutboundResponse {
    /// One that nobody sent.
    #[cfg(test)]
    pub fn of_test(status: u16, body: &str) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body: body.as_bytes().to_vec(),
        }
    }

    /// Whether it is what was asked for.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// A header, by its name in lower case, where it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

//! Lists: keyset pages with an opaque cursor (`docs/api-design.md#lists`).

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::header;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use crate::domain::search_key::SearchWords;
use crate::error::{Error, Result};
use crate::store::Page;

/// The fewest and the most entries of a page, and how many it has unless asked
/// (`docs/api-design.md#lists`).
const LIMITS: std::ops::RangeInclusive<i64> = 1..=200;
const DEFAULT_LIMIT: i64 = 50;

/// How many entries the caller wants, made sure to be allowed.
#[derive(Clone, Copy, Debug)]
pub struct PageSize(i64);

impl PageSize {
    /// The asked number.
    ///
    /// # Errors
    /// `validation_failed` outside 1 to 200.
    pub fn parse(asked: Option<i64>) -> Result<Self> {
        let limit = asked.unwrap_or(DEFAULT_LIMIT);
        if LIMITS.contains(&limit) {
            return Ok(Self(limit));
        }
        let detail = "A page has at least 1 and at most 200 entries.";
        Err(Error::invalid("?limit", "out_of_range", detail))
    }

    /// The page behind this entry, with one entry more: whether it is there tells whether a next
    /// page is.
    pub fn page<K>(self, after: Option<K>) -> Page<K> {
        Page {
            after,
            limit: self.with_lookahead(),
        }
    }

    /// One entry more than the page has: whether it is there tells whether a next page is.
    pub fn with_lookahead(self) -> i64 {
        self.0 + 1
    }
}

/// Which page of a list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// How many entries: 1 to 200.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<i64>,
    /// The `next_cursor` of the page before.
    #[param(max_length = 1000)]
    cursor: Option<String>,
}

impl PageQuery {
    /// The number asked for.
    ///
    /// # Errors
    /// `validation_failed` outside 1 to 200.
    pub fn limit(&self) -> Result<PageSize> {
        PageSize::parse(self.limit)
    }

    /// Where the page begins.
    ///
    /// # Errors
    /// `validation_failed` for a cursor that is not of this list.
    pub fn after<T: DeserializeOwned>(&self) -> Result<Option<T>> {
        parse_cursor(self.cursor.as_deref())
    }
}

/// The most characters of a search for people: a whole address.
pub const MAX_SEARCH: usize = 254;

/// Reads what is searched for; a text of nothing that counts narrows no list.
///
/// # Errors
/// As [`refuse_unusable`].
pub fn parse_search(text: Option<&str>, most: usize) -> Result<Option<SearchWords>> {
    refuse_unusable("?search", text, most)?;
    Ok(text.and_then(SearchWords::parse))
}

/// Refuses a text that no column holds: too long, or with a NUL, which PostgreSQL does not take.
///
/// # Errors
/// `validation_failed`.
pub fn refuse_unusable(name: &'static str, text: Option<&str>, most: usize) -> Result<()> {
    match text {
        Some(text) if text.chars().count() > most => {
            let detail = format!("This has at most {most} characters.");
            Err(Error::invalid(name, "too_long", detail))
        }
        Some(text) if text.contains('\0') => {
            let detail = "This must not contain control characters.";
            Err(Error::invalid(name, "invalid", detail))
        }
        _ => Ok(()),
    }
}

/// Reads a cursor that an earlier page gave.
///
/// # Errors
/// `validation_failed` where it is none of ours, or of another list or order.
pub fn parse_cursor<T: DeserializeOwned>(cursor: Option<&str>) -> Result<Option<T>> {
    let Some(cursor) = cursor else {
        return Ok(None);
    };
    // No name holds a NUL, so no cursor of ours does.
    let has_nul = |json: &[u8]| json.windows(6).any(|window| window == b"\\u0000");
    let position = URL_SAFE_NO_PAD
        .decode(cursor)
        .ok()
        .filter(|json| !has_nul(json))
        .and_then(|json| serde_json::from_slice(&json).ok());
    position.map(Some).ok_or_else(bad_cursor)
}

/// The refusal of a cursor that does not belong to the list.
pub fn bad_cursor() -> Error {
    Error::invalid(
        "?cursor",
        "cursor_invalid",
        "This cursor is not from this list in this order. Begin again without one.",
    )
}

/// One page, as responses show it.
pub struct Paged<T> {
    items: Vec<T>,
    next_cursor: Option<String>,
}

impl<T> Paged<T> {
    /// Shapes what a list gave for a limit with lookahead; `position` tells where an entry stands.
    ///
    /// # Errors
    /// Never, with positions that can be written as JSON.
    pub fn new<S, P: Serialize>(
        mut found: Vec<S>,
        limit: PageSize,
        position: impl Fn(&S) -> P,
        shape: impl Fn(S) -> T,
    ) -> Result<Self> {
        let page = usize::try_from(limit.0).map_err(Error::internal)?;
        let has_more = found.len() > page;
        found.truncate(page);
        let next_cursor = match found.last().filter(|_| has_more) {
            Some(last) => Some(encode(&position(last))?),
            None => None,
        };
        Ok(Self {
            items: found.into_iter().map(shape).collect(),
            next_cursor,
        })
    }

    /// Its entries, and where the next page begins, for a body that tells more than a list.
    pub fn into_parts(self) -> (Vec<T>, Option<String>) {
        (self.items, self.next_cursor)
    }

    /// The response: the body that `body` makes of items and cursor, and a `Link` to the next page.
    pub fn respond<B: Serialize>(
        self,
        request: &HttpRequest,
        body: impl FnOnce(Vec<T>, Option<String>) -> B,
    ) -> HttpResponse {
        let mut response = HttpResponse::Ok();
        if let Some(cursor) = &self.next_cursor {
            let link = format!("<{}>; rel=\"next\"", next_url(request, cursor));
            response.insert_header((header::LINK, link));
        }
        response.json(body(self.items, self.next_cursor))
    }
}

fn encode(position: &impl Serialize) -> Result<String> {
    let json = serde_json::to_vec(position).map_err(Error::internal)?;
    Ok(URL_SAFE_NO_PAD.encode(json))
}

/// The same request with the next cursor, relative to the host (RFC 8288 allows it).
fn next_url(request: &HttpRequest, cursor: &str) -> String {
    let others = url::form_urlencoded::parse(request.query_string().as_bytes())
        .filter(|(name, _)| name != "cursor");
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(others)
        .append_pair("cursor", cursor)
        .finish();
    format!("{}?{query}", request.path())
}

/// Declares the body of one list's pages under a name of its own, which generated clients need.
macro_rules! page_body {
    ($(#[$doc:meta])* $name:ident of $item:ty) => {
        $(#[$doc])*
        #[derive(serde::Serialize, utoipa::ToSchema)]
        pub struct $name {
            #[schema(max_items = 200)]
            pub items: Vec<$item>,
            /// Send it as `cursor` for the next page; `null` at the end.
            #[schema(max_length = 1000)]
            pub next_cursor: Option<String>,
        }

        impl $name {
            /// The body of a page.
            pub fn new(items: Vec<$item>, next_cursor: Option<String>) -> Self {
                Self { items, next_cursor }
            }
        }
    };
}
pub(crate) use page_body;

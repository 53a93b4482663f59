//! The headers that tell how the sender of a request stands with the limits that it met
//! (draft-ietf-httpapi-ratelimit-headers, `docs/limits.md`).

use actix_web::HttpMessage as _;
use actix_web::dev::ServiceResponse;
use actix_web::http::header::{HeaderName, HeaderValue};

use super::problem::whole_seconds;
use crate::services::limits::{LimitState, LimitStates};

/// Each limit with its quota.
pub const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Of each limit, what is left.
pub const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// Adds the headers to the response of a request that met limits.
pub fn add(response: &mut ServiceResponse) {
    let met = response
        .request()
        .extensions()
        .get::<LimitStates>()
        .cloned();
    let states = met.map(|states| states.list()).unwrap_or_default();
    let policies = joined(&states, |state| {
        let (limit, quota) = (state.limit, state.quota);
        format!("\"{limit}\";q={};w={}", quota.uses, quota.seconds)
    });
    let left = joined(&states, |state| {
        let next = whole_seconds(state.next_in);
        format!("\"{}\";r={};t={next}", state.limit, state.left)
    });
    for (name, text) in [(RATELIMIT_POLICY, policies), (RATELIMIT, left)] {
        if let (false, Ok(value)) = (text.is_empty(), HeaderValue::from_str(&text)) {
            response.headers_mut().insert(name, value);
        }
    }
}

fn joined(states: &[LimitState], words: impl Fn(&LimitState) -> String) -> String {
    let items: Vec<String> = states.iter().map(words).collect();
    items.join(", ")
}

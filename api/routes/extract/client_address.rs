//! Where a request comes from, and how its sender stands with the limits.

use std::future::{Ready, ready};

use actix_web::dev::{Payload, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, web};

use crate::domain::client_address::{counted_as, forwarded_for};
use crate::error::Error;
use crate::routes::problem::{Problem, whole_seconds};
use crate::services::limits::{LimitState, LimitStates};
use crate::state::State;

/// The headers that tell how a sender stands (draft-ietf-httpapi-ratelimit-headers).
pub const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
pub const LIMIT_STATE: HeaderName = HeaderName::from_static("ratelimit");

/// Where a request comes from: an address, or the network of one customer. A subject of limits.
pub struct ClientAddress(pub String);

/// Proxies set the one header or the other; where both are there, the older one is the one that
/// nearly all of them set.
fn client_of(request: &HttpRequest, state: &State) -> String {
    let Some(peer) = request.peer_addr() else {
        return String::new();
    };
    let lines = |name: &str| {
        let values = request.headers().get_all(name);
        let lines: Vec<&str> = values.filter_map(|value| value.to_str().ok()).collect();
        lines.join(",")
    };
    let trusted = &state.services.config.trusted_proxies;
    let (older, newer) = (lines("x-forwarded-for"), lines("forwarded"));
    counted_as(if older.is_empty() {
        trusted.client(peer.ip(), forwarded_for(&newer))
    } else {
        trusted.client(peer.ip(), older.split(','))
    })
}

/// Adds the headers that tell how the sender stands with the limits that the request met, if any.
pub fn announce(response: &mut ServiceResponse) {
    let known = response
        .request()
        .extensions()
        .get::<LimitStates>()
        .cloned();
    let states = known.map(|states| states.list()).unwrap_or_default();
    let policies = joined(&states, |state| {
        let (limit, quota) = (state.limit, state.quota);
        format!("\"{limit}\";q={};w={}", quota.uses, quota.seconds)
    });
    let left = joined(&states, |state| {
        let next = whole_seconds(state.next_in);
        format!("\"{}\";r={};t={next}", state.limit, state.left)
    });
    for (name, text) in [(POLICY, policies), (LIMIT_STATE, left)] {
        if let (false, Ok(value)) = (text.is_empty(), HeaderValue::from_str(&text)) {
            response.headers_mut().insert(name, value);
        }
    }
}

fn joined(states: &[LimitState], words: impl Fn(&LimitState) -> String) -> String {
    let items: Vec<String> = states.iter().map(words).collect();
    items.join(", ")
}

impl FromRequest for ClientAddress {
    type Error = Problem;
    type Future = Ready<std::result::Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let state = request.app_data::<web::Data<State>>();
        let state = state.ok_or_else(|| Error::internal("the application has no state").into());
        ready(state.map(|state| Self(client_of(request, state))))
    }
}

//! Where a request comes from.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};

use crate::domain::client_address::{counted_as, forwarded_for};
use crate::error::Error;
use crate::routes::problem::Problem;
use crate::state::State;

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

impl FromRequest for ClientAddress {
    type Error = Problem;
    type Future = Ready<std::result::Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let state = request.app_data::<web::Data<State>>();
        let state = state.ok_or_else(|| Error::internal("the application has no state").into());
        ready(state.map(|state| Self(client_of(request, state))))
    }
}

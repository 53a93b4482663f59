//! Where a request comes from.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};

use crate::domain::client_address::Client;
use crate::error::Error;
use crate::routes::problem::Problem;
use crate::state::State;

/// Where a request comes from. A subject of limits.
pub struct ClientAddress(pub Client);

/// The client behind the proxies that are trusted, by the lines of the one header that they write.
pub(super) fn client_of(request: &HttpRequest, state: &State) -> Client {
    let Some(peer) = request.peer_addr() else {
        return Client::default();
    };
    let config = &state.services.config;
    let values = request.headers().get_all(config.proxy_header.name());
    let lines: Vec<&[u8]> = values.map(|value| value.as_bytes()).collect();
    let lines = lines.join(&b',');
    let hops = config.proxy_header.hops(&lines);
    Client::at(config.trusted_proxies.client(peer.ip(), hops))
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

//! What a request tells of itself, whoever sent it.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpMessage, HttpRequest};

use crate::domain::language::Language;
use crate::domain::timestamp::Timestamp;
use crate::services::act::Act;
use crate::services::context::RequestContext;
use crate::services::limits::LimitStates;
use crate::store::accounts::Account;

/// A request's id, which the client may have chosen.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// A request's id and the client that sent it.
#[derive(Clone, Debug)]
pub struct RequestInfo {
    pub id: String,
    pub user_agent: Option<String>,
    /// Of the languages that we write in, the one that the client prefers.
    pub language: Option<Language>,
    limit_states: LimitStates,
}

/// How much of a user agent is kept, in characters.
const MAX_USER_AGENT: usize = 200;

impl RequestInfo {
    /// Reads them off a request that the middleware has seen.
    pub fn of(request: &HttpRequest) -> Self {
        let id = request
            .extensions()
            .get::<RequestId>()
            .map(|id| id.0.clone())
            .unwrap_or_default();
        Self {
            id,
            user_agent: text_of(request, header::USER_AGENT)
                .map(|agent| agent.chars().take(MAX_USER_AGENT).collect()),
            language: text_of(request, header::ACCEPT_LANGUAGE).and_then(Language::accepted),
            limit_states: limit_states_of(request),
        }
    }

    /// The context of a unit of work for this request, before it is known who sent it.
    pub fn context(&self, now: Timestamp) -> RequestContext {
        RequestContext {
            limit_states: self.limit_states.clone(),
            ..RequestContext::anonymous(&self.id, now)
        }
    }

    /// What a person does in this request, once it is known who it is.
    pub fn act_of(self, at: Timestamp) -> impl FnOnce(&Account) -> Act {
        move |account| Act::of(account, self.id, at)
    }
}

fn text_of(request: &HttpRequest, name: header::HeaderName) -> Option<&str> {
    request.headers().get(name)?.to_str().ok()
}

/// The limits that this request met so far; everything that serves it shares one list.
pub fn limit_states_of(request: &HttpRequest) -> LimitStates {
    let mut extensions = request.extensions_mut();
    if let Some(known) = extensions.get::<LimitStates>() {
        return known.clone();
    }
    let states = LimitStates::default();
    extensions.insert(states.clone());
    states
}

impl FromRequest for RequestInfo {
    type Error = std::convert::Infallible;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(request)))
    }
}

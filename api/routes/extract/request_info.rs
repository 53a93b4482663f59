//! What a request tells of itself.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpMessage, HttpRequest};

use crate::domain::language::Language;
use crate::domain::timestamp::Timestamp;
use crate::services::act::Act;
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
        let user_agent = request
            .headers()
            .get(header::USER_AGENT)
            .and_then(|value| value.to_str().ok())
            .map(|agent| agent.chars().take(MAX_USER_AGENT).collect());
        let language = request
            .headers()
            .get(header::ACCEPT_LANGUAGE)
            .and_then(|value| value.to_str().ok())
            .and_then(Language::accepted);
        Self {
            id,
            user_agent,
            language,
        }
    }

    /// What a person does in this request, once it is known who it is.
    pub fn act_of(self, at: Timestamp) -> impl FnOnce(&Account) -> Act {
        move |account| Act::of(account, self.id, at)
    }
}

impl FromRequest for RequestInfo {
    type Error = std::convert::Infallible;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(request)))
    }
}

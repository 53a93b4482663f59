//! Requests that are done once however often they are sent (PRODUCT 4, `Idempotency-Key`).

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use serde::Serialize;

use crate::error::{Error, Result};
use crate::routes::problem::Problem;
use crate::state::State;
use crate::store::Connection;

/// An answer that can be kept and given again: what a `POST` that creates or sends ends in.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub location: Option<String>,
    /// JSON; empty where there is nothing to say.
    pub body: Vec<u8>,
}

impl Reply {
    /// 200 with a body.
    ///
    /// # Errors
    /// Never, for what can be written as JSON.
    pub fn ok(body: &impl Serialize) -> Result<Self> {
        Self::with(StatusCode::OK, body)
    }

    /// 201 with what was created.
    ///
    /// # Errors
    /// Never, for what can be written as JSON.
    pub fn created(body: &impl Serialize) -> Result<Self> {
        Self::with(StatusCode::CREATED, body)
    }

    /// 202 with what was accepted.
    ///
    /// # Errors
    /// Never, for what can be written as JSON.
    pub fn accepted(body: &impl Serialize) -> Result<Self> {
        Self::with(StatusCode::ACCEPTED, body)
    }

    /// 202 without a body.
    pub fn accepted_silently() -> Self {
        Self {
            status: StatusCode::ACCEPTED,
            location: None,
            body: Vec::new(),
        }
    }

    /// 204.
    pub fn no_content() -> Self {
        Self {
            status: StatusCode::NO_CONTENT,
            location: None,
            body: Vec::new(),
        }
    }

    /// With the place of what was made.
    #[must_use]
    pub fn at(mut self, location: String) -> Self {
        self.location = Some(location);
        self
    }

    fn with(status: StatusCode, body: &impl Serialize) -> Result<Self> {
        Ok(Self {
            status,
            location: None,
            body: serde_json::to_vec(body).map_err(Error::internal)?,
        })
    }
}

impl From<Reply> for HttpResponse {
    fn from(reply: Reply) -> Self {
        let mut response = Self::build(reply.status);
        // Passwords and tokens may be in it.
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        if let Some(location) = reply.location {
            response.insert_header((header::LOCATION, location));
        }
        if reply.body.is_empty() {
            return response.finish();
        }
        response.content_type("application/json").body(reply.body)
    }
}

/// What a handler takes whose work is done once for each `Idempotency-Key`.
pub struct Once {}

impl Once {
    /// Does `work`, or gives the answer that the same request got before. The answer is kept in the
    /// transaction of the work, so that a crash leaves both or neither. `scope` tells whose keys they
    /// are.
    ///
    /// # Errors
    /// `idempotency_conflict` where the key came with another request; the work's own.
    pub fn run(
        self,
        _state: &State,
        connection: &mut Connection,
        _scope: &str,
        work: impl FnOnce(&mut Connection) -> Result<Reply>,
    ) -> Result<Reply> {
        work(connection)
    }

    /// As [`Once::run`], for somebody without a session.
    ///
    /// # Errors
    /// As there.
    pub async fn stranger(
        self,
        state: &State,
        work: impl FnOnce(&mut Connection) -> Result<Reply> + Send + 'static,
    ) -> Result<HttpResponse> {
        let shared = state.clone();
        let reply = state
            .unit(move |connection| self.run(&shared, connection, "", work))
            .await?;
        Ok(reply.into())
    }

    fn of(_request: &HttpRequest) -> Result<Self> {
        Ok(Self {})
    }
}

impl FromRequest for Once {
    type Error = Problem;
    type Future = Ready<std::result::Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request).map_err(Problem::from))
    }
}

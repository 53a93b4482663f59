//! Requests that are done once however often they are sent (PRODUCT 4, `Idempotency-Key`).

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, HttpResponse};
use serde::Serialize;

use super::fingerprint::{BodyDigest, of_request};
use super::idempotency::{IDEMPOTENCY_KEY, REPLAYED};
use crate::crypto::digest::Digest;
use crate::domain::idempotency_key::IdempotencyKey;
use crate::error::{Error, Result};
use crate::routes::problem::Problem;
use crate::services::context::RequestContext;
use crate::services::idempotency::{Execution, KeyedRequest, StoredResponse};
use crate::services::unit_of_work::UnitOfWork;
use crate::state::State;
use crate::store::Connection;

/// An answer that can be kept and given again: what a `POST` that creates or sends ends in.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub location: Option<String>,
    /// JSON; empty where there is nothing to say.
    pub body: Vec<u8>,
    /// Whether it was given before, and nothing was done now.
    pub replayed: bool,
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
            replayed: false,
        }
    }

    /// 204.
    pub fn no_content() -> Self {
        Self {
            status: StatusCode::NO_CONTENT,
            location: None,
            body: Vec::new(),
            replayed: false,
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
            replayed: false,
        })
    }

    fn known(answer: StoredResponse) -> Result<Self> {
        Ok(Self {
            status: StatusCode::from_u16(answer.status).map_err(Error::internal)?,
            location: answer.location,
            body: answer.body,
            replayed: true,
        })
    }

    fn to_answer(&self) -> StoredResponse {
        StoredResponse {
            status: self.status.as_u16(),
            location: self.location.clone(),
            body: self.body.clone(),
        }
    }
}

impl From<Reply> for HttpResponse {
    fn from(reply: Reply) -> Self {
        let mut response = Self::build(reply.status);
        // Passwords and tokens may be in it.
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        if reply.replayed {
            response.insert_header((REPLAYED, "true"));
        }
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
pub struct Once {
    named: Option<Named>,
}

/// A request that its client has named.
struct Named {
    key: IdempotencyKey,
    method: String,
    path: String,
    /// The path with its query.
    target: String,
    body: Body,
}

enum Body {
    Passing(BodyDigest),
    Digested(Digest),
}

impl Once {
    /// Does `work`, or gives the answer that the same request got before. The answer is kept in the
    /// transaction of the work, so that a crash leaves both or neither; what is refused is not kept.
    /// `scope` tells whose keys they are. The body has to have been read by now.
    ///
    /// # Errors
    /// `idempotency_conflict` where the key came with another request; the work's own.
    pub fn run(
        self,
        state: &State,
        connection: &mut Connection,
        scope: &str,
        work: impl FnOnce(&mut Connection) -> Result<Reply>,
    ) -> Result<Reply> {
        let Some(named) = self.named else {
            return work(connection);
        };
        let now = state.services.clock.now();
        let context = RequestContext::anonymous("", now);
        let mut tx = UnitOfWork::new(connection, &state.services, &context);
        let execution = named.request_of(scope).execute(&mut tx, |tx| {
            work(tx.connection).map(|reply| reply.to_answer())
        })?;
        match execution {
            Execution::Replayed(answer) => Reply::known(answer),
            Execution::Executed(answer) => Ok(Reply {
                replayed: false,
                ..Reply::known(answer)?
            }),
        }
    }

    /// As [`Once::run`], for somebody without a session.
    ///
    /// # Errors
    /// As there.
    pub async fn anonymous(
        self,
        state: &State,
        work: impl FnOnce(&mut Connection) -> Result<Reply> + Send + 'static,
    ) -> Result<HttpResponse> {
        let shared = state.clone();
        let reply = state
            .run_blocking(move |connection| self.run(&shared, connection, ANONYMOUS, work))
            .await?;
        Ok(reply.into())
    }

    /// The answer that the same request got before, if it did: for work that has to check or hash
    /// something first, which a repetition would not pass, or do in vain. [`Once::run`] still has to
    /// follow: the same request may be at work at the same moment.
    ///
    /// # Errors
    /// `idempotency_conflict` where the key came with another request.
    pub fn known(
        &self,
        state: &State,
        connection: &mut Connection,
        scope: &str,
    ) -> Result<Option<Reply>> {
        let Some(named) = &self.named else {
            return Ok(None);
        };
        let (request, now) = (named.request_of(scope), state.services.clock.now());
        let context = RequestContext::anonymous("", now);
        let known = request.replay(&mut UnitOfWork::new(connection, &state.services, &context))?;
        known.map(Reply::known).transpose()
    }

    /// As [`Once::known`], for somebody without a session.
    ///
    /// # Errors
    /// As there.
    pub async fn replay_to_anonymous(self, state: &State) -> Result<(Self, Option<Reply>)> {
        if self.named.is_none() {
            return Ok((self, None));
        }
        let shared = state.clone();
        state
            .run_blocking(move |connection| {
                let known = self.known(&shared, connection, ANONYMOUS)?;
                Ok((self, known))
            })
            .await
    }

    /// For a form, whose bytes differ each time that it is sent: it is known by what it says.
    #[must_use]
    pub fn with_form(self, digest: Digest) -> Self {
        let named = self.named.map(|named| Named {
            body: Body::Digested(digest),
            ..named
        });
        Self { named }
    }

    fn of(request: &HttpRequest) -> Result<Self> {
        let mut headers = request.headers().get_all(IDEMPOTENCY_KEY);
        let Some(header) = headers.next() else {
            return Ok(Self { named: None });
        };
        let key = header.to_str().ok().and_then(IdempotencyKey::parse);
        let key = key.filter(|_| headers.next().is_none());
        let key = key.ok_or_else(unusable_key)?;
        let body = request.extensions().get::<BodyDigest>().cloned();
        let body = body.ok_or_else(|| Error::internal("nobody digests the body"))?;
        let (path, uri) = (request.path().to_owned(), request.uri());
        let named = Named {
            key,
            method: request.method().to_string(),
            target: uri.path_and_query().map_or("", |it| it.as_str()).to_owned(),
            path,
            body: Body::Passing(body),
        };
        Ok(Self { named: Some(named) })
    }
}

/// Whoever has no session shares the keys of an operation with all others.
const ANONYMOUS: &str = "";

impl Named {
    fn request_of(&self, scope: &str) -> KeyedRequest {
        let body = match &self.body {
            Body::Passing(digest) => digest.so_far(),
            Body::Digested(digest) => *digest,
        };
        let digest = of_request(&self.method, &self.target, &body);
        if scope == ANONYMOUS {
            let operation = format!("{} {}", self.method, self.path);
            return KeyedRequest::new(&operation, &self.key, digest);
        }
        KeyedRequest::new(scope, &self.key, digest)
    }
}

fn unusable_key() -> Error {
    Error::invalid(
        "Idempotency-Key",
        "invalid",
        "Send one key of 1 to 255 visible ASCII characters, a random UUID for example.",
    )
}

impl FromRequest for Once {
    type Error = Problem;
    type Future = Ready<std::result::Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request).map_err(Problem::from))
    }
}

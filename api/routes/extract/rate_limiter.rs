//! How often callers may try (PRODUCT 4).

use std::collections::BTreeMap;
use std::future::{Ready, ready};
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::dev::{Payload, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, web};

use crate::domain::client_address::{counted_as, forwarded_for};
use crate::error::{Error, Result};
use crate::routes::problem::{Problem, whole_seconds};
use crate::services::limits::{self, Limit, LimitRequest, LimitState};
use crate::state::State;
use crate::store::{Connection, transaction};

/// The headers that tell how a caller stands (draft-ietf-httpapi-ratelimit-headers).
pub const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
pub const LIMIT_STATE: HeaderName = HeaderName::from_static("ratelimit");

/// Takes uses of limits for a request; its answer tells how the caller stands with each.
#[derive(Clone)]
pub struct RateLimiter {
    state: State,
    client: String,
    limit_states: LimitStates,
}

/// Uses that were taken.
pub struct Taken {
    rate_limiter: RateLimiter,
    uses: Vec<LimitRequest>,
}

/// How the caller of a request stands with each limit that it met.
#[derive(Clone, Default)]
struct LimitStates(Arc<Mutex<BTreeMap<Limit, LimitState>>>);

impl RateLimiter {
    /// Where the request comes from: an address, or a network of one customer.
    pub fn client(&self) -> &str {
        &self.client
    }

    /// Takes one use for the client's address.
    ///
    /// # Errors
    /// `rate_limited`.
    pub async fn take_for_client(&self, limit: Limit) -> Result<Taken> {
        self.take(limit, &self.client).await
    }

    /// Takes one use for a subject: an account's id, an address.
    ///
    /// # Errors
    /// `rate_limited`.
    pub async fn take(&self, limit: Limit, subject: &str) -> Result<Taken> {
        self.take_all(vec![LimitRequest::one(limit, subject)]).await
    }

    /// Takes so many uses at once, or none.
    ///
    /// # Errors
    /// `rate_limited`.
    pub async fn take_many(&self, limit: Limit, subject: &str, uses: u32) -> Result<Taken> {
        let wanted = LimitRequest {
            uses,
            ..LimitRequest::one(limit, subject)
        };
        self.take_all(vec![wanted]).await
    }

    /// Takes uses of several limits, all or none. They have to be named in the order of their
    /// declaration.
    ///
    /// # Errors
    /// `rate_limited`.
    pub async fn take_all(&self, uses: Vec<LimitRequest>) -> Result<Taken> {
        let taken = Taken {
            rate_limiter: self.clone(),
            uses: uses.clone(),
        };
        let (config, now) = (self.state.config.clone(), self.state.clock.now());
        let (outcome, seen) = self
            .state
            .run_blocking(move |connection| {
                let mut seen = Vec::new();
                let outcome = limits::take(connection, &config.limits, &uses, now, &mut seen);
                Ok((outcome, seen))
            })
            .await?;
        self.limit_states.note(seen);
        outcome.map(|()| taken)
    }

    /// Takes uses on the connection of the work that they are for: where that is refused and undone,
    /// nothing was taken. They have to be named in the order of their declaration.
    ///
    /// # Errors
    /// `rate_limited`.
    pub fn take_within(&self, connection: &mut Connection, uses: &[LimitRequest]) -> Result<()> {
        let (quotas, now) = (&self.state.config.limits, self.state.clock.now());
        let mut seen = Vec::new();
        let outcome = limits::take(connection, quotas, uses, now, &mut seen);
        self.limit_states.note(seen);
        outcome
    }

    fn of(request: &HttpRequest) -> Result<Self> {
        let state = request
            .app_data::<web::Data<State>>()
            .ok_or_else(|| Error::internal("no state"))?;
        let known = request.extensions().get::<LimitStates>().cloned();
        let limit_states = known.unwrap_or_default();
        request.extensions_mut().insert(limit_states.clone());
        Ok(Self {
            client: client_of(request, state),
            state: State::clone(state),
            limit_states,
        })
    }
}

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
    let trusted = &state.config.trusted_proxies;
    let (older, newer) = (lines("x-forwarded-for"), lines("forwarded"));
    counted_as(if older.is_empty() {
        trusted.client(peer.ip(), forwarded_for(&newer))
    } else {
        trusted.client(peer.ip(), older.split(','))
    })
}

impl Taken {
    /// Gives the uses back: only what fails is counted.
    ///
    /// # Errors
    /// Where the database is away.
    pub async fn refund(self) -> Result<()> {
        let RateLimiter {
            state,
            limit_states,
            ..
        } = self.rate_limiter;
        let (config, now, uses) = (state.config.clone(), state.clock.now(), self.uses);
        let seen = state
            .run_blocking(move |connection| {
                let mut seen = Vec::new();
                limits::refund(connection, &config.limits, &uses, now, &mut seen)?;
                Ok(seen)
            })
            .await?;
        limit_states.note(seen);
        Ok(())
    }
}

impl Taken {
    /// Does what the uses were taken for, and gives them back, in one transaction; where the work is
    /// refused, they are given back all the same.
    ///
    /// # Errors
    /// The work's own.
    pub async fn refund_with<T: Send + 'static>(
        self,
        work: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let RateLimiter {
            state,
            limit_states,
            ..
        } = self.rate_limiter;
        let (config, now, uses) = (state.config.clone(), state.clock.now(), self.uses);
        let (outcome, seen) = state
            .run_blocking(move |connection| {
                let (quotas, mut seen) = (&config.limits, Vec::new());
                let done = transaction(connection, |connection| {
                    let done = work(connection)?;
                    limits::refund(connection, quotas, &uses, now, &mut seen)?;
                    Ok(done)
                });
                if done.is_err() {
                    limits::refund(connection, quotas, &uses, now, &mut seen)?;
                }
                Ok((done, seen))
            })
            .await?;
        limit_states.note(seen);
        outcome
    }
}

impl LimitStates {
    fn note(&self, seen: Vec<LimitState>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.extend(
            seen.into_iter()
                .map(|limit_state| (limit_state.limit, limit_state)),
        );
    }

    /// Each limit_state in its own words, one after the other.
    fn list(&self, words: impl Fn(&LimitState) -> String) -> String {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let items: Vec<String> = known.values().map(words).collect();
        items.join(", ")
    }
}

/// Tells in an answer how its caller stands with the limits that the request met, if it met any.
pub fn announce(response: &mut ServiceResponse) {
    let limit_states = response
        .request()
        .extensions()
        .get::<LimitStates>()
        .cloned();
    let Some(limit_states) = limit_states else {
        return;
    };
    let policies = limit_states.list(|limit_state| {
        let quota = limit_state.quota;
        format!(
            "\"{}\";q={};w={}",
            limit_state.limit, quota.uses, quota.seconds
        )
    });
    let left = limit_states.list(|limit_state| {
        let next = whole_seconds(limit_state.next_in);
        format!("\"{}\";r={};t={next}", limit_state.limit, limit_state.left)
    });
    for (name, text) in [(POLICY, policies), (LIMIT_STATE, left)] {
        if let (false, Ok(value)) = (text.is_empty(), HeaderValue::from_str(&text)) {
            response.headers_mut().insert(name, value);
        }
    }
}

impl FromRequest for RateLimiter {
    type Error = Problem;
    type Future = Ready<std::result::Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request).map_err(Problem::from))
    }
}

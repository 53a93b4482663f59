//! How often callers may try (PRODUCT 4).

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};

use crate::error::{Error, Result};
use crate::routes::problem::Problem;
use crate::services::limits::{self, Limit};
use crate::state::State;

/// Takes uses of limits for a request.
#[derive(Clone)]
pub struct Throttle {
    state: State,
    /// Where the request comes from: an address, or a network of one customer.
    client: String,
}

/// A use that was taken.
pub struct Taken {
    state: State,
    limit: Limit,
    subject: String,
}

impl Throttle {
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
        let taken = Taken {
            state: self.state.clone(),
            limit,
            subject: subject.to_owned(),
        };
        let (now, subject) = (self.state.clock.now(), subject.to_owned());
        self.state
            .unit(move |connection| limits::take(connection, limit, &subject, now))
            .await?;
        Ok(taken)
    }

    fn of(request: &HttpRequest) -> Result<Self> {
        let state = request
            .app_data::<web::Data<State>>()
            .ok_or_else(|| Error::internal("no state"))?;
        let client = request
            .peer_addr()
            .map(|address| address.ip().to_string())
            .unwrap_or_default();
        Ok(Self {
            state: State::clone(state),
            client,
        })
    }
}

impl Taken {
    /// Gives the use back: only what fails is counted.
    ///
    /// # Errors
    /// Where the database is away.
    pub async fn give_back(self) -> Result<()> {
        let (limit, subject, now) = (self.limit, self.subject, self.state.clock.now());
        self.state
            .unit(move |connection| limits::give_back(connection, limit, &subject, now))
            .await
    }
}

impl FromRequest for Throttle {
    type Error = Problem;
    type Future = Ready<std::result::Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request).map_err(Problem::from))
    }
}

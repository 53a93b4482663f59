//! Query parameters.

use std::future::{Ready, ready};
use std::ops::Deref;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};

use super::reading::read_query;
use crate::domain::timestamp::Timestamp;
use crate::routes::problem::Problem;

/// The query parameters of a request.
pub struct Query<T>(T);

impl<T> Query<T> {
    /// What was asked.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Query<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: DeserializeOwned> FromRequest for Query<T> {
    type Error = Problem;
    type Future = Ready<std::result::Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let read = read_query(request.query_string());
        ready(read.map(Self).map_err(Problem::from))
    }
}

/// Reads a moment, or a day, whose start in UTC is meant; stands with `default` at an `Option`.
///
/// # Errors
/// Where it is neither.
pub fn time_or_day<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Timestamp>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let moment = Timestamp::parse_time_or_day(text.trim());
    moment.map(Some).ok_or_else(|| {
        D::Error::custom(
            "Expected a time such as 2026-09-01T07:30:00Z, or a day such as 2026-09-01.",
        )
    })
}

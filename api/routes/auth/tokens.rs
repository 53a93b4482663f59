//! What a signed-in client holds: in the body, or in a cookie.

use actix_web::cookie::Cookie;
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::refresh_cookie;
use crate::config::Config;
use crate::crypto::access_token;
use crate::error::Result;
use crate::routes::extract::optional_token;
use crate::routes::problem::Problem;
use crate::services::sessions::IssuedSession;
use crate::state::State;

/// Where the refresh token goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionKind {
    /// Into the body, for scripts and apps.
    #[default]
    Token,
    /// Into an `HttpOnly`, `Secure`, `SameSite=Strict` cookie, for a single-page app in a browser.
    Cookie,
}

/// The refresh token that was handed out last; without one, that of the cookie.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "refresh_token": "rcr_1kq3Rr0s8mJ5QbT7XoV2yWz4Lh6Nc9Pe0UfGiKjMlYw" })))]
pub struct RefreshRequest {
    #[serde(default, deserialize_with = "optional_token")]
    #[schema(max_length = 200, format = Password)]
    refresh_token: Option<String>,
}

/// What a signed-in client holds.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "access_token": "eyJhbGciOiJFZERTQSIsImtpZCI6ImtQckt…",
    "token_type": "Bearer",
    "expires_in": 900,
    "refresh_token": "rcr_1kq3Rr0s8mJ5QbT7XoV2yWz4Lh6Nc9Pe0UfGiKjMlYw",
    "must_change_password": false,
    "device_token": "rct_2Ns7Xb0KqWm4TzR8vYcP1LdGhJfE6oUaI9xBtC3nHkQ.1796108400.rct_9Gk2LmXp5QaTz7WvB0sYdRfEhUcJ4oI1nKtN8xCyHbM"
})))]
pub struct Tokens {
    /// A JSON Web Token: send it as `Authorization: Bearer …`.
    #[schema(max_length = 2000)]
    access_token: String,
    #[schema(max_length = 10)]
    token_type: &'static str,
    /// For how many seconds the access token is good.
    #[schema(minimum = 0, maximum = 86400)]
    expires_in: u64,
    /// Good for one refresh within 30 days; `null` where it is in the cookie.
    #[schema(max_length = 200)]
    refresh_token: Option<String>,
    /// The organization asks that the person chooses a password of their own now. Until they have, the
    /// session opens nothing else: `password_change_required`.
    must_change_password: bool,
    /// Opens nothing. Keep it on the device, beyond signing out, and send it when this account signs in again;
    /// it is good for 90 days. `null` where the session was refreshed.
    #[schema(max_length = 200)]
    device_token: Option<String>,
}

impl Tokens {
    /// Signs an access token for a session.
    pub fn new(state: &State, issued: &IssuedSession, kind: SessionKind) -> Result<Self> {
        let now = state.services.clock.now();
        let refresh_token = match kind {
            SessionKind::Token => Some(issued.refresh_token.reveal().to_owned()),
            SessionKind::Cookie => None,
        };
        Ok(Self {
            refresh_token,
            access_token: state.signing.sign(issued.account.id, issued.session, now)?,
            token_type: "Bearer",
            expires_in: access_token::LIFETIME.as_secs(),
            must_change_password: issued.account.must_change_password,
            device_token: issued.device_token.clone(),
        })
    }
}

/// Access token, its type and seconds, and refresh token, each where there is one.
pub type TokenParts = (
    Option<String>,
    Option<&'static str>,
    Option<u64>,
    Option<String>,
);

impl Tokens {
    /// The tokens, for an answer that may have none.
    pub fn into_parts(self) -> TokenParts {
        let access = (Some(self.access_token), Some(self.token_type));
        (
            access.0,
            access.1,
            Some(self.expires_in),
            self.refresh_token,
        )
    }
}

/// A refresh token as a client presents it, and where the next one goes.
pub(super) type PresentedToken = (String, SessionKind);

/// The refresh token of the body, else of the cookie.
///
/// # Errors
/// `forbidden` for a cookie that another site's page has sent.
pub(super) fn presented_token(
    http: &HttpRequest,
    body: Option<RefreshRequest>,
    config: &Config,
) -> Result<Option<PresentedToken>> {
    if let Some(token) = body.and_then(|body| body.refresh_token) {
        return Ok(Some((token, SessionKind::Token)));
    }
    let token = refresh_cookie::presented(http, config)?;
    Ok(token.map(|token| (token, SessionKind::Cookie)))
}

/// Refuses a session in a cookie to a page that could not use the cookie afterwards.
///
/// # Errors
/// `forbidden`.
pub fn require_cookie_origin(http: &HttpRequest, kind: SessionKind, config: &Config) -> Result<()> {
    match kind {
        SessionKind::Token => Ok(()),
        SessionKind::Cookie => refresh_cookie::require_own_origin(http, config),
    }
}

/// The response to signing in: with the refresh token in the body or in the cookie.
pub(super) fn respond(
    state: &State,
    issued: &IssuedSession,
    kind: SessionKind,
) -> Result<HttpResponse, Problem> {
    let mut response = HttpResponse::Ok();
    if let Some(cookie) = cookie_of(state, issued, kind) {
        response.cookie(cookie);
    }
    Ok(response.json(Tokens::new(state, issued, kind)?))
}

/// The cookie with the refresh token, where that is to be in one.
pub fn cookie_of(
    state: &State,
    issued: &IssuedSession,
    kind: SessionKind,
) -> Option<Cookie<'static>> {
    match kind {
        SessionKind::Token => None,
        SessionKind::Cookie => {
            let lifetime = issued.expires_at.since(state.services.clock.now());
            let token = issued.refresh_token.reveal().to_owned();
            let config = &state.services.config;
            Some(refresh_cookie::with(token, lifetime, config))
        }
    }
}

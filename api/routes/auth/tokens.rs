//! What a signed-in client holds: in the body, or in a cookie.

use actix_web::cookie::time::Duration as CookieDuration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::crypto::access_token;
use crate::error::Result;
use crate::routes::problem::Problem;
use crate::services::sessions::{self, IssuedSession};
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

/// The refresh token that was handed out last. Absent where it is in the cookie.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "refresh_token": "rcr_1kq3Rr0s8mJ5QbT7XoV2yWz4Lh6Nc9Pe0UfGiKjMlYw" })))]
pub struct RefreshRequest {
    #[schema(max_length = 200, format = Password)]
    refresh_token: String,
}

/// What a signed-in client holds.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "access_token": "eyJhbGciOiJFZERTQSIsImtpZCI6ImtQckt…",
    "token_type": "Bearer",
    "expires_in": 900,
    "refresh_token": "rcr_1kq3Rr0s8mJ5QbT7XoV2yWz4Lh6Nc9Pe0UfGiKjMlYw",
    "must_change_password": false
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
}

impl Tokens {
    /// Signs an access token for a session.
    pub(super) fn new(state: &State, issued: &IssuedSession, kind: SessionKind) -> Result<Self> {
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
        })
    }
}

const COOKIE: &str = "rollcall_refresh";

/// The refresh token of the body, else of the cookie.
pub(super) fn presented_token(
    http: &HttpRequest,
    body: &[u8],
) -> Result<Option<(String, SessionKind)>> {
    if !body.is_empty() {
        let body: RefreshRequest = serde_json::from_slice(body)
            .map_err(crate::routes::extract::framework::json_refusal)?;
        return Ok(Some((body.refresh_token, SessionKind::Token)));
    }
    Ok(http
        .cookie(COOKIE)
        .map(|cookie| (cookie.value().to_owned(), SessionKind::Cookie)))
}

/// The response to signing in: with the refresh token in the body or in the cookie.
pub(super) fn respond(
    state: &State,
    issued: &IssuedSession,
    kind: SessionKind,
) -> Result<HttpResponse, Problem> {
    let mut response = HttpResponse::Ok();
    match kind {
        SessionKind::Token => {}
        SessionKind::Cookie => {
            let token = issued.refresh_token.reveal().to_owned();
            let lifetime = i64::try_from(sessions::LIFETIME.as_secs()).unwrap_or(i64::MAX);
            response.cookie(refresh_cookie(token, CookieDuration::seconds(lifetime)));
        }
    }
    response.insert_header(("Cache-Control", "no-store"));
    Ok(response.json(Tokens::new(state, issued, kind)?))
}

/// Sent to these paths only, by the same site only, and never shown to a script. Browsers keep
/// `Secure` cookies of `localhost` too.
pub(super) fn refresh_cookie(token: String, lifetime: CookieDuration) -> Cookie<'static> {
    Cookie::build(COOKIE, token)
        .path("/v1/auth")
        .http_only(true)
        .secure(true)
        .same_site(SameSite::Strict)
        .max_age(lifetime)
        .finish()
}

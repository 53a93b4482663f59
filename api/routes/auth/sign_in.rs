//! Signing in and out, and staying signed in (PRODUCT 3.3).

use actix_web::cookie::time::Duration as CookieDuration;
use actix_web::{HttpRequest, HttpResponse, post, web};
use serde::Deserialize;
use utoipa::ToSchema;

use super::tokens::{
    RefreshRequest, SessionKind, Tokens, presented_token, refresh_cookie, respond,
};
use crate::crypto::password_hash::Verdict;
use crate::domain::email_address::EmailAddress;
use crate::domain::password::PasswordAttempt;
use crate::error::{Code, Error, Result};
use crate::routes::extract::rate_limiter::Taken;
use crate::routes::extract::{RateLimiter, RequestInfo};
use crate::routes::problem::{BodyErrors, Problem, SessionErrors, SignInErrors};
use crate::services::limits::{Limit, LimitRequest};
use crate::services::{accounts, sessions};
use crate::state::State;
use crate::store::accounts::Account;

/// Who signs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "email": "jane.doe@school.example", "password": "seven green ducks 7" })))]
pub struct LoginRequest {
    #[schema(max_length = 254)]
    email: String,
    #[schema(max_length = 2048, format = Password)]
    password: String,
    #[serde(default)]
    #[schema(inline)]
    session: SessionKind,
}

/// Sign in
///
/// Exchanges address and password for an access token (15 minutes) and a refresh token (30 days). An
/// unknown address, a wrong password and an account without a password get the same answer. Failures
/// are limited, for the address, for the client and for both together; a right password costs nothing.
#[utoipa::path(
    tag = "Signing in",
    security(()),
    responses(
        (status = 200, description = "Signed in.", body = Tokens),
        BodyErrors, SignInErrors
    )
)]
#[post("/v1/auth/login")]
pub(super) async fn login(
    state: web::Data<State>,
    request: RequestInfo,
    rate_limiter: RateLimiter,
    body: web::Json<LoginRequest>,
) -> Result<HttpResponse, Problem> {
    let body = body.into_inner();
    let taken = rate_limiter
        .take_all(tries(&rate_limiter, &body.email))
        .await?;
    let account = match prove(&state, &body).await {
        Ok(account) => account,
        Err(error) => return Err(settle(taken, error).await?.into()),
    };
    let act = request.clone().act_of(state.services.clock.now())(&account);
    let user_agent = request.user_agent;
    let issued = taken
        .refund_with(move |tx| sessions::start(tx.connection, account, &act, user_agent))
        .await?;
    respond(&state, &issued, body.session)
}

/// What a try is counted as, whether or not there is such an account. The client stands beside the
/// address too, so that a stranger's failures do not lock the owner out who comes from elsewhere.
fn tries(rate_limiter: &RateLimiter, email: &str) -> Vec<LimitRequest> {
    let address = EmailAddress::parse(email).map_or_else(|_| email.to_owned(), |it| it.to_string());
    let client = rate_limiter.client();
    let pair = format!("{client} {address}");
    vec![
        LimitRequest::one(Limit::SignInAccount, pair),
        LimitRequest::one(Limit::SignInAddress, address),
        LimitRequest::one(Limit::SignInClient, client),
    ]
}

/// Gives the uses back unless a password was tried and is wrong: whatever else went wrong is no
/// guess. Gives the error to answer with.
pub(super) async fn settle(taken: Taken, error: Error) -> Result<Error> {
    if error.code() != Code::WrongCredentials {
        taken.refund().await?;
    }
    Ok(error)
}

/// The account that the address and the password open.
async fn prove(state: &State, body: &LoginRequest) -> Result<Account> {
    let email = EmailAddress::parse(&body.email).ok();
    let account = state
        .run_blocking(move |connection| accounts::find_for_sign_in(connection, email.as_ref()))
        .await?;
    let stored = account
        .as_ref()
        .and_then(|account| account.password_hash.clone());
    let verdict = verify(state, stored, body.password.clone()).await?;
    let account = accounts::verify_password(account, verdict)?;
    if verdict == Verdict::RightButOutdated {
        return rehash(state, account, body.password.clone()).await;
    }
    Ok(account)
}

/// A password that is too long for any account is hashed all the same: the time must not tell.
pub(super) async fn verify(
    state: &State,
    stored: Option<String>,
    password: String,
) -> Result<Verdict> {
    match PasswordAttempt::parse(password) {
        Ok(attempt) => {
            let input = attempt.to_hash_input().into_owned();
            state.services.hasher.verify(stored, input).await
        }
        Err(_) => state.services.hasher.verify(None, String::new()).await,
    }
}

async fn rehash(state: &State, account: Account, password: String) -> Result<Account> {
    let Ok(attempt) = PasswordAttempt::parse(password) else {
        return Ok(account);
    };
    let hash = state
        .services
        .hasher
        .hash(attempt.to_hash_input().into_owned())
        .await?;
    state
        .run_blocking(move |connection| accounts::keep_rehash(connection, account, hash))
        .await
}

/// Get the next access token
///
/// Exchanges the refresh token, from the body or the cookie, for a new pair; the old one is used up.
/// Using an old one again ends the whole session, except within ten seconds of its first use, when
/// it is taken for the same client's concurrent refresh.
#[utoipa::path(
    tag = "Signing in",
    security(()),
    request_body = Option<RefreshRequest>,
    responses(
        (status = 200, description = "The next pair.", body = Tokens),
        BodyErrors, SessionErrors
    )
)]
#[post("/v1/auth/refresh")]
pub(super) async fn refresh_session(
    state: web::Data<State>,
    http: HttpRequest,
    request: RequestInfo,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    let (token, kind) = presented_token(&http, &body)?.ok_or_else(Error::not_signed_in)?;
    let now = state.services.clock.now();
    let issued = state
        .run_blocking(move |connection| {
            sessions::refresh(connection, &token, request.act_of(now), now)
        })
        .await?;
    respond(&state, &issued, kind)
}

/// Sign out
///
/// Ends the session of the refresh token in the body or the cookie. Answers the same where there is
/// no such session.
#[utoipa::path(
    tag = "Signing in",
    security(()),
    request_body = Option<RefreshRequest>,
    responses((status = 204, description = "No such session lives."), BodyErrors)
)]
#[post("/v1/auth/logout")]
pub(super) async fn logout(
    state: web::Data<State>,
    http: HttpRequest,
    request: RequestInfo,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    let mut response = HttpResponse::NoContent();
    let Some((token, kind)) = presented_token(&http, &body)? else {
        return Ok(response.finish());
    };
    let now = state.services.clock.now();
    state
        .run_blocking(move |connection| {
            sessions::end_by_token(connection, &token, request.act_of(now))
        })
        .await?;
    if kind == SessionKind::Cookie {
        response.cookie(refresh_cookie(String::new(), CookieDuration::ZERO));
    }
    Ok(response.finish())
}

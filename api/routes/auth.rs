//! Signing in and out (PRODUCT 3.3).

use actix_web::cookie::time::Duration as CookieDuration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::{HttpRequest, HttpResponse, post, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::extract::throttle::Taken;
use super::extract::{Caller, Form, Once, Reply, RequestInfo, Throttle};
use super::me::AccountBody;
use super::problem::{OfBody, OfConflict, OfHashing, OfSession, OfSignIn, Problem};
use crate::crypto::access_token;
use crate::crypto::password_hash::Verdict;
use crate::domain::email_address::EmailAddress;
use crate::domain::password::{Password, PasswordAttempt};
use crate::domain::username::Username;
use crate::error::{Code, Error, Result};
use crate::services::accounts::{self, Registration};
use crate::services::limits::{Limit, Wanted};
use crate::services::sessions::{self, Granted};
use crate::state::State;
use crate::store::accounts::Account;

/// Mounts these operations.
pub fn mount(config: &mut ServiceConfig<'_>) {
    config
        .service(register_account)
        .service(login)
        .service(refresh_session)
        .service(logout)
        .service(change_password);
}

/// Who wants an account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({
    "email": "jane.doe@school.example",
    "password": "seven green ducks 7",
    "username": "Jane Doe"
})))]
pub struct RegisterRequest {
    /// The address to sign in with; its case does not matter.
    #[schema(max_length = 254, format = "email")]
    email: String,
    /// 10 to 128 characters with at least one letter and one digit, and not a common one.
    #[schema(min_length = 10, max_length = 128, format = Password)]
    password: String,
    /// What other people see: 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100)]
    username: String,
}

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

/// The refresh token that was handed out last. Absent where it is in the cookie.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "refresh_token": "rcr_1kq3Rr0s8mJ5QbT7XoV2yWz4Lh6Nc9Pe0UfGiKjMlYw" })))]
pub struct RefreshRequest {
    #[schema(max_length = 200, format = Password)]
    refresh_token: String,
}

/// The old password and the one that takes its place.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({
    "current_password": "seven green ducks 7",
    "new_password": "eight brown geese 8"
})))]
pub struct ChangePasswordRequest {
    #[schema(max_length = 2048, format = Password)]
    current_password: String,
    /// 10 to 128 characters with at least one letter and one digit, and not a common one.
    #[schema(min_length = 10, max_length = 128, format = Password)]
    new_password: String,
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
    /// The organization asks that the person chooses a password of their own now.
    must_change_password: bool,
}

/// A new account and the session it begins with.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "account": {
        "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11",
        "email": "jane.doe@school.example",
        "email_verified": false,
        "username": "Jane Doe",
        "generated_address": false,
        "must_change_password": false,
        "operator": false,
        "created_at": "2026-09-01T07:30:00Z",
        "last_active_at": "2026-09-01T07:30:00Z"
    },
    "access_token": "eyJhbGciOiJFZERTQSIsImtpZCI6ImtQckt…",
    "token_type": "Bearer",
    "expires_in": 900,
    "refresh_token": "rcr_1kq3Rr0s8mJ5QbT7XoV2yWz4Lh6Nc9Pe0UfGiKjMlYw",
    "must_change_password": false
})))]
pub struct Registered {
    account: AccountBody,
    #[serde(flatten)]
    tokens: Tokens,
}

/// Make an account
///
/// Registers an address with a password and a name, and signs in. The address counts with its case
/// and Unicode form aside: `Jane.Doe@X.org` and `jane.doe@x.org` are one account.
#[utoipa::path(
    tag = "Signing in",
    security(()),
    responses(
        (status = 201, description = "The account, signed in.", body = Registered),
        OfBody, OfConflict, OfHashing
    )
)]
#[post("/v1/auth/register")]
async fn register_account(
    state: web::Data<State>,
    request: RequestInfo,
    throttle: Throttle,
    once: Once,
    body: web::Json<RegisterRequest>,
) -> Result<HttpResponse, Problem> {
    let body = body.into_inner();
    let mut form = Form::new();
    let email = form.take(
        "/email",
        state.config.login_domain.parse_outside(&body.email),
    );
    let username = form.take("/username", Username::parse(&body.username));
    let password = form.take("/password", Password::parse(body.password));
    let (Some(email), Some(username), Some(password)) = (email, username, password) else {
        return Err(form.refusal().into());
    };
    let (once, known) = once.known_to_stranger(&state).await?;
    if let Some(known) = known {
        return Ok(known.into());
    }
    throttle.take_for_client(Limit::Registration).await?;
    let password_hash = state
        .hasher
        .hash(password.to_hash_input().into_owned())
        .await?;
    let registration = Registration {
        email,
        username,
        password_hash,
    };
    let now = state.clock.now();
    let user_agent = request.user_agent.clone();
    let shared = State::clone(&state);
    let registered = once
        .stranger(&state, move |connection| {
            let act = request.act_of(now);
            let granted = accounts::register(connection, registration, act, now, user_agent)?;
            let tokens = tokens(&shared, &granted, SessionKind::Token)?;
            Reply::created(&Registered {
                account: granted.account.into(),
                tokens,
            })
        })
        .await?;
    Ok(registered)
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
        OfBody, OfSignIn
    )
)]
#[post("/v1/auth/login")]
async fn login(
    state: web::Data<State>,
    request: RequestInfo,
    throttle: Throttle,
    body: web::Json<LoginRequest>,
) -> Result<HttpResponse, Problem> {
    let body = body.into_inner();
    let taken = throttle.take_all(tries(&throttle, &body.email)).await?;
    let account = match prove(&state, &body).await {
        Ok(account) => account,
        Err(error) => return Err(settle(taken, error).await?.into()),
    };
    let act = request.clone().act_of(state.clock.now())(&account);
    let user_agent = request.user_agent;
    let granted = taken
        .give_back_with(move |connection| sessions::start(connection, account, &act, user_agent))
        .await?;
    respond(&state, &granted, body.session)
}

/// What a try is counted as, whether or not there is such an account. The client stands beside the
/// address too, so that a stranger's failures do not lock the owner out who comes from elsewhere.
fn tries(throttle: &Throttle, email: &str) -> Vec<Wanted> {
    let address = EmailAddress::parse(email).map_or_else(|_| email.to_owned(), |it| it.to_string());
    let client = throttle.client();
    let pair = format!("{client} {address}");
    vec![
        Wanted::one(Limit::SignInAccount, pair),
        Wanted::one(Limit::SignInAddress, address),
        Wanted::one(Limit::SignInClient, client),
    ]
}

/// Gives the uses back unless a password was tried and is wrong: whatever else went wrong is no
/// guess. Gives the error to answer with.
async fn settle(taken: Taken, error: Error) -> Result<Error> {
    if error.code() != Code::WrongCredentials {
        taken.give_back().await?;
    }
    Ok(error)
}

/// The account that the address and the password open.
async fn prove(state: &State, body: &LoginRequest) -> Result<Account> {
    let email = EmailAddress::parse(&body.email).ok();
    let account = state
        .unit(move |connection| accounts::find_for_sign_in(connection, email.as_ref()))
        .await?;
    let stored = account
        .as_ref()
        .and_then(|account| account.password_hash.clone());
    let verdict = verify(state, stored, body.password.clone()).await?;
    let account = accounts::require_right(account, verdict)?;
    if verdict == Verdict::RightButOutdated {
        return rehash(state, account, body.password.clone()).await;
    }
    Ok(account)
}

/// A password that is too long for any account is hashed all the same: the time must not tell.
async fn verify(state: &State, stored: Option<String>, password: String) -> Result<Verdict> {
    match PasswordAttempt::parse(password) {
        Ok(attempt) => {
            let input = attempt.to_hash_input().into_owned();
            state.hasher.verify(stored, input).await
        }
        Err(_) => state.hasher.verify(None, String::new()).await,
    }
}

async fn rehash(state: &State, account: Account, password: String) -> Result<Account> {
    let Ok(attempt) = PasswordAttempt::parse(password) else {
        return Ok(account);
    };
    let hash = state
        .hasher
        .hash(attempt.to_hash_input().into_owned())
        .await?;
    state
        .unit(move |connection| accounts::keep_rehash(connection, account, hash))
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
        OfBody, OfSession
    )
)]
#[post("/v1/auth/refresh")]
async fn refresh_session(
    state: web::Data<State>,
    http: HttpRequest,
    request: RequestInfo,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    let (token, kind) = presented_token(&http, &body)?.ok_or_else(Error::not_signed_in)?;
    let now = state.clock.now();
    let granted = state
        .unit(move |connection| sessions::refresh(connection, &token, request.act_of(now), now))
        .await?;
    respond(&state, &granted, kind)
}

/// Sign out
///
/// Ends the session of the refresh token in the body or the cookie. Answers the same where there is
/// no such session.
#[utoipa::path(
    tag = "Signing in",
    security(()),
    request_body = Option<RefreshRequest>,
    responses((status = 204, description = "No such session lives."), OfBody)
)]
#[post("/v1/auth/logout")]
async fn logout(
    state: web::Data<State>,
    http: HttpRequest,
    request: RequestInfo,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    let mut response = HttpResponse::NoContent();
    let Some((token, kind)) = presented_token(&http, &body)? else {
        return Ok(response.finish());
    };
    let now = state.clock.now();
    state
        .unit(move |connection| sessions::end_by_token(connection, &token, request.act_of(now)))
        .await?;
    if kind == SessionKind::Cookie {
        response.cookie(refresh_cookie(String::new(), CookieDuration::ZERO));
    }
    Ok(response.finish())
}

/// Change one's own password
///
/// Ends every other session. *Requires:* a session and the current password.
#[utoipa::path(
    tag = "Signing in",
    responses(
        (status = 204, description = "Changed."),
        OfBody, OfSession, OfHashing
    )
)]
#[post("/v1/auth/password/change")]
async fn change_password(
    state: web::Data<State>,
    caller: Caller,
    throttle: Throttle,
    once: Once,
    body: web::Json<ChangePasswordRequest>,
) -> Result<HttpResponse, Problem> {
    let body = body.into_inner();
    let mut form = Form::new();
    let Some(new) = form.take("/new_password", Password::parse(body.new_password)) else {
        return Err(form.refusal().into());
    };
    let shared = State::clone(&state);
    // In this order: whoever has read the password that was, finds no answer yet, or its own.
    let (caller, once, known) = caller
        .signed_in(move |connection, caller| {
            let scope = caller.account.id.to_string();
            let known = once.known(&shared, connection, &scope)?;
            Ok((caller, once, known))
        })
        .await?;
    if let Some(known) = known {
        return Ok(known.into());
    }
    confirm(&state, &throttle, &caller.account, body.current_password).await?;
    let hash = state.hasher.hash(new.to_hash_input().into_owned()).await?;
    let shared = State::clone(&state);
    let changed = state
        .unit(move |connection| {
            let scope = caller.account.id.to_string();
            once.run(&shared, connection, &scope, |connection| {
                accounts::change_password(connection, &caller, &hash)?;
                Ok(Reply::no_content())
            })
        })
        .await?;
    Ok(changed.into())
}

/// Requires that somebody who is signed in gives their password once more; wrong ones are counted.
async fn confirm(
    state: &State,
    throttle: &Throttle,
    account: &Account,
    password: String,
) -> Result<()> {
    let subject = account.id.to_string();
    let taken = throttle.take(Limit::PasswordCheck, &subject).await?;
    let verdict = verify(state, account.password_hash.clone(), password).await;
    match verdict.and_then(|it| accounts::require_right(Some(account.clone()), it)) {
        Ok(_) => taken.give_back().await,
        Err(error) => Err(settle(taken, error).await?),
    }
}

const COOKIE: &str = "rollcall_refresh";

/// The refresh token of the body, else of the cookie.
fn presented_token(http: &HttpRequest, body: &[u8]) -> Result<Option<(String, SessionKind)>> {
    if !body.is_empty() {
        let body: RefreshRequest = serde_json::from_slice(body).map_err(super::json_refusal)?;
        return Ok(Some((body.refresh_token, SessionKind::Token)));
    }
    Ok(http
        .cookie(COOKIE)
        .map(|cookie| (cookie.value().to_owned(), SessionKind::Cookie)))
}

fn respond(state: &State, granted: &Granted, kind: SessionKind) -> Result<HttpResponse, Problem> {
    let mut response = HttpResponse::Ok();
    if kind == SessionKind::Cookie {
        let token = granted.refresh_token.reveal().to_owned();
        let lifetime = i64::try_from(sessions::LIFETIME.as_secs()).unwrap_or(i64::MAX);
        response.cookie(refresh_cookie(token, CookieDuration::seconds(lifetime)));
    }
    response.insert_header(("Cache-Control", "no-store"));
    Ok(response.json(tokens(state, granted, kind)?))
}

fn tokens(state: &State, granted: &Granted, kind: SessionKind) -> Result<Tokens> {
    let (account, session) = (granted.account.id, granted.session);
    let in_body = kind == SessionKind::Token;
    Ok(Tokens {
        access_token: state.signing.sign(account, session, state.clock.now())?,
        token_type: "Bearer",
        expires_in: access_token::LIFETIME.as_secs(),
        refresh_token: in_body.then(|| granted.refresh_token.reveal().to_owned()),
        must_change_password: granted.account.must_change_password,
    })
}

/// Sent to these paths only, by the same site only, and never shown to a script. Browsers keep
/// `Secure` cookies of `localhost` too.
fn refresh_cookie(token: String, lifetime: CookieDuration) -> Cookie<'static> {
    Cookie::build(COOKIE, token)
        .path("/v1/auth")
        .http_only(true)
        .secure(true)
        .same_site(SameSite::Strict)
        .max_age(lifetime)
        .finish()
}

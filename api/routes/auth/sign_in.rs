//! Signing in and out, and staying signed in (`docs/accounts.md`).

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, ResponseError as _};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::refresh_cookie::{self, CookieErrors};
use super::tokens::{
    RefreshRequest, SessionKind, Tokens, presented_token, require_cookie_origin, respond,
};
use crate::routes::extract::{
    Anonymous, BeforePasswordChange, ClientAddress, Guard as _, Json, OptionalJson, optional_token,
};
use crate::routes::password_check::compare;
use crate::routes::problem::{Problem, problems};
use crate::routes::refusals::{
    AccountDeactivated, BodyErrors, OpenSessionErrors, TooManyTries, WrongCredentials,
};
use crate::services::sessions;
use crate::services::sessions::{EndedSession, no_refresh_token, not_refreshable};
use crate::services::sign_in;

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
    /// The `device_token` of an earlier sign-in of this account on this device.
    #[serde(default, deserialize_with = "optional_token")]
    #[schema(max_length = 200)]
    device_token: Option<String>,
}

/// Sign in
///
/// Exchanges address and password for an access token (15 minutes) and a refresh token (30 days). An
/// unknown address, a wrong password and an account without a password get the same response
/// (`wrong_credentials`). The right password of a deactivated account gets `account_deactivated`.
/// Failures are limited, for the address (`sign_in_address`), for the client (`sign_in_client`) and for
/// both together (`sign_in_account`); a right password costs nothing. Keep the `device_token` of the response,
/// for each account, and send it with the next sign-in: then tries that others have used up, elsewhere or in
/// the same network, do not count for this device.
#[utoipa::path(
    post,
    path = "/v1/auth/login",
    tag = "Signing in",
    security(()),
    responses(
        (status = 200, description = "Signed in.", body = Tokens),
        BodyErrors, WrongCredentials, CookieErrors, AccountDeactivated, TooManyTries
    )
)]
pub(super) async fn login(
    request: Anonymous,
    ClientAddress(client): ClientAddress,
    http: HttpRequest,
    body: Json<LoginRequest>,
) -> Result<HttpResponse, Problem> {
    let LoginRequest {
        email,
        password,
        session,
        device_token,
    } = body.into_inner();
    let state = request.scope().state.clone();
    require_cookie_origin(&http, session, &state.services.config)?;
    let user_agent = request.scope().info.user_agent.clone();
    let check = request
        .clone()
        .run(move |tx, ()| sign_in::begin(tx, &email, &client, device_token.as_deref()))
        .await?;
    let comparison = compare(request.scope(), &check, password).await;
    let issued = request
        .run(move |tx, ()| sign_in::complete(tx, check, comparison, user_agent))
        .await?;
    respond(&state, &issued, session)
}

/// Refresh an access token
///
/// Exchanges the refresh token, from the body or the cookie, for a new pair; the old one is used up.
/// Using an old one again ends the whole session, except within ten seconds of its first use, when
/// it is taken for the same client's concurrent refresh and gets the same refresh token as that. A session
/// ends 30 days after its last refresh, and 90 days after it began.
#[utoipa::path(
    post,
    path = "/v1/auth/refresh",
    tag = "Signing in",
    security(()),
    request_body = Option<RefreshRequest>,
    responses(
        (status = 200, description = "The next pair.", body = Tokens),
        BodyErrors, CookieErrors, RefreshErrors
    )
)]
pub(super) async fn refresh_session(
    request: Anonymous,
    http: HttpRequest,
    OptionalJson(body): OptionalJson<RefreshRequest>,
) -> Result<HttpResponse, Problem> {
    let state = request.scope().state.clone();
    let presented = presented_token(&http, body, &state.services.config)?;
    let (token, kind) = presented.ok_or_else(no_refresh_token)?;
    let issued = request
        .run(move |tx, ()| sessions::refresh(tx, &token))
        .await?;
    respond(&state, &issued, kind)
}

/// Where else to sign out.
#[derive(Default, Serialize, ToSchema)]
#[schema(examples(json!({
    "end_session_url": "https://login.school.example/logout?client_id=rollcall"
})))]
pub struct SignedOut {
    /// The page of the identity provider on which the person ends their session there too, and from which they come back
    /// to the sign-in page of the single-page app. `null` where there is none.
    #[schema(max_length = 10000)]
    end_session_url: Option<String>,
}

/// Sign out
///
/// Ends the session of the refresh token in the body or the cookie; where that opens none, or none is sent, that of the
/// access token. Where its owner signed in by an identity provider that
/// says where people sign out (OpenID Connect RP-Initiated Logout 1.0), `end_session_url` is that page: without a visit to
/// it, the session there goes on. Where neither opens a session, or nothing is sent at all, the answer is
/// the same, with `null`; an access token alone that is not good any more gets 401, since its session may go on.
#[utoipa::path(
    post,
    path = "/v1/auth/logout",
    tag = "Signing in",
    security(()),
    request_body = Option<RefreshRequest>,
    responses(
        (status = 200, description = "The session has ended, if there was one.", body = SignedOut),
        BodyErrors, CookieErrors, OpenSessionErrors
    )
)]
pub(super) async fn logout(
    request: Anonymous,
    bearer: std::result::Result<BeforePasswordChange, Problem>,
    http: HttpRequest,
    OptionalJson(body): OptionalJson<RefreshRequest>,
) -> Result<HttpResponse, Problem> {
    let mut response = HttpResponse::Ok();
    let state = request.scope().state.clone();
    let config = &state.services.config;
    let presented = presented_token(&http, body, config)?;
    let by_token = presented.is_some();
    let mut ended = None;
    if let Some((token, kind)) = presented {
        if kind == SessionKind::Cookie {
            response.cookie(refresh_cookie::deleted(config));
        }
        let ending = request.run(move |tx, ()| sessions::end_by_token(tx, &token));
        ended = ending.await?;
    }
    if ended.is_none() && http.headers().contains_key(header::AUTHORIZATION) {
        ended = match end_present(bearer).await {
            // Whoever signs out twice gets the same answer.
            Err(refused) if by_token && refused.status_code() == StatusCode::UNAUTHORIZED => None,
            present => present?,
        };
    }
    let end_session_url = match ended.and_then(|session| session.signed_in_by) {
        Some(connection) => state.end_session_url(connection).await,
        None => None,
    };
    Ok(response.json(SignedOut { end_session_url }))
}

async fn end_present(
    bearer: std::result::Result<BeforePasswordChange, Problem>,
) -> Result<Option<EndedSession>, Problem> {
    Ok(bearer?.run(|tx, ()| sessions::end_present(tx)).await?)
}

problems! {
    /// Of exchanging a refresh token.
    RefreshErrors: not_refreshable;
}

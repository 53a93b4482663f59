//! Where identity providers say that sessions there have ended (OpenID Connect Back-Channel Logout 1.0).

use actix_web::http::header;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use url::form_urlencoded;
use utoipa::ToSchema;

use super::browser::{SsoConnectionPath, connection_of};
use crate::domain::client_address::Client;
use crate::domain::diagnosis::{Step, Steps};
use crate::domain::ids::ConnectionId;
use crate::error::Result;
use crate::routes::extract::{Anonymous, ClientAddress, Guard as _};
use crate::routes::problem::Problem;
use crate::routes::refusals::TooManyTries;
use crate::services::sso::backchannel;
use crate::state::identity_providers::IdentityProviderError;

/// What an identity provider posts.
#[derive(Deserialize, ToSchema)]
#[schema(examples(json!({ "logout_token": "eyJhbGciOiJSUzI1NiJ9.e30.c2lnbmF0dXJl" })))]
pub struct LogoutTokenForm {
    /// Signed by the provider: which session has ended (`sid`), or whose (`sub`).
    #[expect(dead_code, reason = "the document names it")]
    #[schema(max_length = 131_072)]
    logout_token: String,
}

/// Why nothing was ended, as OAuth 2.0 tells it.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "error": "invalid_request",
    "error_description": "Expected a signed token, and got a text that has not three parts."
})))]
pub struct LogoutRefusal {
    #[schema(max_length = 20)]
    error: &'static str,
    #[schema(max_length = 2000)]
    error_description: String,
}

/// End sessions that have ended at the provider
///
/// For identity providers only (OpenID Connect Back-Channel Logout 1.0): register the address of the connection
/// (`service_provider.backchannel_logout_uri`) there. Ends the sessions that the connection made for the session at the
/// provider (`sid`), or for the subject (`sub`) where the token names no session; a session that it added a proof to loses
/// that. The answer is the same where there is none. Tokens that do not hold are limited for the client
/// (`backchannel_logout`).
#[utoipa::path(
    post,
    path = "/v1/sso/backchannel-logout/{connection_id}",
    tag = "Single sign-on",
    security(()),
    params(SsoConnectionPath),
    request_body(content = LogoutTokenForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "They have ended."),
        (status = 400, description = "The token does not hold.", body = LogoutRefusal),
        TooManyTries
    )
)]
pub(super) async fn end_provider_session(
    request: Anonymous,
    ClientAddress(client): ClientAddress,
    http: HttpRequest,
    body: std::result::Result<Bytes, actix_web::Error>,
) -> Result<HttpResponse, Problem> {
    let token = token_of(&body.unwrap_or_default());
    let mut steps = Steps::default();
    let ended = match (connection_of(&http), token) {
        (Ok(id), Some(token)) => end(request, (id, client), &token, &mut steps).await?,
        (Err(_), _) | (_, None) => false,
    };
    let mut response = if ended {
        HttpResponse::Ok()
    } else {
        HttpResponse::BadRequest()
    };
    response.insert_header((header::CACHE_CONTROL, "no-store"));
    Ok(if ended {
        response.finish()
    } else {
        response.json(LogoutRefusal {
            error: "invalid_request",
            error_description: told(steps),
        })
    })
}

fn token_of(form: &[u8]) -> Option<String> {
    let mut tokens = form_urlencoded::parse(form).filter(|(name, _)| name == "logout_token");
    let first = tokens.next().filter(|_| tokens.next().is_none())?;
    Some(first.1.into_owned())
}

/// Ends what a token says has ended; `false` where it does not hold.
async fn end(
    request: Anonymous,
    (id, client): (ConnectionId, Client),
    token: &str,
    steps: &mut Steps,
) -> Result<bool> {
    let state = request.scope().state.clone();
    let caller = client.clone();
    let found = request
        .clone()
        .run(move |tx, ()| backchannel::begin(tx, id, &caller))
        .await?;
    let Some((connection, settings)) = found else {
        return Ok(false);
    };
    let about = (&connection, &settings);
    let ended = match state.verify_logout_token(about, token, steps).await {
        Ok(ended) => ended,
        Err(IdentityProviderError::Refused(_)) => return Ok(false),
        Err(IdentityProviderError::Fault(fault)) => return Err(fault),
    };
    request
        .run(move |tx, ()| backchannel::end(tx, &connection, &ended, &client))
        .await?;
    Ok(true)
}

/// The step that failed, in words for the log of the provider.
fn told(steps: Steps) -> String {
    let none = || "There is no such connection by OpenID Connect, or no logout_token.".to_owned();
    let last = steps.into_vec().pop();
    last.as_ref().map_or_else(none, Step::sentence)
}

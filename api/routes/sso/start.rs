//! The way to an identity provider.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::Map;
use utoipa::{IntoParams, ToSchema};

use crate::domain::connections::FlowPurpose;
use crate::domain::diagnosis::Steps;
use crate::domain::email_address::EmailAddress;
use crate::domain::ids::ConnectionId;
use crate::domain::sign_in_policy::SignInConnection;
use crate::domain::slug::Slug;
use crate::domain::timestamp::Timestamp;
use crate::error::{Code, Error, Result};
use crate::routes::extract::{
    Anonymous, ClientAddress, Form, Guard as _, Json, OptionallyConfined,
};
use crate::routes::problem::{EXAMPLE_REFERENCE, Problem, problems};
use crate::routes::refusals::{
    BodyErrors, InvalidEmail, NoFederationKey, SessionErrors, TooManyTries,
};
use crate::services::sso::arrival::{FlowPayload, MAX_LOGIN_HINT, is_path_of_spa};
use crate::services::sso::flows::{self, NewFlow, OpenedFlow, not_active, unknown};
use crate::services::sso::{carried_codes, diagnosis, methods};
use crate::state::State;
use crate::state::identity_providers::IdentityProviderError;
use crate::store::organizations::Organization;
use crate::store::sso_connections::SsoConnection;

/// The length of a challenge: base64url of a SHA-256.
const CHALLENGE_CHARS: usize = 43;

/// The longest invite code, however it is written.
const MAX_INVITE_CODE: usize = 100;
const MAX_INVITATION_TOKEN: usize = 200;

/// A flow that is to begin.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({
    "connection_id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11",
    "challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    "return_to": "/groups"
})))]
pub struct StartSignInRequest {
    connection_id: ConnectionId,
    /// Base64url, without padding, of the SHA-256 of a verifier of 43 to 128 characters that the browser keeps.
    #[schema(min_length = 43, max_length = 43)]
    challenge: String,
    /// `sign_in` where it is left out. `link` and `step_up` are for people who are signed in.
    #[schema(inline)]
    purpose: Option<StartPurpose>,
    /// A path of the single-page app, to come back to.
    #[schema(max_length = 2000)]
    return_to: Option<String>,
    /// Whom the identity provider is to suggest: an address.
    #[schema(max_length = 254)]
    login_hint: Option<String>,
    /// An invite code of the organization, to join by.
    #[schema(max_length = 100)]
    invite_code: Option<String>,
    /// The token of an invitation's mail: the person opens the account that was invited.
    #[schema(max_length = 200, format = Password)]
    invitation_token: Option<String>,
}

/// What a flow may be for.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StartPurpose {
    SignIn,
    Link,
    StepUp,
}

/// Where to send the browser.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "authorization_url": "https://login.school.example/authorize?response_type=code&client_id=rollcall",
    "expires_at": "2026-09-01T07:40:00Z"
})))]
pub struct StartedSignIn {
    /// The identity provider's page.
    #[schema(max_length = 10000)]
    authorization_url: String,
    /// By when the person has to be back.
    expires_at: Timestamp,
}

problems! {
    /// Where there is no such connection.
    UnknownConnection: unknown;
    /// Where a connection signs nobody in.
    InactiveConnection: not_active;
    /// Of asking a provider.
    ProviderErrors: provider_unreachable;
    /// Of a challenge, and a path.
    InvalidStart: invalid_challenge;
    /// Where there is no such organization.
    NoSuchSlug: no_such_slug;
}

fn provider_unreachable() -> Error {
    Error::refused(
        Code::IdentityProviderUnreachable,
        "The identity provider cannot be reached. Try again in a moment.",
    )
    .with_reference(EXAMPLE_REFERENCE)
}

fn invalid_challenge() -> Error {
    let mut form = Form::new();
    refuse_challenge(&mut form);
    form.refusal()
}

fn no_such_slug() -> Error {
    Error::not_found("organization")
}

fn refuse_challenge(form: &mut Form) {
    let detail = "Expected base64url, without padding, of a SHA-256: 43 characters.".to_owned();
    form.refuse("/challenge", "invalid", detail);
}

/// Start a sign-in
///
/// Make a verifier of 43 to 128 random characters, keep it in the browser's `sessionStorage`, and send its challenge.
/// Send the browser to `authorization_url`; it comes back with a ticket in the fragment of the single-page app's
/// address, which `exchange` takes together with the verifier. At most 60 starts a minute from one client address
/// (`sign_in_flow`). Unknown invite codes are counted as when they are redeemed: with a session those of the account
/// (`code_account`), without one those of the client (`code_client`). The exchange tells whether a code is known.
#[utoipa::path(
    post,
    path = "/v1/sign-in/start",
    tag = "Signing in",
    security((), ("access_token" = [])),
    responses(
        (status = 200, description = "Where to send the browser.", body = StartedSignIn),
        BodyErrors, SessionErrors, UnknownConnection, InactiveConnection, InvalidStart,
        ProviderErrors, NoFederationKey, TooManyTries
    )
)]
pub(super) async fn start_sign_in(
    request: OptionallyConfined,
    ClientAddress(client): ClientAddress,
    body: Json<StartSignInRequest>,
) -> Result<HttpResponse, Problem> {
    let body = body.into_inner();
    let login_hint = body.login_hint.clone();
    let (id, new) = parse(body)?;
    let code = new.payload.invite_code.clone();
    let connection = request
        .clone()
        .run(move |tx, ()| {
            let connection = flows::begin(tx, id, &client)?;
            if let Some(code) = code {
                carried_codes::count(tx, &code, client)?;
            }
            Ok(connection)
        })
        .await?;
    let state = request.scope().state.clone();
    let chosen = connection.clone();
    let opened = request
        .run(move |tx, ()| flows::open(tx, &chosen, new))
        .await?;
    let expires_at = opened.expires_at;
    let url = authorization_url(&state, &connection, (&opened, login_hint.as_deref())).await?;
    Ok(HttpResponse::Ok().json(StartedSignIn {
        authorization_url: url,
        expires_at,
    }))
}

fn parse(body: StartSignInRequest) -> Result<(ConnectionId, NewFlow)> {
    let mut form = Form::new();
    let is_base64url = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if body.challenge.len() != CHALLENGE_CHARS || !body.challenge.chars().all(is_base64url) {
        refuse_challenge(&mut form);
    }
    if body
        .return_to
        .as_deref()
        .is_some_and(|path| !is_path_of_spa(path))
    {
        let detail = "Expected a path of the single-page app, such as /groups.".to_owned();
        form.refuse("/return_to", "invalid", detail);
    }
    if let Some(code) = &body.invite_code {
        form.limit("/invite_code", code, MAX_INVITE_CODE);
    }
    if let Some(token) = &body.invitation_token {
        form.limit("/invitation_token", token, MAX_INVITATION_TOKEN);
    }
    if let Some(hint) = &body.login_hint {
        form.limit("/login_hint", hint, MAX_LOGIN_HINT);
    }
    if form.has_errors() {
        return Err(form.refusal());
    }
    let purpose = match body.purpose.unwrap_or(StartPurpose::SignIn) {
        StartPurpose::SignIn => FlowPurpose::SignIn,
        StartPurpose::Link => FlowPurpose::Link,
        StartPurpose::StepUp => FlowPurpose::StepUp,
    };
    let new = NewFlow {
        purpose,
        challenge: body.challenge,
        payload: FlowPayload {
            return_to: body.return_to,
            invite_code: body.invite_code,
            invitation_token: body.invitation_token,
        },
        test: None,
    };
    Ok((body.connection_id, new))
}

/// Where a flow goes; whom the provider cannot be reached for gets a reference.
async fn authorization_url(
    state: &State,
    connection: &SsoConnection,
    (flow, login_hint): (&OpenedFlow, Option<&str>),
) -> Result<String> {
    let mut steps = Steps::default();
    let url = state
        .authorization_url(connection, (flow, login_hint), &mut steps)
        .await;
    match url {
        Ok(url) => Ok(url),
        Err(IdentityProviderError::Fault(error)) => Err(error),
        Err(IdentityProviderError::Refused(_)) => {
            let about = (connection.clone(), flow.purpose);
            Err(unreachable(state, about, steps).await)
        }
    }
}

async fn unreachable(
    state: &State,
    (connection, purpose): (SsoConnection, FlowPurpose),
    steps: Steps,
) -> Error {
    let noted = state.unit_of_work_as_system(move |tx| {
        let refusal = Error::refused(
            Code::IdentityProviderUnreachable,
            "The identity provider cannot be reached. Try again in a moment.",
        );
        let about = (&connection, purpose);
        Ok(diagnosis::note_refusal(
            tx,
            about,
            (steps, &Map::new()),
            refusal,
        ))
    });
    noted.await.unwrap_or_else(|fault| fault)
}

/// Who wants to sign in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "email": "jane.doe@school.example" })))]
pub struct DiscoverSignInRequest {
    #[schema(max_length = 254)]
    email: String,
}

/// Discover ways to sign in
///
/// By the domain of an address alone: the active connections of the organization that has proven it. The answer is the
/// same whether or not there is an account with the address.
#[utoipa::path(
    post,
    path = "/v1/sign-in/discover",
    tag = "Signing in",
    security(()),
    responses(
        (status = 200, description = "The ways.", body = SignInMethods),
        BodyErrors, InvalidEmail
    )
)]
pub(super) async fn discover_sign_in(
    request: Anonymous,
    body: Json<DiscoverSignInRequest>,
) -> Result<web::Json<SignInMethods>, Problem> {
    let mut form = Form::new();
    let parsed = EmailAddress::parse(&body.email);
    let Some(email) = form.take("/email", parsed) else {
        return Err(form.refusal().into());
    };
    let found = request
        .run(move |tx, ()| methods::of_address(tx, &email))
        .await?;
    let methods = match found {
        Some((organization, connections)) => SignInMethods::of(&organization, connections),
        None => SignInMethods::by_password(),
    };
    Ok(web::Json(methods))
}

/// The organization whose ways to sign in are asked for.
#[derive(Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct SlugPath {
    /// The organization's short name.
    #[param(max_length = 100, example = "hill-road-school")]
    slug: String,
}

/// How people of an organization sign in.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "connections": [{
        "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c12",
        "name": "School accounts",
        "kind": "oidc",
        "organization": { "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11", "name": "Hill Road School" }
    }],
    "password": true
})))]
pub struct SignInMethods {
    #[schema(max_items = 50)]
    connections: Vec<SignInConnection>,
    /// Whether a password opens the organization; where single sign-on is required, it does so to emergency admins only.
    password: bool,
}

impl SignInMethods {
    const fn by_password() -> Self {
        Self {
            connections: Vec::new(),
            password: true,
        }
    }

    const fn of(organization: &Organization, connections: Vec<SignInConnection>) -> Self {
        Self {
            connections,
            password: !organization.sso_required,
        }
    }
}

/// List ways to sign in
///
/// The active connections of an organization, by its short name: for a sign-in page of its own.
#[utoipa::path(
    get,
    path = "/v1/sign-in/organizations/{slug}",
    tag = "Signing in",
    security(()),
    params(SlugPath),
    responses(
        (status = 200, description = "The ways.", body = SignInMethods),
        NoSuchSlug
    )
)]
pub(super) async fn list_sign_in_methods(
    request: Anonymous,
    path: web::Path<SlugPath>,
) -> Result<web::Json<SignInMethods>, Problem> {
    let slug: Slug = path.into_inner().slug.parse().map_err(|_| no_such_slug())?;
    let (organization, connections) = request
        .run(move |tx, ()| methods::of_organization(tx, &slug))
        .await?;
    Ok(web::Json(SignInMethods::of(&organization, connections)))
}

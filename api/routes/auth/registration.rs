//! Registering an account (`docs/accounts.md`).

use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::refresh_cookie::CookieErrors;
use super::tokens::{SessionKind, Tokens, cookie_of, require_cookie_origin};
use crate::domain::email_address::EmailAddress;
use crate::domain::language::Language;
use crate::domain::password::Password;
use crate::domain::username::Username;
use crate::error::Result;
use crate::routes::extract::idempotency;
use crate::routes::extract::{
    Anonymous, ClientAddress, Form, Guard as _, IdempotencyHeader, Prepared,
};
use crate::routes::invite_codes::joining::JoinedBody;
use crate::routes::me::AccountBody;
use crate::routes::problem::{Problem, problems};
use crate::routes::refusals::{BodyErrors, InvalidEmail, InviteCodeErrors, TooManyTries};
use crate::services::idempotency::StoredResponse;
use crate::services::registration::email_taken;
use crate::services::registration::{self, Registration};
use crate::state::State;

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
    #[schema(min_length = 1, max_length = 1000)]
    username: String,
    /// The language in which Rollcall writes to them; absent: the first of ours in
    /// `Accept-Language`, else English.
    language: Option<Language>,
    /// The invite code to join with, in any case, with or without dashes and spaces.
    #[schema(max_length = 2000, examples("ABCDE-FGHJK"))]
    invite_code: Option<String>,
    #[serde(default)]
    #[schema(inline)]
    session: SessionKind,
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
        "has_password": true,
        "must_change_password": false,
        "operator": false,
        "language": "en",
        "created_at": "2026-09-01T07:30:00Z",
        "last_active_at": "2026-09-01T07:30:00Z"
    },
    "access_token": "eyJhbGciOiJFZERTQSIsImtpZCI6ImtQckt…",
    "token_type": "Bearer",
    "expires_in": 900,
    "refresh_token": "rcr_1kq3Rr0s8mJ5QbT7XoV2yWz4Lh6Nc9Pe0UfGiKjMlYw",
    "must_change_password": false,
    "device_token": "rct_2Ns7Xb0KqWm4TzR8vYcP1LdGhJfE6oUaI9xBtC3nHkQ.1796108400.rct_9Gk2LmXp5QaTz7WvB0sYdRfEhUcJ4oI1nKtN8xCyHbM",
    "joined": {
        "organization": { "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c12", "name": "Hill Road School" },
        "group": { "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c13", "name": "7A" },
        "outcome": "joined"
    }
})))]
pub struct Registered {
    account: AccountBody,
    /// What came of the invite code; `null` where there was none.
    joined: Option<JoinedBody>,
    #[serde(flatten)]
    tokens: Tokens,
}

impl Registered {
    fn new(state: &State, registered: registration::Registered, kind: SessionKind) -> Result<Self> {
        let registration::Registered { issued, joined } = registered;
        Ok(Self {
            tokens: Tokens::new(state, &issued, kind)?,
            account: issued.account.into(),
            joined: joined.map(JoinedBody::from),
        })
    }
}

/// What has to be right before anything else is asked.
struct Fields {
    email: EmailAddress,
    username: Username,
    password: Password,
}

impl Fields {
    fn parse(body: &RegisterRequest, state: &State) -> Result<Self> {
        let mut form = Form::new();
        let login_domain = &state.services.config.login_domain;
        let email = form.take("/email", login_domain.parse_outside(&body.email));
        let username = form.take("/username", Username::parse(&body.username));
        let password = form.take("/password", Password::parse(body.password.clone()));
        match (email, username, password) {
            (Some(email), Some(username), Some(password)) => Ok(Self {
                email,
                username,
                password,
            }),
            (None, _, _) | (_, None, _) | (_, _, None) => Err(form.refusal()),
        }
    }
}

/// Register an account
///
/// Registers an address with a password and a name, and signs in. The address counts with its case
/// and Unicode form aside: `Jane.Doe@X.org` and `jane.doe@x.org` are one account. A link to verify
/// the address is mailed to it. An address that has an account gets `email_taken`. Registrations from
/// one client are limited (`registration`).
///
/// With `invite_code` the account joins where the code leads, or is not made at all: a code that is
/// unknown (`code_unknown`), paused (`code_paused`), expired (`code_expired`), used up
/// (`code_used_up`) or for other email domains (`code_domain_not_allowed`), and an organization
/// without a free seat (`no_seat`), make no account. A code that is limited to email domains, or that
/// makes staff, takes effect when the address is verified: `waits_for_verification`.
#[utoipa::path(
    post,
    path = "/v1/auth/register",
    tag = "Signing in",
    security(()),
    params(IdempotencyHeader),
    responses(
        (status = 201, description = "The account, signed in.", body = Registered),
        BodyErrors, InvalidEmail, EmailTaken, CookieErrors, InviteCodeErrors, TooManyTries
    )
)]
pub(super) async fn register_account(
    request: Anonymous,
    ClientAddress(client): ClientAddress,
    http: HttpRequest,
    idempotency::Json { idempotency, body }: idempotency::Json<RegisterRequest>,
) -> Result<HttpResponse, Problem> {
    let (state, info) = (request.scope().state.clone(), request.scope().info.clone());
    require_cookie_origin(&http, body.session, &state.services.config)?;
    let Fields {
        email,
        username,
        password,
    } = Fields::parse(&body, &state)?;
    let (typed, session) = (body.invite_code, body.session);
    let counted = client.clone();
    let prepared = request.clone().prepare(&idempotency, move |tx, ()| {
        let code = registration::look_up_code(tx, typed.as_deref(), &counted)?;
        registration::count(tx, &counted, code.as_ref())?;
        Ok(code)
    });
    let invite_code = match prepared.await? {
        Prepared::Ready(invite_code) => invite_code,
        Prepared::Replayed(execution) => return Ok(execution.into()),
    };
    let by = request.scope().requester(email.as_str());
    let input = password.to_hash_input().into_owned();
    let registration = Registration {
        email,
        username,
        password_hash: state.services.hasher.hash(&by, input).await?,
        language: body.language.or(info.language).unwrap_or(Language::English),
        invite_code,
        user_agent: info.user_agent,
        client,
    };
    request
        .run_once(idempotency, move |tx, ()| {
            let registered = registration::register(tx, registration)?;
            let cookie = cookie_of(&state, &registered.issued, session);
            let body = Registered::new(&state, registered, session)?;
            let response = StoredResponse::created("/v1/me".to_owned(), &body)?;
            Ok(response.with_cookie(cookie.map(|cookie| cookie.to_string())))
        })
        .await
}

problems! {
    /// Of a new account's address.
    EmailTaken: email_taken;
}

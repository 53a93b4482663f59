//! Making an account (PRODUCT 3.3).

use actix_web::{HttpResponse, post, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::tokens::{SessionKind, Tokens, tokens};
use crate::domain::email_address::EmailAddress;
use crate::domain::password::Password;
use crate::domain::username::Username;
use crate::routes::extract::{Form, RequestInfo};
use crate::routes::me::AccountBody;
use crate::routes::problem::{OfBody, OfConflict, OfHashing, Problem};
use crate::services::accounts::{self, Registration};
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
    #[schema(min_length = 1, max_length = 100)]
    username: String,
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
pub(super) async fn register_account(
    state: web::Data<State>,
    request: RequestInfo,
    body: web::Json<RegisterRequest>,
) -> Result<HttpResponse, Problem> {
    let body = body.into_inner();
    let mut form = Form::new();
    let email = form.take("/email", EmailAddress::parse(&body.email));
    let username = form.take("/username", Username::parse(&body.username));
    let password = form.take("/password", Password::parse(body.password));
    let (Some(email), Some(username), Some(password)) = (email, username, password) else {
        return Err(form.refusal().into());
    };
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
    let granted = state
        .unit(move |connection| {
            let act = request.act_of(now);
            accounts::register(connection, registration, act, now, user_agent)
        })
        .await?;
    let tokens = tokens(&state, &granted, SessionKind::Token)?;
    Ok(HttpResponse::Created()
        .insert_header(("Cache-Control", "no-store"))
        .json(Registered {
            account: granted.account.into(),
            tokens,
        }))
}

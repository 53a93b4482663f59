//! Making an account (PRODUCT 3.3).

use actix_web::{HttpResponse, post, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::tokens::{SessionKind, Tokens, tokens};
use crate::domain::language::Language;
use crate::domain::password::Password;
use crate::domain::username::Username;
use crate::routes::extract::{Form, Once, RateLimiter, Reply, RequestInfo};
use crate::routes::invite_codes::guessing;
use crate::routes::invite_codes::joining::JoinedBody;
use crate::routes::me::AccountBody;
use crate::routes::problem::{
    BodyErrors, ConflictErrors, HashingErrors, InviteCodeErrors, Problem,
};
use crate::services::accounts::{self, Registration};
use crate::services::limits::{Limit, LimitRequest};
use crate::state::State;
use crate::store::transaction;

/// Who wants an account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({
    "email": "jane.doe@school.example",
    "password": "seven green ducks 7",
    "username": "Jane Doe",
    "invite_code": "ABCDE-FGHJK"
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
    /// In which language Rollcall is to write to them; absent: the first of ours in
    /// `Accept-Language`, else English.
    language: Option<Language>,
    /// The invite code to join with, in any case, with or without dashes and spaces.
    #[schema(max_length = 100)]
    invite_code: Option<String>,
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
        "language": "en",
        "created_at": "2026-09-01T07:30:00Z",
        "last_active_at": "2026-09-01T07:30:00Z"
    },
    "access_token": "eyJhbGciOiJFZERTQSIsImtpZCI6ImtQckt…",
    "token_type": "Bearer",
    "expires_in": 900,
    "refresh_token": "rcr_1kq3Rr0s8mJ5QbT7XoV2yWz4Lh6Nc9Pe0UfGiKjMlYw",
    "must_change_password": false,
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

/// Make an account
///
/// Registers an address with a password and a name, and signs in. The address counts with its case
/// and Unicode form aside: `Jane.Doe@X.org` and `jane.doe@x.org` are one account. A link to verify
/// the address is mailed to it.
///
/// With `invite_code` the account joins where the code leads, or is not made at all: a code that is
/// unknown (`code_unknown`), paused (`code_paused`), expired (`code_expired`), used up
/// (`code_used_up`) or for other email domains (`code_domain_not_allowed`), and an organization
/// without a free seat (`no_seat`), make no account. A code that is limited to email domains takes
/// effect when the address is verified: `waits_for_verification`.
#[utoipa::path(
    tag = "Signing in",
    security(()),
    responses(
        (status = 201, description = "The account, signed in.", body = Registered),
        BodyErrors, ConflictErrors, InviteCodeErrors, HashingErrors
    )
)]
#[post("/v1/auth/register")]
pub(super) async fn register_account(
    state: web::Data<State>,
    request: RequestInfo,
    rate_limiter: RateLimiter,
    once: Once,
    body: web::Json<RegisterRequest>,
) -> Result<HttpResponse, Problem> {
    let body = body.into_inner();
    let mut form = Form::new();
    let email = form.take(
        "/email",
        state
            .services
            .config
            .login_domain
            .parse_outside(&body.email),
    );
    let username = form.take("/username", Username::parse(&body.username));
    let password = form.take("/password", Password::parse(body.password));
    let (Some(email), Some(username), Some(password)) = (email, username, password) else {
        return Err(form.refusal().into());
    };
    let (once, known) = once.replay_to_anonymous(&state).await?;
    if let Some(known) = known {
        return Ok(known.into());
    }
    let invite_code = match body.invite_code {
        Some(typed) => Some(guessing::known_code(&state, &rate_limiter, &typed).await?),
        None => None,
    };
    rate_limiter.take_for_client(Limit::Registration).await?;
    // A mail goes to the address each time, however often the account is deleted again.
    let mail = LimitRequest::one(Limit::MailToAddress, format!("register {email}"));
    let password_hash = state
        .services
        .hasher
        .hash(password.to_hash_input().into_owned())
        .await?;
    let language = body.language.or(request.language);
    let registration = Registration {
        email,
        username,
        password_hash,
        language: language.unwrap_or(Language::English),
        invite_code,
        user_agent: request.user_agent.clone(),
    };
    let now = state.services.clock.now();
    let shared = State::clone(&state);
    let answer = once
        .anonymous(&state, move |connection| {
            let act = request.act_of(now);
            // What is refused mails nothing, and costs nothing.
            let registered = transaction(connection, |connection| {
                rate_limiter.take_within(connection, std::slice::from_ref(&mail))?;
                accounts::register(connection, &shared.services.outbox, registration, act, now)
            })?;
            let tokens = tokens(&shared, &registered.issued, SessionKind::Token)?;
            Reply::created(&Registered {
                account: registered.issued.account.into(),
                joined: registered.joined.map(JoinedBody::from),
                tokens,
            })
        })
        .await?;
    Ok(answer)
}

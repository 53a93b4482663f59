//! One's own password: changed, or forgotten and set by a mailed link (PRODUCT 3.3).

use std::time::Duration;

use actix_web::{HttpResponse, post, web};
use serde::Deserialize;
use tokio::time::Instant;
use utoipa::ToSchema;

use super::sign_in::{settle, verify};
use crate::domain::email_address::EmailAddress;
use crate::domain::password::Password;
use crate::error::Result;
use crate::routes::extract::{Caller, Form, Once, RateLimiter, Reply, RequestInfo};
use crate::routes::problem::{
    BodyErrors, HashingErrors, LinkErrors, MailErrors, Problem, SessionErrors,
};
use crate::services::limits::{Limit, LimitRequest};
use crate::services::{accounts, passwords};
use crate::state::State;
use crate::store::accounts::Account;

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

/// Whose password is forgotten.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "email": "jane.doe@school.example" })))]
pub struct ForgotPasswordRequest {
    /// The address to sign in with; its case does not matter.
    #[schema(max_length = 254, format = "email")]
    email: String,
}

/// The token of a mailed link, and the password that it sets.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({
    "token": "rcp_1kq3Rr0s8mJ5QbT7XoV2yWz4Lh6Nc9Pe0UfGiKjMlYw",
    "password": "eight brown geese 8"
})))]
pub struct ResetPasswordRequest {
    /// What stands behind `token=` in the link.
    #[schema(max_length = 200, format = Password)]
    token: String,
    /// 10 to 128 characters with at least one letter and one digit, and not a common one.
    #[schema(min_length = 10, max_length = 128, format = Password)]
    password: String,
}

/// Change one's own password
///
/// Ends every other session, and kills links that would set another password. The owner is told by
/// mail. *Requires:* a session and the current password.
#[utoipa::path(
    tag = "Signing in",
    responses(
        (status = 204, description = "Changed."),
        BodyErrors, SessionErrors, HashingErrors
    )
)]
#[post("/v1/auth/password/change")]
pub(super) async fn change_password(
    state: web::Data<State>,
    caller: Caller,
    rate_limiter: RateLimiter,
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
    confirm(
        &state,
        &rate_limiter,
        &caller.account,
        body.current_password,
    )
    .await?;
    let hash = state
        .services
        .hasher
        .hash(new.to_hash_input().into_owned())
        .await?;
    let shared = State::clone(&state);
    let changed = state
        .run_blocking(move |connection| {
            let scope = caller.account.id.to_string();
            once.run(&shared, connection, &scope, |connection| {
                passwords::change(connection, &shared.services.outbox, &caller, &hash)?;
                Ok(Reply::no_content())
            })
        })
        .await?;
    Ok(changed.into())
}

/// Requires that somebody who is signed in gives their password once more; wrong ones are counted.
async fn confirm(
    state: &State,
    rate_limiter: &RateLimiter,
    account: &Account,
    password: String,
) -> Result<()> {
    let subject = account.id.to_string();
    let taken = rate_limiter.take(Limit::PasswordCheck, &subject).await?;
    let verdict = verify(state, account.password_hash.clone(), password).await;
    match verdict.and_then(|it| accounts::verify_password(Some(account.clone()), it)) {
        Ok(_) => taken.refund().await,
        Err(error) => Err(settle(taken, error).await?),
    }
}

/// An answer of [`forgot_password`] takes at least so long, which hides whether there was mail to
/// queue.
const LEAST_TIME: Duration = Duration::from_millis(100);

/// Ask for a link to choose a new password
///
/// Mails the link to the address if it has an account that can use it; it is good once, for an hour.
/// The answer is the same, and takes the same time, whether or not there is such an account.
#[utoipa::path(
    tag = "Signing in",
    security(()),
    responses(
        (status = 202, description = "If there is such an account, the mail is on its way."),
        BodyErrors, MailErrors
    )
)]
#[post("/v1/auth/password/forgot")]
pub(super) async fn forgot_password(
    state: web::Data<State>,
    rate_limiter: RateLimiter,
    once: Once,
    body: web::Json<ForgotPasswordRequest>,
) -> Result<HttpResponse, Problem> {
    let answered_at = Instant::now() + LEAST_TIME;
    let mut form = Form::new();
    let Some(email) = form.take("/email", EmailAddress::parse(&body.email)) else {
        return Err(form.refusal().into());
    };
    let (once, known) = once.replay_to_anonymous(&state).await?;
    if let Some(known) = known {
        return Ok(known.into());
    }
    // Before anybody has looked whether there is an account.
    let mails = vec![
        LimitRequest::one(Limit::MailToAddress, email.as_str()),
        LimitRequest::one(Limit::MailFromClient, rate_limiter.client()),
    ];
    rate_limiter.take_all(mails).await?;
    let (outbox, now) = (state.services.outbox.clone(), state.services.clock.now());
    let answer = once
        .anonymous(&state, move |connection| {
            passwords::forgot(connection, &outbox, &email, now)?;
            Ok(Reply::accepted_silently())
        })
        .await?;
    tokio::time::sleep_until(answered_at).await;
    Ok(answer)
}

/// Set a password by a mailed link
///
/// Takes the token of a link from a mail: of one that was asked for with `forgot`, or of the sign-in
/// instructions for a new account. It is good once. Whoever has it has read the mailbox, so the
/// address is verified by it, and joins that waited for that take effect. Every session ends; sign in
/// with the new password then. A link that is used, replaced or expired gets `token_invalid`, and the
/// detail tells where to ask for another.
#[utoipa::path(
    tag = "Signing in",
    security(()),
    responses(
        (status = 204, description = "Set."),
        BodyErrors, LinkErrors, HashingErrors
    )
)]
#[post("/v1/auth/password/reset")]
pub(super) async fn reset_password(
    state: web::Data<State>,
    request: RequestInfo,
    once: Once,
    body: web::Json<ResetPasswordRequest>,
) -> Result<HttpResponse, Problem> {
    let ResetPasswordRequest { token, password } = body.into_inner();
    let mut form = Form::new();
    let Some(password) = form.take("/password", Password::parse(password)) else {
        return Err(form.refusal().into());
    };
    let (once, known) = once.replay_to_anonymous(&state).await?;
    if let Some(known) = known {
        return Ok(known.into());
    }
    let now = state.services.clock.now();
    let presented = token.clone();
    state
        .run_blocking(move |connection| passwords::require_good(connection, &presented, now))
        .await?;
    let input = password.to_hash_input().into_owned();
    let hash = state.services.hasher.hash(input).await?;
    let outbox = state.services.outbox.clone();
    let answer = once
        .anonymous(&state, move |connection| {
            let act = request.act_of(now);
            passwords::reset(connection, &outbox, &token, &hash, act, now)?;
            Ok(Reply::no_content())
        })
        .await?;
    Ok(answer)
}

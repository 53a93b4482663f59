//! One's own password: changed, or forgotten and set by a mailed link (`docs/accounts.md`).

use std::time::Duration;

use actix_web::HttpResponse;
use serde::Deserialize;
use tokio::time::Instant;
use utoipa::ToSchema;

use crate::domain::email_address::EmailAddress;
use crate::domain::password::{Password, PasswordAttempt};
use crate::error::{Error, Result};
use crate::routes::extract::idempotency;
use crate::routes::extract::{
    Anonymous, BeforePasswordChange, ClientAddress, Form, Guard as _, IdempotencyHeader, Prepared,
    token,
};
use crate::routes::password_check::compare;
use crate::routes::problem::{Problem, problems};
use crate::routes::refusals::{
    AccountDeactivated, BodyErrors, HashingErrors, InvalidEmail, InvalidNewPassword,
    InvalidPassword, OpenSessionErrors, TooManyTries, WrongCurrentPassword,
};
use crate::services::authentication::require_own_proof;
use crate::services::idempotency::StoredResponse;
use crate::services::passwords::not_good as password_link_used_up;
use crate::services::sign_in::PasswordCheck;
use crate::services::{passwords, sign_in};
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
    #[serde(deserialize_with = "token")]
    #[schema(max_length = 200, format = Password)]
    token: String,
    /// 10 to 128 characters with at least one letter and one digit, and not a common one.
    #[schema(min_length = 10, max_length = 128, format = Password)]
    password: String,
}

/// Change one's own password
///
/// Needs the current password: a wrong one gets `wrong_credentials`, and wrong ones are limited
/// (`password_check`). The new one has to be another. Ends every other session, and revokes links that would set another password.
/// The owner is told by mail.
#[utoipa::path(
    post,
    path = "/v1/auth/password/change",
    tag = "Passwords and addresses",
    params(IdempotencyHeader),
    responses(
        (status = 204, description = "Changed."),
        BodyErrors, OpenSessionErrors, InvalidNewPassword, WrongCurrentPassword, TooManyTries
    )
)]
pub(super) async fn change_password(
    request: BeforePasswordChange,
    idempotency::Json { idempotency, body }: idempotency::Json<ChangePasswordRequest>,
) -> Result<HttpResponse, Problem> {
    let mut form = Form::new();
    let Some(new) = form.take("/new_password", Password::parse(body.new_password)) else {
        return Err(form.refusal().into());
    };
    require_another(&new, &body.current_password)?;
    // The guard reads the account before it looks for a stored response: a twin of the request that has
    // changed the password since has left its response, too.
    let prepared = request.clone().prepare(&idempotency, |tx, ()| {
        require_own_proof(tx)?;
        sign_in::begin_confirmation(tx)
    });
    let check = match prepared.await? {
        Prepared::Ready(check) => check,
        Prepared::Replayed(execution) => return Ok(execution.into()),
    };
    let proved = confirm(request.clone(), check, body.current_password).await?;
    let by = request.scope().requester(proved.email.as_str());
    let hasher = request.scope().state.services.hasher.clone();
    let hash = hasher.hash(&by, new.to_hash_input().into_owned()).await?;
    request
        .run_once(idempotency, move |tx, ()| {
            passwords::change(tx, &proved, &hash)?;
            Ok(StoredResponse::no_content())
        })
        .await
}

/// Refuses the password that is to be changed: whoever set it would still know it.
fn require_another(new: &Password, current: &str) -> Result<()> {
    let current = PasswordAttempt::parse(current.to_owned());
    if current.is_ok_and(|current| current.to_hash_input() == new.to_hash_input()) {
        return Err(Error::invalid(
            "/new_password",
            "password_unchanged",
            "This is the current password. Choose another one.",
        ));
    }
    Ok(())
}

/// Checks the password of a signed-in person, and gives the account as it was checked.
async fn confirm(
    request: BeforePasswordChange,
    check: PasswordCheck,
    password: String,
) -> Result<Account> {
    let comparison = compare(request.scope(), &check, password).await;
    request
        .run(move |tx, ()| {
            sign_in::complete_confirmation(tx, check, comparison, "/current_password")
        })
        .await
}

/// The least time that [`forgot_password`] takes, which hides whether there was mail to queue.
const LEAST_TIME: Duration = Duration::from_millis(100);

/// Ask for a link to choose a new password
///
/// Mails the link to the address if it has an account that can use it; it is good once, for an hour.
/// The response is the same, and takes the same time, whether or not there is such an account. Mails
/// to one address are limited (`mail_to_address`). Where one client asks for many (`mail_from_client`),
/// further ones are sent after the mail that others wait for.
#[utoipa::path(
    post,
    path = "/v1/auth/password/forgot",
    tag = "Passwords and addresses",
    security(()),
    params(IdempotencyHeader),
    responses(
        (status = 202, description = "If there is such an account, the mail is on its way."),
        BodyErrors, InvalidEmail, TooManyTries
    )
)]
pub(super) async fn forgot_password(
    request: Anonymous,
    ClientAddress(client): ClientAddress,
    idempotency::Json { idempotency, body }: idempotency::Json<ForgotPasswordRequest>,
) -> Result<HttpResponse, Problem> {
    let earliest = Instant::now() + LEAST_TIME;
    let mut form = Form::new();
    let Some(email) = form.take("/email", EmailAddress::parse(&body.email)) else {
        return Err(form.refusal().into());
    };
    let response = request
        .run_once(idempotency, move |tx, ()| {
            passwords::forgot(tx, &email, &client)?;
            Ok(StoredResponse::accepted_without_body())
        })
        .await?;
    tokio::time::sleep_until(earliest).await;
    Ok(response)
}

/// Set a password by a mailed link
///
/// Takes the token of a link from a mail: of one that was asked for with `forgot`, or of the sign-in
/// instructions for a new account. It is good once. Whoever has it has read the mailbox, so the
/// address is verified by it, and joins that waited for that take effect. Every session ends; sign in
/// with the new password then. A link that is used, replaced or expired gets `token_invalid`, and the
/// detail tells where to ask for another.
#[utoipa::path(
    post,
    path = "/v1/auth/password/reset",
    tag = "Passwords and addresses",
    security(()),
    params(IdempotencyHeader),
    responses(
        (status = 204, description = "Set."),
        BodyErrors, InvalidPassword, ResetErrors, AccountDeactivated, HashingErrors
    )
)]
pub(super) async fn reset_password(
    request: Anonymous,
    ClientAddress(client): ClientAddress,
    idempotency::Json { idempotency, body }: idempotency::Json<ResetPasswordRequest>,
) -> Result<HttpResponse, Problem> {
    let ResetPasswordRequest { token, password } = body;
    let mut form = Form::new();
    let Some(password) = form.take("/password", Password::parse(password)) else {
        return Err(form.refusal().into());
    };
    let presented = token.clone();
    let prepared = request.clone().prepare(&idempotency, move |tx, ()| {
        passwords::require_good(tx, &presented)
    });
    let account = match prepared.await? {
        Prepared::Ready(account) => account,
        Prepared::Replayed(execution) => return Ok(execution.into()),
    };
    let by = request.scope().requester(account.email.as_str());
    let hasher = request.scope().state.services.hasher.clone();
    let hash = hasher
        .hash(&by, password.to_hash_input().into_owned())
        .await?;
    request
        .run_once(idempotency, move |tx, ()| {
            passwords::reset(tx, &token, &hash, &client)?;
            Ok(StoredResponse::no_content())
        })
        .await
}

problems! {
    /// Of setting a password by a link.
    ResetErrors: password_link_used_up;
}

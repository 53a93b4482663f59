//! A new password for a member who lost access.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::crypto::random;
use crate::domain::ids::AccountId;
use crate::domain::password::Password;
use crate::error::Error;
use crate::routes::extract::{
    Form, Guard as _, IdempotencyHeader, InOrganization, MemberPath, StoredResponse, idempotency,
};
use crate::routes::problem::Problem;
use crate::routes::refusals::{
    BodyErrors, HashingErrors, InvalidPassword, NoSuchMember, NotManagedHere, OrganizationErrors,
    UnverifiedSender,
};
use crate::services::authorization::{Permission as _, ResetPasswords};
use crate::services::idempotency::Execution;
use crate::services::members::password::{self, NewPassword};
use crate::store::accounts::Account;

/// The new password; without one, Rollcall makes one up.
#[derive(Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(examples(json!({ "must_change_password": true })))]
pub struct ResetMemberPasswordRequest {
    /// At least 10 characters with a letter and a digit, and not a common one.
    #[schema(min_length = 10, max_length = 128, format = Password)]
    password: Option<String>,
    /// Whether its owner is asked to choose another at the next sign-in.
    #[schema(default = true)]
    must_change_password: bool,
}

impl Default for ResetMemberPasswordRequest {
    fn default() -> Self {
        Self {
            password: None,
            must_change_password: true,
        }
    }
}

/// What the person signs in with from now on.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "account_id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11",
    "email": "jane.doe@school.example",
    "username": "Jane Doe",
    "password": "maple-tiger-kite-4279",
    "must_change_password": true
})))]
pub struct MemberPassword {
    account_id: AccountId,
    /// The address to sign in with.
    #[schema(max_length = 254)]
    email: String,
    #[schema(min_length = 1, max_length = 100)]
    username: String,
    /// The password that was made up, shown this once; `null` where one was given.
    #[schema(max_length = 128)]
    password: Option<String>,
    must_change_password: bool,
}

/// Reset a member's password
///
/// For accounts that this organization manages only: it created them, and they are in no other organization;
/// everybody else gets help by their own mail (`not_managed_here`). The person is signed out everywhere, older
/// links to choose a password stop working, and an account with a real address is told by mail: where mail
/// leaves by SMTP, the caller's own address has to be verified for that (`email_not_verified`). A deactivated member stays deactivated.
/// One's own password is changed with the current one. Staff reset those of students and learners only, and API keys
/// none of admins.
#[utoipa::path(
    post,
    path = "/v1/organizations/{organization_id}/members/{account_id}/password-reset",
    tag = "Members",
    params(MemberPath, IdempotencyHeader),
    request_body = Option<ResetMemberPasswordRequest>,
    responses(
        (status = 200, description = "What to sign in with.", body = MemberPassword),
        BodyErrors, OrganizationErrors, NoSuchMember, InvalidPassword, NotManagedHere, UnverifiedSender,
        HashingErrors
    ),
    extensions(("x-permission" = json!(ResetPasswords::NAME)))
)]
pub async fn reset_member_password(
    request: InOrganization<ResetPasswords>,
    path: web::Path<MemberPath>,
    body: idempotency::OptionalJson<ResetMemberPasswordRequest>,
) -> Result<HttpResponse, Problem> {
    let idempotency::OptionalJson { idempotency, body } = body;
    let body = body.unwrap_or_default();
    let account = path.account_id;
    let generated = body.password.is_none();
    let chosen = choose(body.password)?;
    let known = idempotency.clone();
    let replayed = request.clone().run(move |tx, permit| {
        password::require_resettable(tx, &permit, account)?;
        known.replay(tx)
    });
    if let Some(response) = replayed.await? {
        return Ok(Execution::Replayed(response).into());
    }
    let by = request
        .scope()
        .requester(request.organization().to_string());
    let hasher = &request.scope().state.services.hasher;
    let new = NewPassword {
        hash: hasher
            .hash(&by, chosen.to_hash_input().into_owned())
            .await?,
        generated,
        must_change: body.must_change_password,
    };
    let execution = request.change(move |tx, permit| {
        password::require_resettable(tx, &permit, account)?;
        idempotency.execute(tx, |tx| {
            let account = password::reset(tx, &permit, account, &new)?;
            StoredResponse::ok(&shown(account, &chosen, &new))
        })
    });
    Ok(execution.await?.into())
}

fn choose(given: Option<String>) -> Result<Password, Error> {
    let Some(given) = given else {
        return random::password();
    };
    let mut form = Form::new();
    form.take("/password", Password::parse(given))
        .ok_or(form.refusal())
}

fn shown(account: Account, chosen: &Password, new: &NewPassword) -> MemberPassword {
    MemberPassword {
        account_id: account.id,
        email: account.email.to_string(),
        username: account.username.to_string(),
        password: new.generated.then(|| chosen.reveal().to_owned()),
        must_change_password: new.must_change,
    }
}

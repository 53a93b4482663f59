//! A new password for a member who lost access.

use actix_web::{HttpResponse, post, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::crypto::random;
use crate::domain::ids::{AccountId, OrganizationId};
use crate::domain::password::Password;
use crate::error::Error;
use crate::routes::extract::{Caller, Form, Once, Reply};
use crate::routes::problem::{
    BodyErrors, ConflictErrors, HashingErrors, OrganizationErrors, Problem,
};
use crate::services::authorization::ResetPasswords;
use crate::services::members::password::{self, NewPassword};
use crate::state::State;
use crate::store::accounts::Account;

/// The new password; without one, Rollcall makes one up.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "must_change_password": true })))]
pub struct ResetMemberPasswordRequest {
    /// At least 10 characters with a letter and a digit, and not a common one.
    #[schema(min_length = 10, max_length = 128, format = Password)]
    password: Option<String>,
    /// Whether its owner is asked to choose another at the next sign-in.
    #[serde(default = "yes")]
    #[schema(default = true)]
    must_change_password: bool,
}

const fn yes() -> bool {
    true
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

/// Give a member a new password
///
/// For accounts that this organization created only; everybody else gets help by their own mail
/// (`not_managed_here`). The person is signed out everywhere, older links to choose a password are
/// dead, and an account with a real address is told by mail. A deactivated member stays deactivated.
/// One's own password is changed with the current one. *Requires:* admin, or operator; staff for the
/// students and learners of the groups that they manage.
#[utoipa::path(
    tag = "Members",
    params(
        ("organization_id" = OrganizationId, Path, description = "The organization."),
        ("account_id" = AccountId, Path, description = "The member's account.")
    ),
    responses(
        (status = 200, description = "What to sign in with.", body = MemberPassword),
        BodyErrors, OrganizationErrors, ConflictErrors, HashingErrors
    )
)]
#[post("/v1/organizations/{organization_id}/members/{account_id}/password-reset")]
pub async fn reset_member_password(
    state: web::Data<State>,
    caller: Caller,
    once: Once,
    path: web::Path<(OrganizationId, AccountId)>,
    body: web::Json<ResetMemberPasswordRequest>,
) -> Result<HttpResponse, Problem> {
    let (id, account) = path.into_inner();
    let body = body.into_inner();
    let generated = body.password.is_none();
    let chosen = choose(body.password)?;
    let (shared, scope) = (State::clone(&state), caller.claimed_account().to_string());
    let (once, known) = caller
        .clone()
        .permitted::<ResetPasswords, _>(id, move |connection, permit| {
            password::require_resettable(connection, &permit, account)?;
            let known = once.known(&shared, connection, &scope)?;
            Ok((once, known))
        })
        .await?;
    if let Some(known) = known {
        return Ok(known.into());
    }
    let hash = state
        .services
        .hasher
        .hash(chosen.to_hash_input().into_owned())
        .await?;
    let new = NewPassword {
        hash,
        generated,
        must_change: body.must_change_password,
    };
    let outbox = state.services.outbox.clone();
    let answer = caller
        .permitted_once::<ResetPasswords>(once, id, move |connection, permit| {
            let account = password::reset(connection, &permit, &outbox, account, &new)?;
            Reply::ok(&shown(account, &chosen, &new))
        })
        .await?;
    Ok(answer)
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

//! One's own account, and below it memberships, requests to join and sessions.

mod identities;
mod joining;
mod memberships;
mod sessions;

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::{Authenticated, BeforePasswordChange, Form, Guard as _, Json, OptionalJson};
use super::password_check::{ReauthenticationRequest, reauthenticate};
use super::problem::Problem;
use super::refusals::{
    BodyErrors, InvalidUsername, LastAdmin, NoSuchAccount, OpenSessionErrors,
    ReauthenticationErrors, SessionErrors,
};
use crate::domain::ids::AccountId;
use crate::domain::language::Language;
use crate::domain::timestamp::Timestamp;
use crate::domain::username::Username;
use crate::routes::mounting::{Mounting, operations};
use crate::services::accounts::{self, AccountChanges};
use crate::services::departures;
use crate::store::accounts::Account;

/// Mounts these operations.
pub fn mount(mounting: &mut Mounting<'_>) {
    operations!(
        mounting,
        get_me,
        update_me,
        delete_me,
        memberships::list_my_memberships,
        memberships::leave_organization,
        joining::list_joinable_organizations,
        joining::create_my_join_request,
        joining::list_my_join_requests,
        joining::get_my_join_request,
        joining::withdraw_my_join_request,
        sessions::list_my_sessions,
        sessions::end_all_my_sessions,
        sessions::end_my_session,
        identities::list_my_identities,
        identities::link_my_identity,
        identities::unlink_my_identity
    );
}

/// An account, as its owner sees it.
#[derive(Serialize, ToSchema)]
#[schema(as = Account, examples(json!({
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
})))]
pub struct AccountBody {
    id: AccountId,
    /// The canonical address.
    #[schema(max_length = 254)]
    email: String,
    /// Whether its owner has proved that the mailbox is theirs.
    email_verified: bool,
    #[schema(min_length = 1, max_length = 1000)]
    username: String,
    /// Whether Rollcall made the address up: nothing is ever mailed to it.
    generated_address: bool,
    /// Whether a password opens the account; where none does, its owner signs in by an identity provider.
    has_password: bool,
    /// The organization asks that the person chooses a password of their own now. Until they have, the
    /// account opens nothing else: `password_change_required`.
    must_change_password: bool,
    /// Whether they run this installation.
    operator: bool,
    /// In which language Rollcall writes to them.
    language: Language,
    created_at: Timestamp,
    last_active_at: Option<Timestamp>,
}

impl From<Account> for AccountBody {
    fn from(account: Account) -> Self {
        Self {
            id: account.id,
            email: account.email.to_string(),
            email_verified: account.email_verified_at.is_some(),
            username: account.username.to_string(),
            generated_address: account.generated_address,
            has_password: account.password_hash.is_some(),
            must_change_password: account.must_change_password,
            operator: account.operator,
            language: account.language,
            created_at: account.created_at,
            last_active_at: account.last_active_at.unless_never(),
        }
    }
}

/// What to change of one's own account; absent fields stay.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "username": "Jane D.", "language": "fr" })))]
pub struct UpdateMeRequest {
    #[schema(min_length = 1, max_length = 1000)]
    username: Option<String>,
    /// In which language Rollcall is to write to them.
    language: Option<Language>,
}

/// Get the current account
///
/// The account that the session belongs to, with its settings.
#[utoipa::path(
    get,
    path = "/v1/me",
    tag = "My account",
    responses(
        (status = 200, description = "The caller's account.", body = AccountBody),
        OpenSessionErrors
    )
)]
async fn get_me(request: BeforePasswordChange) -> Result<web::Json<AccountBody>, Problem> {
    let account = request
        .run(|tx, ()| Ok(tx.context.principal.session()?.account.clone()))
        .await?;
    Ok(web::Json(account.into()))
}

/// Change one's own account
///
/// Changes the name that others see, and the language of mails. The address stays; the password has an
/// operation of its own.
#[utoipa::path(
    patch,
    path = "/v1/me",
    tag = "My account",
    responses(
        (status = 200, description = "The account as it is now.", body = AccountBody),
        BodyErrors, SessionErrors, InvalidUsername
    )
)]
async fn update_me(
    request: Authenticated,
    body: Json<UpdateMeRequest>,
) -> Result<web::Json<AccountBody>, Problem> {
    let mut form = Form::new();
    let username = body.username.as_deref().map(Username::parse);
    let username = form.take_optional("/username", username);
    if form.has_errors() {
        return Err(form.refusal().into());
    }
    let changes = AccountChanges {
        username,
        language: body.language,
    };
    let account = request
        .change(move |tx, ()| accounts::update(tx, changes))
        .await?;
    Ok(web::Json(account.into()))
}

/// Delete one's own account
///
/// With its sessions and all its memberships, whose seats are freed. The last admin of an
/// organization stays, until somebody else is one or the organization is deleted: `last_admin`. There
/// is no way back: it takes the password (`wrong_credentials`), or a sign-in of the last five minutes.
#[utoipa::path(
    delete,
    path = "/v1/me",
    tag = "My account",
    request_body = Option<ReauthenticationRequest>,
    responses(
        (status = 204, description = "Deleted."),
        BodyErrors, SessionErrors, ReauthenticationErrors, NoSuchAccount, LastAdmin
    )
)]
async fn delete_me(
    request: Authenticated,
    OptionalJson(body): OptionalJson<ReauthenticationRequest>,
) -> Result<HttpResponse, Problem> {
    let proof = reauthenticate(&request, body).await?;
    request
        .change(move |tx, ()| departures::delete_own_account(tx, proof))
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

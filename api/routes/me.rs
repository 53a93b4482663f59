//! One's own account, memberships and sessions.

use actix_web::{HttpResponse, delete, get, patch, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use super::extract::{
    Authenticated, BeforePasswordChange, Form, Guard as _, Json, OptionalJson, OrganizationPath,
};
use super::organizations::OrganizationBody;
use super::password_check::{ReauthenticationRequest, reauthenticate};
use super::problem::Problem;
use super::refusals::{
    BodyErrors, InvalidUsername, LastAdmin, NoSuchAccount, NoSuchMember, NoSuchSession,
    OpenSessionErrors, ReauthenticationErrors, SessionErrors,
};
use crate::domain::ids::{AccountId, SessionId};
use crate::domain::language::Language;
use crate::domain::organization::{AccountType, JoinedVia, MembershipStatus, Role};
use crate::domain::timestamp::Timestamp;
use crate::domain::username::Username;
use crate::services::accounts::{self, AccountChanges};
use crate::services::departures;
use crate::services::sessions;
use crate::store::accounts::Account;

/// Mounts these operations.
pub fn mount(config: &mut ServiceConfig<'_>) {
    config
        .service(get_me)
        .service(update_me)
        .service(delete_me)
        .service(list_my_memberships)
        .service(leave_organization)
        .service(list_my_sessions)
        .service(end_all_my_sessions)
        .service(end_my_session);
}

/// An account, as its owner sees it.
#[derive(Serialize, ToSchema)]
#[schema(as = Account, examples(json!({
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

/// What the caller is in one organization.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "organization": {
        "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11",
        "name": "Hill Road School",
        "kind": "school",
        "slug": "hill-road-school",
        "default_account_type": "student",
        "created_at": "2026-09-01T07:30:00Z"
    },
    "account_type": "teacher",
    "role": "admin",
    "status": "active",
    "joined_via": "founder",
    "joined_at": "2026-09-01T07:30:00Z"
})))]
pub struct MyMembership {
    organization: OrganizationBody,
    account_type: AccountType,
    role: Role,
    status: MembershipStatus,
    joined_via: JoinedVia,
    joined_at: Timestamp,
}

/// The caller's memberships.
#[derive(Serialize, ToSchema)]
pub struct MyMembershipList {
    #[schema(max_items = 10000)]
    items: Vec<MyMembership>,
}

/// One of the caller's sessions.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11",
    "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "current": true,
    "created_at": "2026-09-01T07:30:00Z",
    "last_used_at": "2026-09-01T07:30:00Z",
    "expires_at": "2026-10-01T07:30:00Z"
})))]
pub struct MySession {
    id: SessionId,
    /// What the client called itself when it signed in.
    #[schema(max_length = 200)]
    user_agent: Option<String>,
    /// Whether this request comes from it.
    current: bool,
    created_at: Timestamp,
    last_used_at: Timestamp,
    expires_at: Timestamp,
}

/// The caller's active sessions.
#[derive(Serialize, ToSchema)]
pub struct MySessionList {
    #[schema(max_items = 200)]
    items: Vec<MySession>,
}

/// Get the current account
///
/// The account that the session belongs to, with its settings.
#[utoipa::path(
    tag = "My account",
    responses(
        (status = 200, description = "The caller's account.", body = AccountBody),
        OpenSessionErrors
    )
)]
#[get("/v1/me")]
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
    tag = "My account",
    responses(
        (status = 200, description = "The account as it is now.", body = AccountBody),
        BodyErrors, SessionErrors, InvalidUsername
    )
)]
#[patch("/v1/me")]
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
    tag = "My account",
    request_body = Option<ReauthenticationRequest>,
    responses(
        (status = 204, description = "Deleted."),
        BodyErrors, SessionErrors, ReauthenticationErrors, NoSuchAccount, LastAdmin
    )
)]
#[delete("/v1/me")]
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

/// List one's own memberships
///
/// All organizations that the caller is in, with the account type and the role in each. Deactivated
/// memberships are listed too.
#[utoipa::path(
    tag = "My account",
    responses(
        (status = 200, description = "All of them.", body = MyMembershipList),
        SessionErrors
    )
)]
#[get("/v1/me/memberships")]
async fn list_my_memberships(
    request: Authenticated,
) -> Result<web::Json<MyMembershipList>, Problem> {
    let memberships = request.run(|tx, ()| accounts::memberships(tx)).await?;
    let items = memberships
        .into_iter()
        .map(|(organization, membership)| MyMembership {
            organization: organization.into(),
            account_type: membership.account_type,
            role: membership.role,
            status: membership.status,
            joined_via: membership.joined_via,
            joined_at: membership.joined_at,
        })
        .collect();
    Ok(web::Json(MyMembershipList { items }))
}

/// Leave an organization
///
/// Ends the caller's membership and frees its seat. An account that the organization created is its
/// owner's own from now on. The last admin cannot leave: `last_admin`.
#[utoipa::path(
    tag = "My account",
    params(OrganizationPath),
    responses(
        (status = 204, description = "Left."),
        SessionErrors, NoSuchMember, LastAdmin
    )
)]
#[delete("/v1/me/memberships/{organization_id}")]
async fn leave_organization(
    request: Authenticated,
    path: web::Path<OrganizationPath>,
) -> Result<HttpResponse, Problem> {
    request
        .change(move |tx, ()| departures::leave(tx, path.organization_id))
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// List one's own sessions
///
/// The active ones, the latest used first.
#[utoipa::path(
    tag = "My account",
    responses(
        (status = 200, description = "The sessions.", body = MySessionList),
        SessionErrors
    )
)]
#[get("/v1/me/sessions")]
async fn list_my_sessions(request: Authenticated) -> Result<web::Json<MySessionList>, Problem> {
    let (current, sessions) = request
        .run(|tx, ()| {
            let current = tx.context.principal.session()?.session;
            Ok((current, sessions::list(tx)?))
        })
        .await?;
    let items = sessions
        .into_iter()
        .map(|session| MySession {
            id: session.id,
            current: session.id == current,
            user_agent: session.user_agent,
            created_at: session.created_at,
            last_used_at: session.last_used_at,
            expires_at: session.expires_at,
        })
        .collect();
    Ok(web::Json(MySessionList { items }))
}

/// Sign out everywhere
///
/// Ends every session of the caller, this one too.
#[utoipa::path(
    tag = "My account",
    responses(
        (status = 204, description = "All ended."),
        OpenSessionErrors
    )
)]
#[delete("/v1/me/sessions")]
async fn end_all_my_sessions(request: BeforePasswordChange) -> Result<HttpResponse, Problem> {
    request.change(|tx, ()| sessions::end_all(tx)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The session that a request is about.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct SessionPath {
    /// One of the caller's sessions.
    session_id: SessionId,
}

/// End one of one's own sessions
///
/// Signs that device out: its refresh token stops working, and its access token with it.
#[utoipa::path(
    tag = "My account",
    params(SessionPath),
    responses(
        (status = 204, description = "Ended."),
        SessionErrors, NoSuchSession
    )
)]
#[delete("/v1/me/sessions/{session_id}")]
async fn end_my_session(
    request: Authenticated,
    path: web::Path<SessionPath>,
) -> Result<HttpResponse, Problem> {
    request
        .change(move |tx, ()| sessions::end(tx, path.session_id))
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

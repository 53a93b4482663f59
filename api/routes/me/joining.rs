//! Organizations that the caller may join by the address, and the caller's requests.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::domain::domains::Joining;
use crate::domain::email_domain::EmailDomain;
use crate::domain::ids::{JoinRequestId, OrganizationId};
use crate::domain::invitations::Note;
use crate::domain::organization::AccountType;
use crate::error::{Error, Result};
use crate::routes::extract::idempotency;
use crate::routes::extract::{Authenticated, Form, Guard as _, IdempotencyHeader, Query};
use crate::routes::join_requests::{EndedJoinRequest, JoinRequestBody, JoinRequestPage};
use crate::routes::names::OrganizationReference;
use crate::routes::page::{PageQuery, Paged};
use crate::routes::problem::{Problem, problems};
use crate::routes::refusals::{
    AccountDeactivated, BodyErrors, NoSeat, NoSuchJoinRequest, PageErrors, PasswordOfOthers,
    SessionErrors, TooManyTries, refusal_of,
};
use crate::services::idempotency::StoredResponse;
use crate::services::join_requests::{self, JoinOffer, NewJoinRequest};
use crate::services::join_requests::{open_already, removed, unverified};

/// An organization that the caller may join, or ask to join.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "organization": {
        "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11",
        "name": "Hill Road School"
    },
    "domain": "school.example",
    "joining": "request",
    "account_type": "student"
})))]
pub struct JoinableOrganization {
    organization: OrganizationReference,
    /// That of the caller's address.
    domain: EmailDomain,
    /// `open`: asking lets the caller in at once; `request`: an admin decides.
    joining: Joining,
    /// What whoever joins becomes, unless an admin says otherwise.
    account_type: AccountType,
}

impl From<JoinOffer> for JoinableOrganization {
    fn from(offer: JoinOffer) -> Self {
        let JoinOffer {
            organization,
            domain,
        } = offer;
        Self {
            account_type: organization.default_account_type,
            organization: (organization.id, organization.name).into(),
            domain: domain.domain,
            joining: domain.joining,
        }
    }
}

/// The organizations that the caller may join.
#[derive(Serialize, ToSchema)]
pub struct JoinableOrganizationList {
    #[schema(max_items = 100)]
    items: Vec<JoinableOrganization>,
}

/// Whom the caller asks.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({
    "organization_id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11",
    "note": "I am new in 7A."
})))]
pub struct CreateJoinRequestRequest {
    organization_id: OrganizationId,
    /// For the admins: plain text, line breaks allowed.
    #[schema(max_length = 500)]
    note: Option<String>,
}

/// The caller's request to join that a request is about.
#[derive(Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct MyJoinRequestPath {
    /// One of the caller's requests to join.
    pub join_request_id: JoinRequestId,
}

/// List organizations that one may join
///
/// Those that have proven the domain of the caller's verified address and let people join by it. Nothing is listed of
/// whom the caller is a member, or that has removed or deactivated the caller; and nothing for who signs in with a
/// password that somebody else has set, which shows nothing of the mailbox.
#[utoipa::path(
    get,
    path = "/v1/me/joinable",
    tag = "My account",
    responses(
        (status = 200, description = "All of them.", body = JoinableOrganizationList),
        SessionErrors
    )
)]
pub(super) async fn list_joinable_organizations(
    request: Authenticated,
) -> Result<web::Json<JoinableOrganizationList>, Problem> {
    let offers = request.run(|tx, ()| join_requests::offers(tx)).await?;
    let items = offers.into_iter().map(JoinableOrganization::from).collect();
    Ok(web::Json(JoinableOrganizationList { items }))
}

/// Ask to join an organization
///
/// By the caller's verified address in a domain that the organization has proven. Where its `joining` is `open`, the
/// caller is a member at once, with the organization's default account type, and the request is `approved`. Where it is
/// `request`, the request is `open` until an admin decides, which the caller is told by mail. Of one caller an
/// organization has one open request.
#[utoipa::path(
    post,
    path = "/v1/me/join-requests",
    tag = "My account",
    params(IdempotencyHeader),
    responses(
        (status = 201, description = "The request, `approved` or `open`.", body = JoinRequestBody),
        BodyErrors, SessionErrors, CreateJoinRequestErrors, PasswordOfOthers, AccountDeactivated, Unverified, NoSeat,
        TooManyTries
    )
)]
pub(super) async fn create_my_join_request(
    request: Authenticated,
    idempotency::Json { idempotency, body }: idempotency::Json<CreateJoinRequestRequest>,
) -> Result<HttpResponse, Problem> {
    let new = NewJoinRequest {
        organization: body.organization_id,
        note: parse_note(body.note.as_deref())?,
    };
    request
        .run_once(idempotency, move |tx, ()| {
            let made = join_requests::ask(tx, new)?;
            let location = format!("/v1/me/join-requests/{}", made.0.id);
            StoredResponse::created(location, &JoinRequestBody::from(made))
        })
        .await
}

fn parse_note(note: Option<&str>) -> Result<Option<Note>> {
    let mut form = Form::new();
    let note = form.take_optional("/note", note.map(Note::parse));
    if form.has_errors() {
        return Err(form.refusal());
    }
    Ok(note.flatten())
}

/// List one's own requests to join
///
/// The oldest first, whatever their status. Those that have ended are kept for 90 days.
#[utoipa::path(
    get,
    path = "/v1/me/join-requests",
    tag = "My account",
    params(PageQuery),
    responses(
        (status = 200, description = "A page.", body = JoinRequestPage),
        PageErrors, SessionErrors
    )
)]
pub(super) async fn list_my_join_requests(
    http: HttpRequest,
    request: Authenticated,
    query: Query<PageQuery>,
) -> Result<HttpResponse, Problem> {
    let (limit, after) = (query.limit()?, query.after()?);
    let found = request
        .run(move |tx, ()| join_requests::list_own(tx, limit.page(after)))
        .await?;
    let page = Paged::new(found, limit, |found| found.0.id, JoinRequestBody::from)?;
    Ok(page.respond(&http, JoinRequestPage::new))
}

/// Get one of one's own requests to join
///
/// Whether it is open or has ended.
#[utoipa::path(
    get,
    path = "/v1/me/join-requests/{join_request_id}",
    tag = "My account",
    params(MyJoinRequestPath),
    responses(
        (status = 200, description = "The request.", body = JoinRequestBody),
        SessionErrors, NoSuchJoinRequest
    )
)]
pub(super) async fn get_my_join_request(
    request: Authenticated,
    path: web::Path<MyJoinRequestPath>,
) -> Result<web::Json<JoinRequestBody>, Problem> {
    let id = path.join_request_id;
    let found = request
        .run(move |tx, ()| join_requests::find_own(tx, id))
        .await?;
    Ok(web::Json(found.into()))
}

/// Withdraw one of one's own requests to join
///
/// While it is open.
#[utoipa::path(
    delete,
    path = "/v1/me/join-requests/{join_request_id}",
    tag = "My account",
    params(MyJoinRequestPath),
    responses(
        (status = 204, description = "Withdrawn."),
        SessionErrors, NoSuchJoinRequest, EndedJoinRequest
    )
)]
pub(super) async fn withdraw_my_join_request(
    request: Authenticated,
    path: web::Path<MyJoinRequestPath>,
) -> Result<HttpResponse, Problem> {
    let id = path.join_request_id;
    request
        .change(move |tx, ()| join_requests::withdraw(tx, id))
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

fn already_member() -> Error {
    Error::already_member()
}

fn no_such_offer() -> Error {
    Error::not_found("organization to join by your address")
}

fn long_note() -> Error {
    refusal_of(parse_note(Some(&"long".repeat(200))))
}

problems! {
    /// Of asking to join.
    CreateJoinRequestErrors: long_note no_such_offer already_member removed open_already;
    /// Of asking without a verified address.
    Unverified: unverified;
}

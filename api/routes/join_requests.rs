//! Requests to join, as admins see and decide them (`docs/domains.md`).

use super::mounting::{Mounting, operations};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::extract::idempotency::{self, NoBody};
use super::extract::{
    Form, Guard as _, IdempotencyHeader, InOrganization, OrganizationPath, Query,
};
use super::names::OrganizationReference;
use super::page::{PageSize, Paged, page_body, parse_cursor};
use super::problem::{Problem, problems};
use super::refusals::{
    AccountDeactivated, BodyErrors, NoSeat, NoSuchJoinRequest, OrganizationErrors, PageErrors,
    UntrustedMember, WrongAccountType,
};
use crate::domain::ids::{AccountId, GroupId, JoinRequestId, OrganizationId};
use crate::domain::join_requests::JoinRequestStatus;
use crate::domain::organization::AccountType;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::services::authorization::{ManageJoinRequests, Permission as _, group_unknown};
use crate::services::idempotency::StoredResponse;
use crate::services::join_requests::decisions::{self, Approval};
use crate::services::join_requests::ended;
use crate::store::join_requests::WithNames;

/// Mounts these operations.
pub fn mount(mounting: &mut Mounting<'_>) {
    operations!(
        mounting,
        list_join_requests,
        approve_join_request,
        decline_join_request
    );
}

/// The most groups of one call.
const MAX_GROUPS: usize = 100;

/// Who asks to join.
#[derive(Serialize, ToSchema)]
pub struct JoinRequestAccount {
    id: AccountId,
    #[schema(min_length = 1, max_length = 1000)]
    username: String,
    /// The verified address.
    #[schema(max_length = 254)]
    email: String,
}

/// A request to join an organization.
#[derive(Serialize, ToSchema)]
#[schema(as = JoinRequest, examples(json!({
    "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11",
    "account": {
        "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c12",
        "username": "Jane Doe",
        "email": "jane.doe@school.example"
    },
    "organization": {
        "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c13",
        "name": "Hill Road School"
    },
    "note": "I am new in 7A.",
    "status": "open",
    "created_at": "2026-09-01T07:30:00Z",
    "decided_at": null
})))]
pub struct JoinRequestBody {
    id: JoinRequestId,
    account: JoinRequestAccount,
    organization: OrganizationReference,
    /// What they tell the admins.
    #[schema(max_length = 500)]
    note: Option<String>,
    status: JoinRequestStatus,
    created_at: Timestamp,
    /// When it ended; `null` while it is open.
    decided_at: Option<Timestamp>,
}

impl From<WithNames> for JoinRequestBody {
    fn from((request, account, organization): WithNames) -> Self {
        Self {
            id: request.id,
            account: JoinRequestAccount {
                id: account.id,
                username: account.username.to_string(),
                email: account.email.to_string(),
            },
            organization: (organization.id, organization.name).into(),
            note: request.note.map(|note| note.to_string()),
            status: request.status,
            created_at: request.created_at,
            decided_at: request.decided_at,
        }
    }
}

page_body! {
    /// A page of requests to join.
    JoinRequestPage of JoinRequestBody
}

/// Which requests to an organization.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct JoinRequestQuery {
    /// Those that stand like this.
    status: Option<JoinRequestStatus>,
    /// How many entries: 1 to 200.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<i64>,
    /// The `next_cursor` of the page before.
    #[param(max_length = 1000)]
    cursor: Option<String>,
}

/// On what terms somebody is let in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "account_type": "student" })))]
pub struct ApproveJoinRequestRequest {
    account_type: AccountType,
    /// Groups of the organization that they join.
    #[serde(default)]
    #[schema(max_items = 100)]
    group_ids: Vec<GroupId>,
}

/// The request to join that a request is about.
#[derive(Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct JoinRequestPath {
    /// The organization.
    #[expect(dead_code, reason = "the document names it; the guard reads it itself")]
    pub organization_id: OrganizationId,
    /// The request to join.
    pub join_request_id: JoinRequestId,
}

/// List requests to join
///
/// The oldest first, whatever their status unless one is named. Those that have ended are kept for 90 days.
#[utoipa::path(
    get,
    path = "/v1/organizations/{organization_id}/join-requests",
    tag = "Domains",
    params(OrganizationPath, JoinRequestQuery),
    responses(
        (status = 200, description = "A page.", body = JoinRequestPage),
        PageErrors, OrganizationErrors
    ),
    extensions(("x-permission" = json!(ManageJoinRequests::NAME)))
)]
async fn list_join_requests(
    http: HttpRequest,
    request: InOrganization<ManageJoinRequests>,
    query: Query<JoinRequestQuery>,
) -> Result<HttpResponse, Problem> {
    let query = query.into_inner();
    let limit = PageSize::parse(query.limit)?;
    let after = parse_cursor(query.cursor.as_deref())?;
    let found = request
        .run(move |tx, permit| decisions::list(tx, &permit, query.status, limit.page(after)))
        .await?;
    let page = Paged::new(found, limit, |found| found.0.id, JoinRequestBody::from)?;
    Ok(page.respond(&http, JoinRequestPage::new))
}

/// Approve a request to join
///
/// Whoever asked is a member from then on, with this account type and in these groups, and gets a mail. It takes a
/// seat; where none is free: `no_seat`.
#[utoipa::path(
    post,
    path = "/v1/organizations/{organization_id}/join-requests/{join_request_id}/approve",
    tag = "Domains",
    params(JoinRequestPath, IdempotencyHeader),
    responses(
        (status = 200, description = "The request as it is now.", body = JoinRequestBody),
        BodyErrors, OrganizationErrors, NoSuchJoinRequest, EndedJoinRequest, WrongAccountType, UnknownGroup,
        UntrustedMember, AccountDeactivated, NoSeat
    ),
    extensions(("x-permission" = json!(ManageJoinRequests::NAME)))
)]
async fn approve_join_request(
    request: InOrganization<ManageJoinRequests>,
    path: web::Path<JoinRequestPath>,
    idempotency::Json { idempotency, body }: idempotency::Json<ApproveJoinRequestRequest>,
) -> Result<HttpResponse, Problem> {
    let id = path.join_request_id;
    let approval = approval_of(body)?;
    request
        .run_once(idempotency, move |tx, permit| {
            let approved = decisions::approve(tx, &permit, id, &approval)?;
            StoredResponse::ok(&JoinRequestBody::from(approved))
        })
        .await
}

fn approval_of(body: ApproveJoinRequestRequest) -> Result<Approval> {
    if body.group_ids.len() > MAX_GROUPS {
        let mut form = Form::new();
        let detail = format!("One call takes at most {MAX_GROUPS} groups.");
        form.refuse("/group_ids", "out_of_range", detail);
        return Err(form.refusal());
    }
    let mut groups = body.group_ids;
    groups.sort();
    groups.dedup();
    Ok(Approval {
        account_type: body.account_type,
        groups,
    })
}

/// Decline a request to join
///
/// Whoever asked gets a mail, and may ask again.
#[utoipa::path(
    post,
    path = "/v1/organizations/{organization_id}/join-requests/{join_request_id}/decline",
    tag = "Domains",
    params(JoinRequestPath, IdempotencyHeader),
    responses(
        (status = 200, description = "The request as it is now.", body = JoinRequestBody),
        OrganizationErrors, NoSuchJoinRequest, EndedJoinRequest
    ),
    extensions(("x-permission" = json!(ManageJoinRequests::NAME)))
)]
async fn decline_join_request(
    request: InOrganization<ManageJoinRequests>,
    path: web::Path<JoinRequestPath>,
    NoBody(idempotency): NoBody,
) -> Result<HttpResponse, Problem> {
    let id = path.join_request_id;
    request
        .run_once(idempotency, move |tx, permit| {
            let declined = decisions::decline(tx, &permit, id)?;
            StoredResponse::ok(&JoinRequestBody::from(declined))
        })
        .await
}

fn no_such_group_named() -> Error {
    group_unknown(uuid::Uuid::nil().into())
}

problems! {
    /// Of requests that are decided.
    EndedJoinRequest: ended;
    /// Of groups that are named.
    UnknownGroup: no_such_group_named;
}

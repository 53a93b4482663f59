//! The people of a group (PRODUCT 3.8).

use actix_web::{HttpRequest, HttpResponse, get, patch, post, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use super::bulk::{outcomes_body, refuse_wrong_number};
use super::extract::{Caller, Once, Reply};
use super::members::{MemberBody, order_of, page_of, position};
use super::page::{Paged, page_body, refuse_unusable};
use super::problem::{BodyErrors, ConflictErrors, OrganizationErrors, Problem, QueryErrors};
use crate::domain::group_members::{AddOutcome, RemoveOutcome};
use crate::domain::ids::{AccountId, GroupId, OrganizationId};
use crate::domain::members::{Direction, MemberOrder};
use crate::domain::organization::{AccountType, GroupRole, MembershipStatus};
use crate::services::authorization::{ListMembers, ManageGroup};
use crate::services::group_members::{self, GroupMember};
use crate::store::member_list::MemberFilter;

/// Mounts these operations.
pub fn mount(config: &mut ServiceConfig<'_>) {
    config
        .service(list_group_members)
        .service(add_group_members)
        .service(remove_group_members)
        .service(update_group_member);
}

/// Somebody in a group.
#[derive(Serialize, ToSchema)]
#[schema(as = GroupMember, examples(json!({
    "account_id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11",
    "username": "Jane Doe",
    "email": "jane.doe@school.example",
    "account_type": "student",
    "role": "member",
    "status": "active",
    "managed": true,
    "generated_address": false,
    "joined_via": "csv_import",
    "joined_at": "2026-09-01T07:30:00Z",
    "registered_at": "2026-09-01T07:30:00Z",
    "last_active_at": null,
    "groups": [{ "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c12", "name": "7A" }],
    "group_role": "member"
})))]
pub struct GroupMemberBody {
    #[serde(flatten)]
    member: MemberBody,
    /// As what they are in this group.
    group_role: GroupRole,
}

impl From<GroupMember> for GroupMemberBody {
    fn from(found: GroupMember) -> Self {
        Self {
            member: found.member.into(),
            group_role: found.role,
        }
    }
}

page_body! {
    /// A page of a group's people.
    GroupMemberListPage of GroupMemberBody
}

/// Which people of a group, in which order.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct GroupMemberQuery {
    /// Any part of the name or the address; case and accents do not matter.
    #[param(max_length = 100)]
    search: Option<String>,
    group_role: Option<GroupRole>,
    account_type: Option<AccountType>,
    status: Option<MembershipStatus>,
    /// `name` unless given.
    sort: Option<MemberOrder>,
    /// `asc` unless given.
    direction: Option<Direction>,
    /// How many entries: 1 to 200.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<i64>,
    /// The `next_cursor` of the page before, in the same order.
    #[param(max_length = 1000)]
    cursor: Option<String>,
}

/// Whom to add to a group.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({
    "account_ids": ["01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11"],
    "role": "member"
})))]
pub struct AddGroupMembersRequest {
    #[schema(min_items = 1, max_items = 500)]
    account_ids: Vec<AccountId>,
    /// `member` unless given; groups are managed by staff and admins.
    role: Option<GroupRole>,
}

/// Whom to take out of a group.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "account_ids": ["01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11"] })))]
pub struct RemoveGroupMembersRequest {
    #[schema(min_items = 1, max_items = 500)]
    account_ids: Vec<AccountId>,
}

/// As what somebody is to be in a group.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "role": "manager" })))]
pub struct UpdateGroupMemberRequest {
    role: GroupRole,
}

outcomes_body! {
    /// How each ended.
    #[schema(examples(json!({
        "results": [
            { "account_id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11", "outcome": "added" }
        ],
        "summary": { "added": 1 }
    })))]
    AddedGroupMembers,
    /// How one ended.
    AddedGroupMember of AddOutcome
}

outcomes_body! {
    /// How each ended.
    #[schema(examples(json!({
        "results": [
            { "account_id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11", "outcome": "removed" }
        ],
        "summary": { "removed": 1 }
    })))]
    RemovedGroupMembers,
    /// How one ended.
    RemovedGroupMember of RemoveOutcome
}

/// List the people of a group
///
/// Searched, filtered, in any of three orders. *Requires:* admin, operator, or manager of the group.
#[utoipa::path(
    tag = "Groups",
    params(
        ("organization_id" = OrganizationId, Path, description = "The organization."),
        ("group_id" = GroupId, Path, description = "The group."),
        GroupMemberQuery
    ),
    responses(
        (status = 200, description = "A page.", body = GroupMemberListPage),
        QueryErrors, OrganizationErrors
    )
)]
#[get("/v1/organizations/{organization_id}/groups/{group_id}/members")]
async fn list_group_members(
    http: HttpRequest,
    caller: Caller,
    path: web::Path<(OrganizationId, GroupId)>,
    query: web::Query<GroupMemberQuery>,
) -> Result<HttpResponse, Problem> {
    let (id, group) = path.into_inner();
    let query = query.into_inner();
    refuse_unusable("?search", query.search.as_deref(), 100)?;
    let order = order_of(query.sort, query.direction);
    let (limit, page) = page_of(order, query.limit, query.cursor.as_deref())?;
    let filter = MemberFilter {
        search: query.search,
        group_role: query.group_role,
        account_type: query.account_type,
        status: query.status,
        ..MemberFilter::default()
    };
    let found = caller
        .permitted_in_group::<ListMembers, _>(id, group, move |connection, permit| {
            group_members::list(connection, &permit, filter, &page)
        })
        .await?;
    let page = Paged::new(
        found,
        limit,
        |found| position(&found.member, order.by),
        GroupMemberBody::from,
    )?;
    Ok(page.respond(&http, GroupMemberListPage::new))
}

/// Add people to a group
///
/// Up to 500 members of the organization at once. Each ends on its own: `added`,
/// `already_in_group` (their role in it stays), `not_a_member` where they are no active member of
/// the organization or the caller does not see them, `manager_needs_staff_type`,
/// `duplicate_in_request`. *Requires:* admin, operator, or manager of the group; managers add people
/// of any group that they manage.
#[utoipa::path(
    tag = "Groups",
    params(
        ("organization_id" = OrganizationId, Path, description = "The organization."),
        ("group_id" = GroupId, Path, description = "The group.")
    ),
    responses(
        (status = 200, description = "How each ended.", body = AddedGroupMembers),
        BodyErrors, OrganizationErrors, ConflictErrors
    )
)]
#[post("/v1/organizations/{organization_id}/groups/{group_id}/members")]
async fn add_group_members(
    caller: Caller,
    once: Once,
    path: web::Path<(OrganizationId, GroupId)>,
    body: web::Json<AddGroupMembersRequest>,
) -> Result<HttpResponse, Problem> {
    let (id, group) = path.into_inner();
    let body = body.into_inner();
    refuse_wrong_number("/account_ids", &body.account_ids)?;
    let role = body.role.unwrap_or(GroupRole::Member);
    let answer = caller
        .permitted_in_group_once::<ManageGroup>(once, id, group, move |connection, permit| {
            let outcomes = group_members::add(connection, &permit, &body.account_ids, role)?;
            Reply::ok(&AddedGroupMembers::from(outcomes))
        })
        .await?;
    Ok(answer)
}

/// Take people out of a group
///
/// Up to 500 at once; they stay in the organization. Each ends on its own: `removed`,
/// `not_in_group`, `duplicate_in_request`. The group's invite code, as it is, does not let them back
/// in. *Requires:* admin, operator, or manager of the group.
#[utoipa::path(
    tag = "Groups",
    params(
        ("organization_id" = OrganizationId, Path, description = "The organization."),
        ("group_id" = GroupId, Path, description = "The group.")
    ),
    responses(
        (status = 200, description = "How each ended.", body = RemovedGroupMembers),
        BodyErrors, OrganizationErrors, ConflictErrors
    )
)]
#[post("/v1/organizations/{organization_id}/groups/{group_id}/members/remove")]
async fn remove_group_members(
    caller: Caller,
    once: Once,
    path: web::Path<(OrganizationId, GroupId)>,
    body: web::Json<RemoveGroupMembersRequest>,
) -> Result<HttpResponse, Problem> {
    let (id, group) = path.into_inner();
    let body = body.into_inner();
    refuse_wrong_number("/account_ids", &body.account_ids)?;
    let answer = caller
        .permitted_in_group_once::<ManageGroup>(once, id, group, move |connection, permit| {
            let outcomes = group_members::remove(connection, &permit, &body.account_ids)?;
            Reply::ok(&RemovedGroupMembers::from(outcomes))
        })
        .await?;
    Ok(answer)
}

/// Make somebody a manager or a plain member of a group
///
/// Groups are managed by staff and admins: `manager_needs_staff_type` in `errors` for anybody else.
/// *Requires:* admin, operator, or manager of the group.
#[utoipa::path(
    tag = "Groups",
    params(
        ("organization_id" = OrganizationId, Path, description = "The organization."),
        ("group_id" = GroupId, Path, description = "The group."),
        ("account_id" = AccountId, Path, description = "The account of somebody in it.")
    ),
    responses(
        (status = 200, description = "As they are now.", body = GroupMemberBody),
        BodyErrors, OrganizationErrors
    )
)]
#[patch("/v1/organizations/{organization_id}/groups/{group_id}/members/{account_id}")]
async fn update_group_member(
    caller: Caller,
    path: web::Path<(OrganizationId, GroupId, AccountId)>,
    body: web::Json<UpdateGroupMemberRequest>,
) -> Result<web::Json<GroupMemberBody>, Problem> {
    let (id, group, account) = path.into_inner();
    let role = body.role;
    let member = caller
        .permitted_in_group::<ManageGroup, _>(id, group, move |connection, permit| {
            group_members::set_role(connection, &permit, account, role)
        })
        .await?;
    Ok(web::Json(member.into()))
}

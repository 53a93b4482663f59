//! The people of a group (`docs/groups.md`).

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::bulk::{outcomes_body, refuse_wrong_number};
use super::extract::{
    GroupPath, Guard as _, IdempotencyHeader, InGroup, Json, Query, StoredResponse, idempotency,
};
use super::members::{MemberBody, order_of, page_of};
use super::mounting::{Mounting, operations};
use super::page::{MAX_SEARCH, Paged, page_body, parse_search};
use super::problem::{Problem, problems};
use super::refusals::{
    BodyErrors, NoSuchGroup, NoSuchMember, NobodyNamed, OrganizationErrors, PageErrors,
};
use crate::domain::group_members::{AddOutcome, RemoveOutcome};
use crate::domain::ids::{AccountId, GroupId, OrganizationId};
use crate::domain::members::{Direction, MemberOrder};
use crate::domain::organization::{AccountType, GroupRole, MembershipStatus};
use crate::services::authorization::{ListMembers, ManageGroup, Permission as _};
use crate::services::group_members::manager_needs_staff_type;
use crate::services::group_members::{self, GroupMember};
use crate::store::member_list::MemberFilter;

/// The member of a group that a request is about.
#[derive(Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct GroupMemberPath {
    /// The organization.
    #[expect(dead_code, reason = "the document names it; the guard reads it itself")]
    pub organization_id: OrganizationId,
    /// The group.
    #[expect(dead_code, reason = "the document names it; the guard reads it itself")]
    pub group_id: GroupId,
    /// The account of a member of the group.
    pub account_id: AccountId,
}

/// Mounts these operations.
pub fn mount(mounting: &mut Mounting<'_>) {
    operations!(
        mounting,
        list_group_members,
        add_group_members,
        remove_group_members,
        update_group_member
    );
}

/// Somebody in a group.
#[derive(Serialize, ToSchema)]
#[schema(as = GroupMember, examples(json!({
    "account_id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11",
    "username": "Jane Doe",
    "email": "jane.doe@school.example",
    "email_verified": true,
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
    /// Words in any order, each any part of the name or the address; case, accents, apostrophes and
    /// hyphens do not matter.
    #[param(max_length = 254, example = "jane")]
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
#[schema(examples(json!({ "role": "member" }), json!({ "role": "manager" })))]
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
/// Searched, filtered, in any of three orders.
#[utoipa::path(
    get,
    path = "/v1/organizations/{organization_id}/groups/{group_id}/members",
    tag = "Groups",
    params(GroupPath, GroupMemberQuery),
    responses(
        (status = 200, description = "A page.", body = GroupMemberListPage),
        PageErrors, OrganizationErrors, NoSuchGroup
    ),
    extensions(("x-permission" = json!(ListMembers::NAME)))
)]
async fn list_group_members(
    http: HttpRequest,
    request: InGroup<ListMembers>,
    query: Query<GroupMemberQuery>,
) -> Result<HttpResponse, Problem> {
    let query = query.into_inner();
    let search = parse_search(query.search.as_deref(), MAX_SEARCH)?;
    let order = order_of(query.sort, query.direction);
    let (limit, page) = page_of(order, query.limit, query.cursor.as_deref())?;
    let filter = MemberFilter {
        search,
        group_role: query.group_role,
        account_type: query.account_type,
        status: query.status,
        ..MemberFilter::default()
    };
    let found = request
        .run(move |tx, permit| group_members::list(tx, &permit, filter, &page))
        .await?;
    let page = Paged::new(
        found,
        limit,
        |found| found.member.row.position(order.by),
        GroupMemberBody::from,
    )?;
    Ok(page.respond(&http, GroupMemberListPage::new))
}

/// Add people to a group
///
/// Up to 500 members of the organization at once. Each ends on its own: `added`,
/// `already_in_group` (their role in it stays), `not_a_member` where they are no active member of
/// the organization or the caller does not see them, `manager_needs_staff_type`,
/// `duplicate_in_request`.
#[utoipa::path(
    post,
    path = "/v1/organizations/{organization_id}/groups/{group_id}/members",
    tag = "Groups",
    params(GroupPath, IdempotencyHeader),
    responses(
        (status = 200, description = "How each ended.", body = AddedGroupMembers),
        BodyErrors, OrganizationErrors, NoSuchGroup, NobodyNamed
    ),
    extensions(("x-permission" = json!(ManageGroup::NAME)))
)]
async fn add_group_members(
    request: InGroup<ManageGroup>,
    body: idempotency::Json<AddGroupMembersRequest>,
) -> Result<HttpResponse, Problem> {
    let idempotency::Json { idempotency, body } = body;
    refuse_wrong_number("/account_ids", &body.account_ids)?;
    let role = body.role.unwrap_or(GroupRole::Member);
    request
        .run_once(idempotency, move |tx, permit| {
            let outcomes = group_members::add(tx, &permit, &body.account_ids, role)?;
            StoredResponse::ok(&AddedGroupMembers::from(outcomes))
        })
        .await
}

/// Remove people from a group
///
/// Up to 500 at once; they stay in the organization. Each ends on its own: `removed`,
/// `not_in_group`, `duplicate_in_request`. The group's invite code, as it is, does not let them
/// back in.
#[utoipa::path(
    post,
    path = "/v1/organizations/{organization_id}/groups/{group_id}/members/remove",
    tag = "Groups",
    params(GroupPath, IdempotencyHeader),
    responses(
        (status = 200, description = "How each ended.", body = RemovedGroupMembers),
        BodyErrors, OrganizationErrors, NoSuchGroup, NobodyNamed
    ),
    extensions(("x-permission" = json!(ManageGroup::NAME)))
)]
async fn remove_group_members(
    request: InGroup<ManageGroup>,
    body: idempotency::Json<RemoveGroupMembersRequest>,
) -> Result<HttpResponse, Problem> {
    let idempotency::Json { idempotency, body } = body;
    refuse_wrong_number("/account_ids", &body.account_ids)?;
    request
        .run_once(idempotency, move |tx, permit| {
            let outcomes = group_members::remove(tx, &permit, &body.account_ids)?;
            StoredResponse::ok(&RemovedGroupMembers::from(outcomes))
        })
        .await
}

/// Change a member's role in a group
///
/// Makes somebody a manager or a plain member. Groups are managed by staff and admins:
/// `manager_needs_staff_type` in `errors` for anybody else.
#[utoipa::path(
    patch,
    path = "/v1/organizations/{organization_id}/groups/{group_id}/members/{account_id}",
    tag = "Groups",
    params(GroupMemberPath),
    responses(
        (status = 200, description = "As they are now.", body = GroupMemberBody),
        BodyErrors, OrganizationErrors, NoSuchMember, RoleErrors
    ),
    extensions(("x-permission" = json!(ManageGroup::NAME)))
)]
async fn update_group_member(
    request: InGroup<ManageGroup>,
    path: web::Path<GroupMemberPath>,
    body: Json<UpdateGroupMemberRequest>,
) -> Result<web::Json<GroupMemberBody>, Problem> {
    let account = path.account_id;
    let role = body.role;
    let member = request
        .change(move |tx, permit| group_members::set_role(tx, &permit, account, role))
        .await?;
    Ok(web::Json(member.into()))
}

problems! {
    /// Of changing somebody's role in a group.
    RoleErrors: manager_needs_staff_type;
}

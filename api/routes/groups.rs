//! Groups (`docs/groups.md`).

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::extract::{
    Form, GroupPath, Guard as _, IdempotencyHeader, InGroup, InOrganization, Json,
    OrganizationPath, Query, StoredResponse, idempotency, nullable,
};
use super::mounting::{Mounting, operations};
use super::page::{PageSize, Paged, page_body, parse_cursor, parse_search};
use super::problem::Problem;
use super::refusals::{
    BodyErrors, GroupNameTaken, InvalidName, NoSuchGroup, OrganizationErrors, PageErrors,
};
use crate::domain::ids::GroupId;
use crate::domain::organization::GroupRole;
use crate::domain::timestamp::Timestamp;
use crate::error::Error;
use crate::services::authorization::{CreateGroup, ManageGroup, Permission as _, SeeGroups};
use crate::services::groups::{self, GroupUpdate, GroupView, NewGroup};

/// Mounts these operations.
pub fn mount(mounting: &mut Mounting<'_>) {
    operations!(
        mounting,
        create_group,
        list_groups,
        get_group,
        update_group,
        delete_group
    );
}

/// The longest name and description, in characters.
const MAX_NAME: usize = 100;
const MAX_DESCRIPTION: usize = 500;

/// A group.
#[derive(Serialize, ToSchema)]
#[schema(as = Group, examples(json!({
    "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c12",
    "name": "7A",
    "description": "Ms Green's class",
    "member_count": 27,
    "my_role": "manager",
    "created_at": "2026-09-01T07:30:00Z"
})))]
pub struct GroupBody {
    id: GroupId,
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    #[schema(max_length = 500)]
    description: Option<String>,
    /// How many people are in it, managers included.
    #[schema(minimum = 0)]
    member_count: i64,
    /// As what the caller is in it; `null` where they are not.
    my_role: Option<GroupRole>,
    created_at: Timestamp,
}

impl From<GroupView> for GroupBody {
    fn from(seen: GroupView) -> Self {
        let GroupView {
            group,
            member_count,
            my_role,
        } = seen;
        Self {
            id: group.id,
            name: group.name,
            description: group.description,
            member_count,
            my_role,
            created_at: group.created_at,
        }
    }
}

page_body! {
    /// A page of groups.
    GroupPage of GroupBody
}

/// What a new group is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "name": "7A", "description": "Ms Green's class" })))]
pub struct CreateGroupRequest {
    /// Unique in the organization, whatever the case.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    #[schema(min_length = 1, max_length = 500)]
    description: Option<String>,
}

/// What to change of a group; absent fields stay.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "name": "8A", "description": null })))]
pub struct UpdateGroupRequest {
    /// Unique in the organization, whatever the case.
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// `null` takes it away.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 500)]
    description: Option<Option<String>>,
}

/// Which groups.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct GroupQuery {
    /// Words in any order, each any part of the name; case and accents do not matter.
    #[param(max_length = 100, example = "7A")]
    search: Option<String>,
    /// How many entries: 1 to 200.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<i64>,
    /// The `next_cursor` of the page before.
    #[param(max_length = 1000)]
    cursor: Option<String>,
}

/// Create a group
///
/// The caller manages it, if they are staff or an admin of the organization. A name that another group
/// of the organization has, whatever the case, gets `name_taken`.
#[utoipa::path(
    post,
    path = "/v1/organizations/{organization_id}/groups",
    tag = "Groups",
    params(OrganizationPath, IdempotencyHeader),
    responses(
        (status = 201, description = "The group.", body = GroupBody),
        BodyErrors, OrganizationErrors, InvalidName, GroupNameTaken
    ),
    extensions(("x-permission" = json!(CreateGroup::NAME)))
)]
async fn create_group(
    request: InOrganization<CreateGroup>,
    body: idempotency::Json<CreateGroupRequest>,
) -> Result<HttpResponse, Problem> {
    let idempotency::Json { idempotency, body } = body;
    let mut form = Form::new();
    let name = form.single_line("/name", &body.name, MAX_NAME);
    let description = body
        .description
        .as_deref()
        .map(|text| form.single_line("/description", text, MAX_DESCRIPTION));
    let (Some(name), false) = (name, form.has_errors()) else {
        return Err(form.refusal().into());
    };
    let new = NewGroup {
        name,
        description: description.flatten(),
    };
    request
        .run_once(idempotency, move |tx, permit| {
            let created = groups::create(tx, &permit, new)?;
            let (organization, group) = (permit.organization.id, created.group.id);
            let location = format!("/v1/organizations/{organization}/groups/{group}");
            StoredResponse::created(location, &GroupBody::from(created))
        })
        .await
}

/// List groups
///
/// The oldest first.
#[utoipa::path(
    get,
    path = "/v1/organizations/{organization_id}/groups",
    tag = "Groups",
    params(OrganizationPath, GroupQuery),
    responses(
        (status = 200, description = "A page.", body = GroupPage),
        PageErrors, OrganizationErrors
    ),
    extensions(("x-permission" = json!(SeeGroups::NAME)))
)]
async fn list_groups(
    http: HttpRequest,
    request: InOrganization<SeeGroups>,
    query: Query<GroupQuery>,
) -> Result<HttpResponse, Problem> {
    let query = query.into_inner();
    let search = parse_search(query.search.as_deref(), MAX_NAME)?;
    let (limit, after) = (
        PageSize::parse(query.limit)?,
        parse_cursor(query.cursor.as_deref())?,
    );
    let found = request
        .run(move |tx, permit| groups::list(tx, &permit, search, limit.page(after)))
        .await?;
    let page = Paged::new(found, limit, |seen| seen.group.id, GroupBody::from)?;
    Ok(page.respond(&http, GroupPage::new))
}

/// Get a group
///
/// Its name and description, the number of its members, and the caller's role in it.
#[utoipa::path(
    get,
    path = "/v1/organizations/{organization_id}/groups/{group_id}",
    tag = "Groups",
    params(GroupPath),
    responses(
        (status = 200, description = "The group.", body = GroupBody),
        OrganizationErrors, NoSuchGroup
    ),
    extensions(("x-permission" = json!(SeeGroups::NAME)))
)]
async fn get_group(request: InGroup<SeeGroups>) -> Result<web::Json<GroupBody>, Problem> {
    let group = request.run(|tx, permit| groups::find(tx, &permit)).await?;
    Ok(web::Json(group.into()))
}

/// Change a group's name or description
///
/// Absent fields stay. A name that another group of the organization has, whatever the case, gets
/// `name_taken`.
#[utoipa::path(
    patch,
    path = "/v1/organizations/{organization_id}/groups/{group_id}",
    tag = "Groups",
    params(GroupPath),
    responses(
        (status = 200, description = "The group as it is now.", body = GroupBody),
        BodyErrors, OrganizationErrors, NoSuchGroup, InvalidName, GroupNameTaken
    ),
    extensions(("x-permission" = json!(ManageGroup::NAME)))
)]
async fn update_group(
    request: InGroup<ManageGroup>,
    body: Json<UpdateGroupRequest>,
) -> Result<web::Json<GroupBody>, Problem> {
    let new = group_update(&body)?;
    let group = request
        .change(move |tx, permit| groups::update(tx, &permit, new))
        .await?;
    Ok(web::Json(group.into()))
}

fn group_update(body: &UpdateGroupRequest) -> Result<GroupUpdate, Error> {
    let mut form = Form::new();
    let name = body.name.as_deref();
    let name = name.and_then(|name| form.single_line("/name", name, MAX_NAME));
    let description = body.description.as_ref().map(|description| {
        let text = description.as_deref();
        text.and_then(|text| form.single_line("/description", text, MAX_DESCRIPTION))
    });
    if form.has_errors() {
        return Err(form.refusal());
    }
    Ok(GroupUpdate { name, description })
}

/// Delete a group
///
/// Its members stay in the organization; its invite code stops working, and what it opened is closed. There is no
/// way back.
#[utoipa::path(
    delete,
    path = "/v1/organizations/{organization_id}/groups/{group_id}",
    tag = "Groups",
    params(GroupPath),
    responses(
        (status = 204, description = "Deleted."),
        OrganizationErrors, NoSuchGroup
    ),
    extensions(("x-permission" = json!(ManageGroup::NAME)))
)]
async fn delete_group(request: InGroup<ManageGroup>) -> Result<HttpResponse, Problem> {
    request
        .change(|tx, permit| groups::delete(tx, &permit))
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

//! Groups (PRODUCT 3.8).

use actix_web::{HttpRequest, HttpResponse, get, post, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::extract::{Caller, Form, Once, Reply};
use super::organizations::PageQuery;
use super::page::{Paged, page_body};
use super::problem::{OfBody, OfConflict, OfOrganization, OfQuery, Problem};
use crate::domain::ids::{GroupId, OrganizationId};
use crate::domain::instant::Instant;
use crate::services::authorization::{CreateGroup, SeeGroups};
use crate::services::groups::{self, NewGroup};
use crate::store::groups::Group;

/// Mounts these operations.
pub fn mount(config: &mut ServiceConfig<'_>) {
    config.service(create_group).service(list_groups);
}

/// The longest name and description, in characters.
const MOST_OF_NAME: usize = 100;
const MOST_OF_DESCRIPTION: usize = 500;

/// A group.
#[derive(Serialize, ToSchema)]
#[schema(as = Group, examples(json!({
    "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c12",
    "name": "7A",
    "description": "Ms Green's class",
    "member_count": 27,
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
    created_at: Instant,
}

impl From<(Group, i64)> for GroupBody {
    fn from((group, member_count): (Group, i64)) -> Self {
        Self {
            id: group.id,
            name: group.name,
            description: group.description,
            member_count,
            created_at: group.created_at,
        }
    }
}

/// A group's id and name.
#[derive(Serialize, ToSchema)]
pub struct GroupName {
    id: GroupId,
    #[schema(min_length = 1, max_length = 100)]
    name: String,
}

impl From<(GroupId, String)> for GroupName {
    fn from((id, name): (GroupId, String)) -> Self {
        Self { id, name }
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

/// Create a group
///
/// The caller manages it, if they are a member of the organization. *Requires:* admin, staff, or
/// operator.
#[utoipa::path(
    tag = "Groups",
    params(("organization_id" = OrganizationId, Path, description = "The organization.")),
    responses(
        (status = 201, description = "The group.", body = GroupBody),
        OfBody, OfOrganization, OfConflict
    )
)]
#[post("/v1/organizations/{organization_id}/groups")]
async fn create_group(
    caller: Caller,
    once: Once,
    path: web::Path<(OrganizationId,)>,
    body: web::Json<CreateGroupRequest>,
) -> Result<HttpResponse, Problem> {
    let (id,) = path.into_inner();
    let mut form = Form::new();
    let name = form.text("/name", &body.name, MOST_OF_NAME);
    let description = body
        .description
        .as_deref()
        .map(|text| form.text("/description", text, MOST_OF_DESCRIPTION));
    let (Some(name), false) = (name, form.has_errors()) else {
        return Err(form.refusal().into());
    };
    let new = NewGroup {
        name,
        description: description.flatten(),
    };
    let created = caller
        .permitted_once::<CreateGroup>(once, id, move |connection, permit| {
            let group = groups::create(connection, &permit, new)?;
            Reply::created(&GroupBody::from(group))
        })
        .await?;
    Ok(created)
}

/// List groups
///
/// The oldest first. *Requires:* membership, or operator; members who are no admins see the groups
/// that they are in.
#[utoipa::path(
    tag = "Groups",
    params(
        ("organization_id" = OrganizationId, Path, description = "The organization."),
        PageQuery
    ),
    responses(
        (status = 200, description = "A page.", body = GroupPage),
        OfQuery, OfOrganization
    )
)]
#[get("/v1/organizations/{organization_id}/groups")]
async fn list_groups(
    http: HttpRequest,
    caller: Caller,
    path: web::Path<(OrganizationId,)>,
    query: web::Query<PageQuery>,
) -> Result<HttpResponse, Problem> {
    let (id,) = path.into_inner();
    let (limit, after) = (query.limit()?, query.after()?);
    let found = caller
        .permitted::<SeeGroups, _>(id, move |connection, permit| {
            groups::list(connection, &permit, after, limit.with_lookahead())
        })
        .await?;
    let page = Paged::new(found, limit, |(group, _)| group.id, GroupBody::from)?;
    Ok(page.respond(&http, GroupPage::new))
}

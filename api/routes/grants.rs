//! Grants of resources to groups (`docs/grants.md`).

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::extract::{Form, GroupPath, Guard as _, InGroup, Json, Query};
use super::mounting::{Mounting, operations};
use super::page::{PageSize, Paged, page_body, parse_cursor};
use super::problem::{Problem, problems};
use super::refusals::{
    BodyErrors, NoSuchGrant, NoSuchGroup, OrganizationErrors, PageErrors, refusal_of,
};
use super::resources::parse_resource;
use crate::domain::ids::{GroupId, OrganizationId};
use crate::domain::resource::{Resource, ResourceId, ResourceType};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::services::authorization::{ManageGrants, Permission as _, ReadGrants};
use crate::services::grants::{self, NewGrant, ends_in_the_past};
use crate::store::grants::Grant;

/// Mounts these operations.
pub fn mount(mounting: &mut Mounting<'_>) {
    operations!(mounting, list_grants, get_grant, set_grant, revoke_grant);
}

/// A resource that a group opens.
#[derive(Serialize, ToSchema)]
#[schema(as = Grant, examples(json!({
    "resource_type": "course",
    "resource_id": "algebra-1",
    "expires_at": "2027-06-30T22:00:00Z",
    "created_at": "2026-09-01T07:30:00Z"
})))]
pub struct GrantBody {
    #[schema(value_type = String, min_length = 1, max_length = 64)]
    resource_type: ResourceType,
    #[schema(value_type = String, min_length = 1, max_length = 255)]
    resource_id: ResourceId,
    /// When the group opens the resource no more; `null` where that has no end.
    expires_at: Option<Timestamp>,
    created_at: Timestamp,
}

impl From<Grant> for GrantBody {
    fn from(grant: Grant) -> Self {
        Self {
            resource_type: grant.resource_type,
            resource_id: grant.resource_id,
            expires_at: grant.expires_at,
            created_at: grant.created_at,
        }
    }
}

page_body! {
    /// A page of grants.
    GrantPage of GrantBody
}

/// What a grant is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "expires_at": "2099-06-30T22:00:00Z" }), json!({})))]
pub struct SetGrantRequest {
    /// In the future. Without it the grant does not end.
    expires_at: Option<Timestamp>,
}

/// The grant that a request is about. Encode what stands in a path: `a/b` is `a%2Fb`.
#[derive(Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct GrantPath {
    /// The organization.
    #[expect(dead_code, reason = "the document names it; the guard reads it itself")]
    pub organization_id: OrganizationId,
    /// The group.
    #[expect(dead_code, reason = "the document names it; the guard reads it itself")]
    pub group_id: GroupId,
    /// What the resource is: a word of lower-case letters, digits, and `-`, `_`, `.` or `:`.
    #[param(min_length = 1, max_length = 64, example = "course")]
    pub resource_type: String,
    /// Its id in the system that has it, percent-encoded: `a/b` is `a%2Fb`.
    #[param(min_length = 1, max_length = 255, example = "algebra-1")]
    pub resource_id: String,
}

impl GrantPath {
    fn resource(&self) -> Result<Resource> {
        let resource_type = ("resource_type", self.resource_type.as_str());
        parse_resource(resource_type, ("resource_id", &self.resource_id))
    }
}

/// Which grants of a group.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct GrantQuery {
    /// Those of resources of this type.
    #[param(min_length = 1, max_length = 64, example = "course")]
    resource_type: Option<String>,
    /// How many entries: 1 to 200.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<i64>,
    /// The `next_cursor` of the page before.
    #[param(max_length = 1000)]
    cursor: Option<String>,
}

/// List a group's grants
///
/// What the group opens, in the order of types and ids. Grants that have ended stay in the list until they are
/// revoked.
#[utoipa::path(
    get,
    path = "/v1/organizations/{organization_id}/groups/{group_id}/grants",
    tag = "Grants and access",
    params(GroupPath, GrantQuery),
    responses(
        (status = 200, description = "A page.", body = GrantPage),
        PageErrors, OrganizationErrors, NoSuchGroup
    ),
    extensions(("x-permission" = json!(ReadGrants::NAME)))
)]
async fn list_grants(
    http: HttpRequest,
    request: InGroup<ReadGrants>,
    query: Query<GrantQuery>,
) -> Result<HttpResponse, Problem> {
    let query = query.into_inner();
    let resource_type = parse_type(query.resource_type.as_deref())?;
    let limit = PageSize::parse(query.limit)?;
    let after = parse_cursor(query.cursor.as_deref())?;
    let after = after.map(|(resource_type, id)| Resource { resource_type, id });
    let found = request
        .run(move |tx, permit| {
            let page = limit.page(after);
            grants::list(tx, &permit, resource_type.as_ref(), page)
        })
        .await?;
    let position = |grant: &Grant| (grant.resource_type.clone(), grant.resource_id.clone());
    let page = Paged::new(found, limit, position, GrantBody::from)?;
    Ok(page.respond(&http, GrantPage::new))
}

fn parse_type(resource_type: Option<&str>) -> Result<Option<ResourceType>> {
    let mut form = Form::new();
    let resource_type =
        form.take_optional("?resource_type", resource_type.map(ResourceType::parse));
    if form.has_errors() {
        return Err(form.refusal());
    }
    Ok(resource_type)
}

/// Get a grant
///
/// Whether or not it has ended.
#[utoipa::path(
    get,
    path = "/v1/organizations/{organization_id}/groups/{group_id}/grants/{resource_type}/{resource_id}",
    tag = "Grants and access",
    params(GrantPath),
    responses(
        (status = 200, description = "The grant.", body = GrantBody),
        OrganizationErrors, NoSuchGrant, ResourcePathErrors
    ),
    extensions(("x-permission" = json!(ReadGrants::NAME)))
)]
async fn get_grant(
    request: InGroup<ReadGrants>,
    path: web::Path<GrantPath>,
) -> Result<web::Json<GrantBody>, Problem> {
    let resource = path.resource()?;
    let grant = request
        .run(move |tx, permit| grants::find(tx, &permit, &resource))
        .await?;
    Ok(web::Json(grant.into()))
}

/// Set a grant
///
/// The group opens the resource to everybody in it, managers included, until `expires_at` or without an end. A
/// grant that is there gets this end: without `expires_at` it loses its own. A group has at most 10,000 grants, ended
/// ones included; another one gets 422 `validation_failed`.
#[utoipa::path(
    put,
    path = "/v1/organizations/{organization_id}/groups/{group_id}/grants/{resource_type}/{resource_id}",
    tag = "Grants and access",
    params(GrantPath),
    responses(
        (status = 200, description = "The grant as it is now.", body = GrantBody),
        BodyErrors, OrganizationErrors, NoSuchGroup, SetGrantErrors
    ),
    extensions(("x-permission" = json!(ManageGrants::NAME)))
)]
async fn set_grant(
    request: InGroup<ManageGrants>,
    path: web::Path<GrantPath>,
    body: Json<SetGrantRequest>,
) -> Result<web::Json<GrantBody>, Problem> {
    let new = NewGrant {
        resource: path.resource()?,
        expires_at: body.expires_at,
    };
    let grant = request
        .change(move |tx, permit| grants::set(tx, &permit, new))
        .await?;
    Ok(web::Json(grant.into()))
}

/// Revoke a grant
///
/// The group opens the resource no more, from this moment on.
#[utoipa::path(
    delete,
    path = "/v1/organizations/{organization_id}/groups/{group_id}/grants/{resource_type}/{resource_id}",
    tag = "Grants and access",
    params(GrantPath),
    responses(
        (status = 204, description = "Revoked."),
        OrganizationErrors, NoSuchGrant, ResourcePathErrors
    ),
    extensions(("x-permission" = json!(ManageGrants::NAME)))
)]
async fn revoke_grant(
    request: InGroup<ManageGrants>,
    path: web::Path<GrantPath>,
) -> Result<HttpResponse, Problem> {
    let resource = path.resource()?;
    request
        .change(move |tx, permit| grants::revoke(tx, &permit, &resource))
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

fn invalid_resource_in_path() -> Error {
    refusal_of(parse_resource(
        ("resource_type", "Course"),
        ("resource_id", ".."),
    ))
}

problems! {
    /// Of a resource that a path names.
    ResourcePathErrors: invalid_resource_in_path;
    /// Of setting a grant.
    SetGrantErrors: ends_in_the_past;
}

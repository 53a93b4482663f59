//! Whether an account may open resources (`docs/grants.md`).

use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::bulk::refuse_wrong_number;
use super::entity_tag::{IfNoneMatchHeader, Tagged};
use super::extract::reading::read_query;
use super::extract::{Guard as _, InOrganization, Json, OrganizationPath, Query};
use super::mounting::{Mounting, operations};
use super::names::GroupReference;
use super::problem::{Problem, problems};
use super::refusals::{BodyErrors, NoSuchMember, OrganizationErrors, refusal_of};
use super::resources::{ResourceReference, parse_resource, parse_resources};
use crate::domain::ids::AccountId;
use crate::domain::resource::{Resource, ResourceId, ResourceType};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::services::access::{self, Access};
use crate::services::authorization::{CheckAccess, Permission as _};

/// Mounts these operations.
pub fn mount(mounting: &mut Mounting<'_>) {
    operations!(mounting, check_access, check_access_to_resources);
}

/// Whether the account may open the resource.
#[derive(Serialize, ToSchema)]
#[schema(as = Access, examples(json!({
    "allowed": true,
    "reason": {
        "group": { "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c12", "name": "7A" },
        "until": "2027-06-30T22:00:00Z"
    }
})))]
pub struct AccessBody {
    allowed: bool,
    /// `null` where it is not allowed, and where staff ask of others and do not manage the group.
    reason: Option<ReasonBody>,
}

/// Through which group an account may open a resource: of several, the one that opens it for the longest, and of
/// several such, the oldest.
#[derive(Serialize, ToSchema)]
#[schema(as = GrantingGroup)]
pub struct ReasonBody {
    group: GroupReference,
    /// `null` where it has no end.
    until: Option<Timestamp>,
}

impl From<Access> for AccessBody {
    fn from(access: Access) -> Self {
        Self {
            allowed: access.allowed,
            reason: access.reason.map(|reason| ReasonBody {
                group: reason.group.into(),
                until: reason.until,
            }),
        }
    }
}

/// Whether the account may open one of several resources.
#[derive(Serialize, ToSchema)]
pub struct ResourceAccess {
    /// What the resource is.
    #[serde(rename = "type")]
    #[schema(value_type = String, min_length = 1, max_length = 64)]
    resource_type: ResourceType,
    /// Its id in the system that has it.
    #[schema(value_type = String, min_length = 1, max_length = 255)]
    id: ResourceId,
    allowed: bool,
    /// `null` where it is not allowed, and where staff ask of others and do not manage the group.
    reason: Option<ReasonBody>,
}

impl From<(Resource, Access)> for ResourceAccess {
    fn from((resource, access): (Resource, Access)) -> Self {
        let AccessBody { allowed, reason } = access.into();
        Self {
            resource_type: resource.resource_type,
            id: resource.id,
            allowed,
            reason,
        }
    }
}

/// Which of the resources the account may open.
#[derive(Serialize, ToSchema)]
#[schema(as = AccessToResources, examples(json!({
    "results": [
        {
            "type": "course",
            "id": "algebra-1",
            "allowed": true,
            "reason": {
                "group": { "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c12", "name": "7A" },
                "until": null
            }
        },
        { "type": "course", "id": "algebra-2", "allowed": false, "reason": null }
    ]
})))]
pub struct AccessToResourcesBody {
    /// In the order in which they were named.
    #[schema(max_items = 500)]
    results: Vec<ResourceAccess>,
}

/// Whose access to what.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AccessQuery {
    /// The account of whoever wants to open the resource.
    account_id: AccountId,
    /// What the resource is: a word of lower-case letters, digits, and `-`, `_`, `.` or `:`.
    #[param(min_length = 1, max_length = 64, example = "course")]
    resource_type: String,
    /// Its id in the system that has it.
    #[param(min_length = 1, max_length = 255, example = "algebra-1")]
    resource_id: String,
}

/// Whose access to which resources.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({
    "account_id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11",
    "resources": [
        { "type": "course", "id": "algebra-1" },
        { "type": "course", "id": "algebra-2" }
    ]
})))]
pub struct CheckAccessRequest {
    /// The account of whoever wants to open the resources.
    account_id: AccountId,
    #[schema(min_items = 1, max_items = 500)]
    resources: Vec<ResourceReference>,
}

/// Check whether an account may open a resource
///
/// It may where it is an active member of the organization and in a group that opens the resource at this moment.
/// An account that is no member may open nothing. Staff ask of the people of the groups that they manage, and
/// everybody may ask of themselves; anybody else gets 404. The reason names no group to staff whose grants they may
/// not see.
///
/// The response has an `ETag`: ask again with `If-None-Match`, and as long as it is still so the response is 304.
#[utoipa::path(
    get,
    path = "/v1/organizations/{organization_id}/access",
    tag = "Grants and access",
    params(OrganizationPath, AccessQuery, IfNoneMatchHeader),
    responses(
        (status = 200, description = "Whether it may, and why.", body = AccessBody,
            headers(("ETag" = String, description = "Of this response; for `If-None-Match`."))),
        (status = 304, description = "It is still as the response with this `ETag` said.",
            headers(("ETag" = String, description = "Of the response that still holds."))),
        OrganizationErrors, NoSuchMember, AccessQueryErrors
    ),
    extensions(("x-permission" = json!(CheckAccess::NAME)))
)]
async fn check_access(
    http: HttpRequest,
    request: InOrganization<CheckAccess>,
    query: Query<AccessQuery>,
) -> Result<HttpResponse, Problem> {
    let account = query.account_id;
    let resource = resource_of(&query.resource_type, &query.resource_id)?;
    let [access] = request
        .run(move |tx, permit| access::check(tx, &permit, account, &[resource]))
        .await?
        .try_into()
        .map_err(|_| Error::internal("one question has one answer"))?;
    let body = AccessBody::from(access);
    Ok(Tagged::new(&body)?.respond_if_changed(&http))
}

fn resource_of(resource_type: &str, id: &str) -> Result<Resource> {
    parse_resource(("?resource_type", resource_type), ("?resource_id", id))
}

/// Check which of many resources an account may open
///
/// As for one, for up to 500 at once and at one moment. Each result says what it is about, and they stand in the
/// order in which the resources were named. Nothing is changed: a `POST` has room for the list. Its `ETag`
/// tells whether the response is the same as an earlier one.
#[utoipa::path(
    post,
    path = "/v1/organizations/{organization_id}/access",
    tag = "Grants and access",
    params(OrganizationPath),
    responses(
        (status = 200, description = "Each of them.", body = AccessToResourcesBody,
            headers(("ETag" = String, description = "The same for the same response."))),
        BodyErrors, OrganizationErrors, NoSuchMember, NoResourceNamed
    ),
    extensions(("x-permission" = json!(CheckAccess::NAME)))
)]
async fn check_access_to_resources(
    request: InOrganization<CheckAccess>,
    body: Json<CheckAccessRequest>,
) -> Result<HttpResponse, Problem> {
    refuse_wrong_number("/resources", &body.resources)?;
    let resources = parse_resources(&body.resources)?;
    let account = body.account_id;
    let results = request
        .run(move |tx, permit| {
            let answers = access::check(tx, &permit, account, &resources)?;
            let results = resources.into_iter().zip(answers);
            Ok(results.map(ResourceAccess::from).collect())
        })
        .await?;
    Ok(Tagged::new(&AccessToResourcesBody { results })?.respond())
}

fn incomplete_question() -> Error {
    refusal_of(read_query::<AccessQuery>("resource_type=course"))
}

fn invalid_resource_in_query() -> Error {
    refusal_of(resource_of("Course", ".."))
}

fn no_resource_named() -> Error {
    refusal_of(refuse_wrong_number::<ResourceReference>("/resources", &[]))
}

problems! {
    /// Of a question in the query.
    AccessQueryErrors: incomplete_question invalid_resource_in_query;
    /// Of a list of resources.
    NoResourceNamed: no_resource_named;
}

//! Organizations (`docs/organizations.md`).

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::{
    AlsoConfined, Authenticated, Form, Guard as _, IdempotencyHeader, InOrganization, Json,
    OptionalJson, OrganizationPath, Query, StoredResponse, idempotency,
};
use super::mounting::{Mounting, operations};
use super::page::{PageQuery, Paged, page_body};
use super::password_check::{ReauthenticationRequest, reauthenticate};
use super::problem::{Problem, problems};
use super::refusals::{
    AccountDeactivated, BodyErrors, InvalidName, OrganizationErrors, PageErrors,
    ReauthenticationErrors, SessionErrors, TooManyTries, WrongAccountType,
};
use crate::domain::ids::OrganizationId;
use crate::domain::organization::{AccountType, OrganizationKind};
use crate::domain::slug::Slug;
use crate::domain::timestamp::Timestamp;
use crate::services::authorization::{ManageOrganization, Permission as _, SeeOrganization};
use crate::services::organizations::{self, NewOrganization};
use crate::services::organizations::{only_for_operators, slug_taken};
use crate::store::organizations::{Organization, OrganizationChanges};

/// Mounts these operations.
pub fn mount(mounting: &mut Mounting<'_>) {
    operations!(
        mounting,
        create_organization,
        list_organizations,
        get_organization,
        update_organization,
        delete_organization
    );
}

/// The longest name, in characters.
const MAX_NAME: usize = 200;

/// An organization.
#[derive(Serialize, ToSchema)]
#[schema(as = Organization, examples(json!({
    "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11",
    "name": "Hill Road School",
    "kind": "school",
    "slug": "hill-road-school",
    "default_account_type": "student",
    "created_at": "2026-09-01T07:30:00Z"
})))]
pub struct OrganizationBody {
    id: OrganizationId,
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    kind: OrganizationKind,
    /// Its short name in addresses and commands; unique.
    #[schema(min_length = 1, max_length = 63, pattern = "^[a-z0-9]+(-[a-z0-9]+)*$")]
    slug: String,
    /// What joiners become.
    default_account_type: AccountType,
    created_at: Timestamp,
}

impl From<Organization> for OrganizationBody {
    fn from(organization: Organization) -> Self {
        Self {
            id: organization.id,
            name: organization.name,
            kind: organization.kind,
            slug: organization.slug.to_string(),
            default_account_type: organization.default_account_type,
            created_at: organization.created_at,
        }
    }
}

page_body! {
    /// A page of organizations.
    OrganizationPage of OrganizationBody
}

/// What a new organization is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "name": "Hill Road School", "kind": "school" })))]
pub struct CreateOrganizationRequest {
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// Cannot be changed later.
    kind: OrganizationKind,
}

/// What to change of an organization; absent fields stay.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "name": "Hill Road Comprehensive", "slug": "hill-road" })))]
pub struct UpdateOrganizationRequest {
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
    #[schema(min_length = 1, max_length = 63, pattern = "^[a-z0-9]+(-[a-z0-9]+)*$")]
    slug: Option<String>,
    default_account_type: Option<AccountType>,
}

/// Create an organization
///
/// The caller becomes its first admin, with the staff account type. Who may do this is
/// configuration (`ROLLCALL_ORGANIZATION_CREATION`): anyone who is signed in, or operators only. How many
/// one account creates is limited (`organizations`), except for operators.
#[utoipa::path(
    post,
    path = "/v1/organizations",
    tag = "Organizations",
    params(IdempotencyHeader),
    responses(
        (status = 201, description = "The organization.", body = OrganizationBody),
        BodyErrors, SessionErrors, CreationErrors, InvalidName, AccountDeactivated, TooManyTries
    )
)]
async fn create_organization(
    request: Authenticated,
    body: idempotency::Json<CreateOrganizationRequest>,
) -> Result<HttpResponse, Problem> {
    let idempotency::Json { idempotency, body } = body;
    let mut form = Form::new();
    let Some(name) = form.single_line("/name", &body.name, MAX_NAME) else {
        return Err(form.refusal().into());
    };
    let new = NewOrganization {
        name,
        kind: body.kind,
    };
    request
        .run_once(idempotency, move |tx, ()| {
            let organization = organizations::create(tx, new)?;
            let location = format!("/v1/organizations/{}", organization.id);
            StoredResponse::created(location, &OrganizationBody::from(organization))
        })
        .await
}

/// List organizations
///
/// Those that the caller is an active member of, the oldest first; all of them for an operator.
#[utoipa::path(
    get,
    path = "/v1/organizations",
    tag = "Organizations",
    params(PageQuery),
    responses(
        (status = 200, description = "A page.", body = OrganizationPage),
        PageErrors, SessionErrors
    )
)]
async fn list_organizations(
    http: HttpRequest,
    request: AlsoConfined,
    query: Query<PageQuery>,
) -> Result<HttpResponse, Problem> {
    let (limit, after) = (query.limit()?, query.after()?);
    let found = request
        .run(move |tx, ()| organizations::list(tx, limit.page(after)))
        .await?;
    let page = Paged::new(found, limit, |o| o.id, OrganizationBody::from)?;
    Ok(page.respond(&http, OrganizationPage::new))
}

/// Get an organization
///
/// Its name, kind, slug, and the account type that joiners get.
#[utoipa::path(
    get,
    path = "/v1/organizations/{organization_id}",
    tag = "Organizations",
    params(OrganizationPath),
    responses(
        (status = 200, description = "The organization.", body = OrganizationBody),
        OrganizationErrors
    ),
    extensions(("x-permission" = json!(SeeOrganization::NAME)))
)]
async fn get_organization(
    request: InOrganization<SeeOrganization>,
) -> Result<web::Json<OrganizationBody>, Problem> {
    let organization = request.run(|_, permit| Ok(permit.organization)).await?;
    Ok(web::Json(organization.into()))
}

/// Change an organization
///
/// Changes the name, the slug and the account type that joiners get. A slug that another organization
/// has gets `name_taken`; an account type of another kind of organization
/// `account_type_not_in_kind`.
#[utoipa::path(
    patch,
    path = "/v1/organizations/{organization_id}",
    tag = "Organizations",
    params(OrganizationPath),
    responses(
        (status = 200, description = "The organization as it is now.", body = OrganizationBody),
        BodyErrors, OrganizationErrors, InvalidName, WrongAccountType, SlugTaken
    ),
    extensions(("x-permission" = json!(ManageOrganization::NAME)))
)]
async fn update_organization(
    request: InOrganization<ManageOrganization>,
    body: Json<UpdateOrganizationRequest>,
) -> Result<web::Json<OrganizationBody>, Problem> {
    let mut form = Form::new();
    let name = body
        .name
        .as_deref()
        .map(|name| form.single_line("/name", name, MAX_NAME));
    let slug = form.take_optional("/slug", body.slug.as_deref().map(Slug::parse));
    if form.has_errors() {
        return Err(form.refusal().into());
    }
    let changes = OrganizationChanges {
        name: name.flatten(),
        slug,
        default_account_type: body.default_account_type,
    };
    let organization = request
        .change(move |tx, permit| organizations::update(tx, &permit, &changes))
        .await?;
    Ok(web::Json(organization.into()))
}

/// Delete an organization
///
/// Deletes it with its memberships, groups, imports, invite codes and invitations. Accounts that it
/// manages are deleted too, unless they are operators', in another organization or invited by one:
/// those belong to their owners from then on. Everybody else loses the membership only. There is no
/// way back: it takes the caller's password (`wrong_credentials`), or a sign-in of the last five minutes.
#[utoipa::path(
    delete,
    path = "/v1/organizations/{organization_id}",
    tag = "Organizations",
    params(OrganizationPath),
    request_body = Option<ReauthenticationRequest>,
    responses(
        (status = 204, description = "Deleted."),
        BodyErrors, OrganizationErrors, ReauthenticationErrors
    ),
    extensions(("x-permission" = json!(ManageOrganization::NAME)))
)]
async fn delete_organization(
    request: InOrganization<ManageOrganization>,
    OptionalJson(body): OptionalJson<ReauthenticationRequest>,
) -> Result<HttpResponse, Problem> {
    // Who may not delete it is told so before the password is asked for.
    request.clone().run(|_, _| Ok(())).await?;
    let proof = reauthenticate(request.authenticated(), body).await?;
    request
        .change(move |tx, permit| organizations::delete(tx, &permit, proof))
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

problems! {
    /// Of creating an organization.
    CreationErrors: only_for_operators;
    /// Of an organization's short name.
    SlugTaken: slug_taken;
}

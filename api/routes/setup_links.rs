//! Setup links, as admins make them (`docs/sso.md#setup-links`).

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::extract::idempotency;
use super::extract::{
    Form, Guard as _, IdempotencyHeader, InOrganization, OrganizationPath, Query,
};
use super::mounting::{Mounting, operations};
use super::page::{PageQuery, Paged, page_body};
use super::problem::{Problem, problems};
use super::refusals::{
    BodyErrors, InvalidEmail, OrganizationErrors, PageErrors, TooManyTries, UnverifiedSender,
};
use crate::domain::email_address::EmailAddress;
use crate::domain::ids::{ConnectionId, OrganizationId, SetupLinkId};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::services::authorization::{ManageSetupLinks, Permission as _};
use crate::services::idempotency::StoredResponse;
use crate::services::sso::setup_links::{
    self, MAX_VALID_DAYS, MadeSetupLink, NewSetupLink, VALID_DAYS, no_such_link, unknown_connection,
};
use crate::store::setup_links::SetupLink;

/// Mounts these operations.
pub fn mount(mounting: &mut Mounting<'_>) {
    operations!(
        mounting,
        create_setup_link,
        list_setup_links,
        revoke_setup_link
    );
}

/// A setup link.
#[derive(Serialize, ToSchema)]
#[schema(as = SetupLink, examples(json!({
    "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11",
    "connection_id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c12",
    "email": "it@provider.example",
    "created_at": "2026-09-01T07:30:00Z",
    "expires_at": "2026-09-08T07:30:00Z",
    "used_at": null
})))]
pub struct SetupLinkBody {
    id: SetupLinkId,
    connection_id: ConnectionId,
    /// To whom it was mailed; `null` where it was not.
    #[schema(max_length = 254)]
    email: Option<String>,
    created_at: Timestamp,
    expires_at: Timestamp,
    /// When it was first opened; `null` before.
    used_at: Option<Timestamp>,
}

impl From<SetupLink> for SetupLinkBody {
    fn from(link: SetupLink) -> Self {
        Self {
            id: link.id,
            connection_id: link.connection_id,
            email: link.email.map(|email| email.to_string()),
            created_at: link.created_at,
            expires_at: link.expires_at,
            used_at: link.used_at,
        }
    }
}

/// A new setup link with its address, which is shown this once.
#[derive(Serialize, ToSchema)]
#[schema(as = CreatedSetupLink, examples(json!({
    "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11",
    "connection_id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c12",
    "email": "it@provider.example",
    "created_at": "2026-09-01T07:30:00Z",
    "expires_at": "2026-09-08T07:30:00Z",
    "used_at": null,
    "url": "https://app.school.example/setup#token=rcu_1kq3Rr0s8mJ5QbT7XoV2yWz4Lh6Nc9Pe0UfGiKjMlYw"
})))]
pub struct CreatedSetupLinkBody {
    #[serde(flatten)]
    setup_link: SetupLinkBody,
    /// A page of the single-page app, with the token in its fragment.
    #[schema(max_length = 2000)]
    url: String,
}

impl From<MadeSetupLink> for CreatedSetupLinkBody {
    fn from(made: MadeSetupLink) -> Self {
        Self {
            setup_link: made.link.into(),
            url: made.url,
        }
    }
}

page_body! {
    /// A page of setup links.
    SetupLinkPage of SetupLinkBody
}

/// What a new setup link is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({
    "connection_id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c12",
    "email": "it@provider.example",
    "valid_days": 7
})))]
pub struct CreateSetupLinkRequest {
    /// What it sets up.
    connection_id: ConnectionId,
    /// To whom it is mailed. Without it, hand `url` over yourself.
    #[schema(max_length = 254)]
    email: Option<String>,
    /// 7 where it is left out.
    #[schema(minimum = 1, maximum = 30)]
    valid_days: Option<u32>,
}

/// The setup link that a request is about.
#[derive(Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct SetupLinkPath {
    /// The organization.
    #[expect(dead_code, reason = "the document names it; the guard reads it itself")]
    organization_id: OrganizationId,
    /// The setup link.
    setup_link_id: SetupLinkId,
}

problems! {
    /// Where there is no such setup link.
    NoSuchSetupLink: no_such_link;
    /// Of what a link is for.
    UnknownConnection: unknown_connection;
}

/// Create a setup link
///
/// For whoever runs the identity provider, and needs no account: it shows what to register there, takes the identity
/// provider's values for this one connection, adds and proves email domains, makes tests, and activates the connection
/// for the first time. It shows no people, and stops working when its maker could not make it any more. An organization
/// has at most 50 links that are good; another one gets 422 `validation_failed`. At most three an hour are mailed to one
/// address (`mail_to_address`).
#[utoipa::path(
    post,
    path = "/v1/organizations/{organization_id}/setup-links",
    tag = "Single sign-on",
    params(OrganizationPath, IdempotencyHeader),
    responses(
        (status = 201, description = "The link.", body = CreatedSetupLinkBody),
        BodyErrors, OrganizationErrors, UnverifiedSender, TooManyTries, InvalidEmail, UnknownConnection
    ),
    extensions(("x-permission" = json!(ManageSetupLinks::NAME)))
)]
async fn create_setup_link(
    request: InOrganization<ManageSetupLinks>,
    idempotency::Json { idempotency, body }: idempotency::Json<CreateSetupLinkRequest>,
) -> Result<HttpResponse, Problem> {
    let new = parse(&body)?;
    request
        .run_once(idempotency, move |tx, permit| {
            let made = setup_links::create(tx, &permit, new)?;
            let (organization, id) = (permit.organization.id, made.link.id);
            let location = format!("/v1/organizations/{organization}/setup-links/{id}");
            StoredResponse::created(location, &CreatedSetupLinkBody::from(made))
        })
        .await
}

fn parse(body: &CreateSetupLinkRequest) -> Result<NewSetupLink> {
    let mut form = Form::new();
    let email = body.email.as_deref().map(EmailAddress::parse);
    let email = email.and_then(|parsed| form.take("/email", parsed));
    let valid_days = body.valid_days.unwrap_or(VALID_DAYS);
    if !(1..=MAX_VALID_DAYS).contains(&valid_days) {
        let detail = format!("A setup link is good for 1 to {MAX_VALID_DAYS} days.");
        form.refuse("/valid_days", "out_of_range", detail);
    }
    if form.has_errors() {
        return Err(form.refusal());
    }
    Ok(NewSetupLink {
        connection: body.connection_id,
        email,
        valid_days,
    })
}

/// List setup links
///
/// Those that are good, the oldest first.
#[utoipa::path(
    get,
    path = "/v1/organizations/{organization_id}/setup-links",
    tag = "Single sign-on",
    params(OrganizationPath, PageQuery),
    responses(
        (status = 200, description = "A page.", body = SetupLinkPage),
        PageErrors, OrganizationErrors
    ),
    extensions(("x-permission" = json!(ManageSetupLinks::NAME)))
)]
async fn list_setup_links(
    http: HttpRequest,
    request: InOrganization<ManageSetupLinks>,
    query: Query<PageQuery>,
) -> Result<HttpResponse, Problem> {
    let (limit, after) = (query.limit()?, query.after()?);
    let found = request
        .run(move |tx, permit| setup_links::list(tx, &permit, limit.page(after)))
        .await?;
    let page = Paged::new(found, limit, |link| link.id, SetupLinkBody::from)?;
    Ok(page.respond(&http, SetupLinkPage::new))
}

/// Revoke a setup link
///
/// It stops working at once. What was set up by it stays.
#[utoipa::path(
    delete,
    path = "/v1/organizations/{organization_id}/setup-links/{setup_link_id}",
    tag = "Single sign-on",
    params(SetupLinkPath),
    responses(
        (status = 204, description = "Revoked."),
        OrganizationErrors, NoSuchSetupLink
    ),
    extensions(("x-permission" = json!(ManageSetupLinks::NAME)))
)]
async fn revoke_setup_link(
    request: InOrganization<ManageSetupLinks>,
    path: web::Path<SetupLinkPath>,
) -> Result<HttpResponse, Problem> {
    let id = path.setup_link_id;
    request
        .change(move |tx, permit| setup_links::revoke(tx, &permit, id))
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

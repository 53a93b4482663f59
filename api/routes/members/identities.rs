//! By which central systems a member comes.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::domain::ids::{AccountId, IdentityId, OrganizationId};
use crate::routes::extract::{Guard as _, InOrganization, MemberPath, Query};
use crate::routes::identities::{IdentityBody, IdentityPage, LastWayIn, NoSuchIdentity};
use crate::routes::page::{PageQuery, Paged};
use crate::routes::problem::Problem;
use crate::routes::refusals::{NoSuchMember, OrganizationErrors, PageErrors};
use crate::services::authorization::{ManageConnections, Permission as _};
use crate::services::sso::identities;

/// The identity that a request is about.
#[derive(Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct MemberIdentityPath {
    /// The organization.
    #[expect(dead_code, reason = "the document names it; the guard reads it itself")]
    organization_id: OrganizationId,
    /// The member's account.
    account_id: AccountId,
    /// One of their identities in the organization.
    identity_id: IdentityId,
}

/// List a member's identities
///
/// By which connections of the organization the member comes, the oldest first.
#[utoipa::path(
    get,
    path = "/v1/organizations/{organization_id}/members/{account_id}/identities",
    tag = "Single sign-on",
    params(MemberPath, PageQuery),
    responses(
        (status = 200, description = "A page.", body = IdentityPage),
        PageErrors, OrganizationErrors, NoSuchMember
    ),
    extensions(("x-permission" = json!(ManageConnections::NAME)))
)]
pub(super) async fn list_member_identities(
    http: HttpRequest,
    request: InOrganization<ManageConnections>,
    path: web::Path<MemberPath>,
    query: Query<PageQuery>,
) -> Result<HttpResponse, Problem> {
    let account = path.account_id;
    let (limit, after) = (query.limit()?, query.after()?);
    let found = request
        .run(move |tx, permit| identities::list_of_member(tx, &permit, account, limit.page(after)))
        .await?;
    let page = Paged::new(found, limit, |one| one.0.id, IdentityBody::new)?;
    Ok(page.respond(&http, IdentityPage::new))
}

/// Unlink a member's identity
///
/// The central system opens the account no more; whoever comes as this subject next is asked anew who they are. The last
/// way to sign in stays (`last_sign_in_method`).
#[utoipa::path(
    delete,
    path = "/v1/organizations/{organization_id}/members/{account_id}/identities/{identity_id}",
    tag = "Single sign-on",
    params(MemberIdentityPath),
    responses(
        (status = 204, description = "Unlinked."),
        OrganizationErrors, NoSuchMember, NoSuchIdentity, LastWayIn
    ),
    extensions(("x-permission" = json!(ManageConnections::NAME)))
)]
pub(super) async fn unlink_member_identity(
    request: InOrganization<ManageConnections>,
    path: web::Path<MemberIdentityPath>,
) -> Result<HttpResponse, Problem> {
    let of = (path.account_id, path.identity_id);
    request
        .change(move |tx, permit| identities::unlink_of_member(tx, &permit, of))
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

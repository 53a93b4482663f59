//! One's own memberships.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::organization::{AccountType, JoinedVia, MembershipStatus, Role};
use crate::domain::timestamp::Timestamp;
use crate::routes::extract::{AlsoConfined, Authenticated, Guard as _, OrganizationPath};
use crate::routes::organizations::OrganizationBody;
use crate::routes::problem::Problem;
use crate::routes::refusals::{LastAdmin, NoSuchMember, SessionErrors};
use crate::services::{accounts, departures};

/// What the caller is in one organization.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "organization": {
        "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11",
        "name": "Hill Road School",
        "kind": "school",
        "slug": "hill-road-school",
        "default_account_type": "student",
        "created_at": "2026-09-01T07:30:00Z"
    },
    "account_type": "teacher",
    "role": "admin",
    "status": "active",
    "joined_via": "founder",
    "joined_at": "2026-09-01T07:30:00Z"
})))]
pub struct MyMembership {
    organization: OrganizationBody,
    account_type: AccountType,
    role: Role,
    status: MembershipStatus,
    joined_via: JoinedVia,
    joined_at: Timestamp,
}

/// The caller's memberships.
#[derive(Serialize, ToSchema)]
pub struct MyMembershipList {
    #[schema(max_items = 10000)]
    items: Vec<MyMembership>,
}

/// List one's own memberships
///
/// All organizations that the caller is in, with the account type and the role in each. Deactivated
/// memberships are listed too.
#[utoipa::path(
    get,
    path = "/v1/me/memberships",
    tag = "My account",
    responses(
        (status = 200, description = "All of them.", body = MyMembershipList),
        SessionErrors
    )
)]
pub(super) async fn list_my_memberships(
    request: AlsoConfined,
) -> Result<web::Json<MyMembershipList>, Problem> {
    let memberships = request.run(|tx, ()| accounts::memberships(tx)).await?;
    let items = memberships
        .into_iter()
        .map(|(organization, membership)| MyMembership {
            organization: organization.into(),
            account_type: membership.account_type,
            role: membership.role,
            status: membership.status,
            joined_via: membership.joined_via,
            joined_at: membership.joined_at,
        })
        .collect();
    Ok(web::Json(MyMembershipList { items }))
}

/// Leave an organization
///
/// Ends the caller's membership and frees its seat. An account that the organization created is its
/// owner's own from now on. The last admin cannot leave: `last_admin`.
#[utoipa::path(
    delete,
    path = "/v1/me/memberships/{organization_id}",
    tag = "My account",
    params(OrganizationPath),
    responses(
        (status = 204, description = "Left."),
        SessionErrors, NoSuchMember, LastAdmin
    )
)]
pub(super) async fn leave_organization(
    request: Authenticated,
    path: web::Path<OrganizationPath>,
) -> Result<HttpResponse, Problem> {
    let organization = path.organization_id;
    request
        .within(organization)
        .change(move |tx, ()| departures::leave(tx, organization))
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

//! Members deactivated, reactivated, removed, deleted.

use actix_web::{HttpResponse, delete, post, web};
use serde::Deserialize;
use utoipa::IntoParams;

use super::MemberBody;
use crate::domain::ids::{AccountId, OrganizationId};
use crate::routes::extract::{Caller, Once, Reply};
use crate::routes::problem::{ConflictErrors, OrganizationErrors, Problem, QueryErrors};
use crate::services::authorization::ManageMembers;
use crate::services::members::{removal, status};

/// How far a removal goes.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RemovalQuery {
    /// Deletes the account itself, which this organization must have created.
    #[serde(default)]
    #[param(default = false)]
    delete_account: bool,
}

/// Deactivate a member
///
/// The seat is freed, and nothing of this organization opens any more. An account that this
/// organization created is closed as a whole: it is signed out everywhere and cannot sign in; any other
/// keeps its session and finds nothing of this organization. Reversible; deactivating again changes
/// nothing. The last admin stays: `last_admin`. *Requires:* admin, or operator.
#[utoipa::path(
    tag = "Members",
    params(
        ("organization_id" = OrganizationId, Path, description = "The organization."),
        ("account_id" = AccountId, Path, description = "The member's account.")
    ),
    responses(
        (status = 200, description = "The member as it is now.", body = MemberBody),
        OrganizationErrors, ConflictErrors
    )
)]
#[post("/v1/organizations/{organization_id}/members/{account_id}/deactivate")]
pub async fn deactivate_member(
    caller: Caller,
    once: Once,
    path: web::Path<(OrganizationId, AccountId)>,
) -> Result<HttpResponse, Problem> {
    let (id, account) = path.into_inner();
    let answer = caller
        .permitted_once::<ManageMembers>(once, id, move |connection, permit| {
            let member = status::deactivate(connection, &permit, account)?;
            Reply::ok(&MemberBody::from(member))
        })
        .await?;
    Ok(answer)
}

/// Reactivate a member
///
/// Takes a seat, or answers `no_seat`. Account type, role and groups are what they were.
/// Reactivating an active member changes nothing. *Requires:* admin, or operator.
#[utoipa::path(
    tag = "Members",
    params(
        ("organization_id" = OrganizationId, Path, description = "The organization."),
        ("account_id" = AccountId, Path, description = "The member's account.")
    ),
    responses(
        (status = 200, description = "The member as it is now.", body = MemberBody),
        OrganizationErrors, ConflictErrors
    )
)]
#[post("/v1/organizations/{organization_id}/members/{account_id}/reactivate")]
pub async fn reactivate_member(
    caller: Caller,
    once: Once,
    path: web::Path<(OrganizationId, AccountId)>,
) -> Result<HttpResponse, Problem> {
    let (id, account) = path.into_inner();
    let answer = caller
        .permitted_once::<ManageMembers>(once, id, move |connection, permit| {
            let member = status::reactivate(connection, &permit, account)?;
            Reply::ok(&MemberBody::from(member))
        })
        .await?;
    Ok(answer)
}

/// Remove a member, or delete the account
///
/// Ends the membership, with its seat and its places in groups. The person does not come back with
/// an invite code that is there already, until it is reset or somebody invites them. An account that
/// this organization created becomes its owner's own.
///
/// With `delete_account=true`, such an account is deleted instead, with all its memberships. It has
/// to be deactivated first (`member_active`); there is no way back. Any other account is its owner's
/// to delete (`not_managed_here`). The last admin of an organization stays: `last_admin`. *Requires:*
/// admin, or operator.
#[utoipa::path(
    tag = "Members",
    params(
        ("organization_id" = OrganizationId, Path, description = "The organization."),
        ("account_id" = AccountId, Path, description = "The member's account."),
        RemovalQuery
    ),
    responses(
        (status = 204, description = "Removed, or deleted."),
        QueryErrors, OrganizationErrors, ConflictErrors
    )
)]
#[delete("/v1/organizations/{organization_id}/members/{account_id}")]
pub async fn remove_member(
    caller: Caller,
    path: web::Path<(OrganizationId, AccountId)>,
    query: web::Query<RemovalQuery>,
) -> Result<HttpResponse, Problem> {
    let (id, account) = path.into_inner();
    caller
        .permitted::<ManageMembers, _>(id, move |connection, permit| {
            if query.delete_account {
                removal::delete_account(connection, &permit, account)
            } else {
                removal::remove(connection, &permit, account)
            }
        })
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

//! Members deactivated, reactivated, removed, deleted.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::IntoParams;

use super::responses::MemberBody;
use crate::error::Error;
use crate::routes::extract::idempotency::NoBody;
use crate::routes::extract::reading::read_query;
use crate::routes::extract::{
    Guard as _, IdempotencyHeader, InOrganization, MemberPath, Query, StoredResponse,
};
use crate::routes::problem::{Problem, problems};
use crate::routes::refusals::{
    LastAdmin, MemberActive, NoSeat, NoSuchMember, NotManagedHere, OrganizationErrors, refusal_of,
};
use crate::services::authorization::{ManageMembers, Permission as _};
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
/// organization created is closed as a whole: it is signed out everywhere and cannot sign in; any
/// other keeps its session and finds nothing of this organization. Reversible; deactivating again
/// changes nothing. The last admin stays: `last_admin`. What an admin has offered to future staff by email is
/// revoked. No API key deactivates admins (`forbidden`).
#[utoipa::path(
    post,
    path = "/v1/organizations/{organization_id}/members/{account_id}/deactivate",
    tag = "Members",
    params(MemberPath, IdempotencyHeader),
    responses(
        (status = 200, description = "The member as it is now.", body = MemberBody),
        OrganizationErrors, NoSuchMember, LastAdmin
    ),
    extensions(("x-permission" = json!(ManageMembers::NAME)))
)]
pub async fn deactivate_member(
    request: InOrganization<ManageMembers>,
    NoBody(idempotency): NoBody,
    path: web::Path<MemberPath>,
) -> Result<HttpResponse, Problem> {
    let account = path.account_id;
    request
        .run_once(idempotency, move |tx, permit| {
            let member = status::deactivate(tx, &permit, account)?;
            StoredResponse::ok(&MemberBody::from(member))
        })
        .await
}

/// Reactivate a member
///
/// Takes a seat; where none is free: `no_seat`. Account type, role and groups are what they were.
/// Reactivating an active member changes nothing. No API key reactivates admins (`forbidden`).
#[utoipa::path(
    post,
    path = "/v1/organizations/{organization_id}/members/{account_id}/reactivate",
    tag = "Members",
    params(MemberPath, IdempotencyHeader),
    responses(
        (status = 200, description = "The member as it is now.", body = MemberBody),
        OrganizationErrors, NoSuchMember, NoSeat
    ),
    extensions(("x-permission" = json!(ManageMembers::NAME)))
)]
pub async fn reactivate_member(
    request: InOrganization<ManageMembers>,
    NoBody(idempotency): NoBody,
    path: web::Path<MemberPath>,
) -> Result<HttpResponse, Problem> {
    let account = path.account_id;
    request
        .run_once(idempotency, move |tx, permit| {
            let member = status::reactivate(tx, &permit, account)?;
            StoredResponse::ok(&MemberBody::from(member))
        })
        .await
}

/// Remove a member or delete the account
///
/// Ends the membership, with its seat and its places in groups. The person does not come back with
/// an invite code that is there already, until it is reset or somebody invites them. An account
/// that this organization created becomes its owner's own.
///
/// With `delete_account=true`, such an account is deleted instead, with all its memberships. It has
/// to be deactivated first (`member_active`); there is no way back. Any other account is its
/// owner's to delete (`not_managed_here`). The last admin of an organization stays: `last_admin`. What an admin has
/// offered to future staff by email is revoked. No API key removes or deletes admins (`forbidden`).
#[utoipa::path(
    delete,
    path = "/v1/organizations/{organization_id}/members/{account_id}",
    tag = "Members",
    params(MemberPath, RemovalQuery),
    responses(
        (status = 204, description = "Removed, or deleted."),
        RemovalErrors, OrganizationErrors, NoSuchMember, NotManagedHere, MemberActive, LastAdmin
    ),
    extensions(("x-permission" = json!(ManageMembers::NAME)))
)]
pub async fn remove_member(
    request: InOrganization<ManageMembers>,
    path: web::Path<MemberPath>,
    query: Query<RemovalQuery>,
) -> Result<HttpResponse, Problem> {
    let (account, deletes_account) = (path.account_id, query.delete_account);
    request
        .change(move |tx, permit| {
            if deletes_account {
                removal::delete_account(tx, &permit, account)
            } else {
                removal::remove(tx, &permit, account)
            }
        })
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

fn wrong_flag() -> Error {
    refusal_of(read_query::<RemovalQuery>("delete_account=maybe"))
}

problems! {
    /// Of how far a removal goes.
    RemovalErrors: wrong_flag;
}

//! The invite code of an organization (`docs/invite-codes.md`).

use actix_web::{HttpRequest, HttpResponse, web};

use super::manage;
use super::responses::{
    CodeLimitErrors, InviteCodeBody, InviteCodeUsePage, PictureErrors, QrPicture, QrQuery,
    UpdateInviteCodeRequest,
};
use crate::routes::extract::idempotency::NoBody;
use crate::routes::extract::{IdempotencyHeader, InOrganization, Json, OrganizationPath, Query};
use crate::routes::page::PageQuery;
use crate::routes::problem::Problem;
use crate::routes::refusals::{BodyErrors, OrganizationErrors, PageErrors};
use crate::services::authorization::{ManageInviteCode, Permission as _, ReadInviteCode};

/// Get the organization's invite code
///
/// It joins whoever enters it, and signs nobody in.
#[utoipa::path(
    get,
    path = "/v1/organizations/{organization_id}/invite-code",
    tag = "Invite codes",
    params(OrganizationPath),
    responses(
        (status = 200, description = "The code.", body = InviteCodeBody),
        OrganizationErrors
    ),
    extensions(("x-permission" = json!(ReadInviteCode::NAME)))
)]
pub(super) async fn get_invite_code(
    request: InOrganization<ReadInviteCode>,
) -> Result<web::Json<InviteCodeBody>, Problem> {
    manage::get(request).await
}

/// Change the organization's invite code
///
/// Pauses it, has it end, limits how often and by whom it is used, or opens it for some minutes. What
/// is absent stays as it is, `null` lifts a limit.
#[utoipa::path(
    patch,
    path = "/v1/organizations/{organization_id}/invite-code",
    tag = "Invite codes",
    params(OrganizationPath),
    responses(
        (status = 200, description = "The code as it is now.", body = InviteCodeBody),
        BodyErrors, OrganizationErrors, CodeLimitErrors
    ),
    extensions(("x-permission" = json!(ManageInviteCode::NAME)))
)]
pub(super) async fn update_invite_code(
    request: InOrganization<ManageInviteCode>,
    body: Json<UpdateInviteCodeRequest>,
) -> Result<web::Json<InviteCodeBody>, Problem> {
    manage::update(request, body.into_inner()).await
}

/// Reset the organization's invite code
///
/// A new code takes the place of the old one, which stops working at once; members stay. It is open: a
/// pause and an end that is over are dropped, and the uses begin at 0. The maximum and the domains
/// stay.
#[utoipa::path(
    post,
    path = "/v1/organizations/{organization_id}/invite-code/reset",
    tag = "Invite codes",
    params(OrganizationPath, IdempotencyHeader),
    responses(
        (status = 200, description = "The new code.", body = InviteCodeBody),
        OrganizationErrors
    ),
    extensions(("x-permission" = json!(ManageInviteCode::NAME)))
)]
pub(super) async fn reset_invite_code(
    request: InOrganization<ManageInviteCode>,
    NoBody(idempotency): NoBody,
) -> Result<HttpResponse, Problem> {
    manage::reset(request, idempotency).await
}

/// Get a QR code of the organization's invite code
///
/// Of the app's page that joins by the code, to show or to print.
#[utoipa::path(
    get,
    path = "/v1/organizations/{organization_id}/invite-code/qr",
    tag = "Invite codes",
    params(OrganizationPath, QrQuery),
    responses(
        (
            status = 200,
            description = "The picture.",
            content(
                (String = "image/svg+xml", example = "(the text of the drawing)"),
                (QrPicture = "image/png", example = "(the bytes of the picture)")
            )
        ),
        PictureErrors, OrganizationErrors
    ),
    extensions(("x-permission" = json!(ReadInviteCode::NAME)))
)]
pub(super) async fn get_invite_code_qr(
    request: InOrganization<ReadInviteCode>,
    query: Query<QrQuery>,
) -> Result<HttpResponse, Problem> {
    manage::get_qr(request, query.format).await
}

/// List who used the organization's invite code
///
/// Whom it let in, the newest first; those that earlier codes let in before a reset are in the list
/// too.
#[utoipa::path(
    get,
    path = "/v1/organizations/{organization_id}/invite-code/uses",
    tag = "Invite codes",
    params(OrganizationPath, PageQuery),
    responses(
        (status = 200, description = "A page.", body = InviteCodeUsePage),
        PageErrors, OrganizationErrors
    ),
    extensions(("x-permission" = json!(ReadInviteCode::NAME)))
)]
pub(super) async fn list_invite_code_uses(
    http: HttpRequest,
    request: InOrganization<ReadInviteCode>,
    query: Query<PageQuery>,
) -> Result<HttpResponse, Problem> {
    manage::list_uses(request, &http, &query).await
}

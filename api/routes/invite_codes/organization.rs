//! The invite code of an organization (PRODUCT 3.4).

use actix_web::{HttpRequest, HttpResponse, get, patch, post, web};

use super::responses::{
    InviteCodeBody, InviteCodeUseBody, InviteCodeUsePage, QrPicture, QrQuery,
    UpdateInviteCodeRequest, picture,
};
use crate::domain::ids::OrganizationId;
use crate::routes::extract::{Caller, Once, Reply};
use crate::routes::organizations::PageQuery;
use crate::routes::page::Paged;
use crate::routes::problem::{BodyErrors, OrganizationErrors, Problem, QueryErrors};
use crate::services::authorization::ManageInviteCode;
use crate::services::invite_codes;
use crate::state::State;

/// Get the organization's invite code
///
/// It joins whoever enters it, and signs nobody in. *Requires:* admin, or operator.
#[utoipa::path(
    tag = "Invite codes",
    params(("organization_id" = OrganizationId, Path, description = "The organization.")),
    responses((status = 200, description = "The code.", body = InviteCodeBody), OrganizationErrors)
)]
#[get("/v1/organizations/{organization_id}/invite-code")]
pub(super) async fn get_invite_code(
    state: web::Data<State>,
    caller: Caller,
    path: web::Path<(OrganizationId,)>,
) -> Result<web::Json<InviteCodeBody>, Problem> {
    let (id,) = path.into_inner();
    let code = caller
        .permitted::<ManageInviteCode, _>(id, |connection, permit| {
            invite_codes::get(connection, &permit.into())
        })
        .await?;
    let body = InviteCodeBody::of(
        &code,
        &state.services.outbox.links,
        state.services.clock.now(),
    )?;
    Ok(web::Json(body))
}

/// Change the organization's invite code
///
/// Pauses it, has it end, limits how often and by whom it is used, or opens it for some minutes. What
/// is absent stays as it is, `null` lifts a limit. *Requires:* admin, or operator.
#[utoipa::path(
    tag = "Invite codes",
    params(("organization_id" = OrganizationId, Path, description = "The organization.")),
    responses(
        (status = 200, description = "The code as it is now.", body = InviteCodeBody),
        BodyErrors, OrganizationErrors
    )
)]
#[patch("/v1/organizations/{organization_id}/invite-code")]
pub(super) async fn update_invite_code(
    state: web::Data<State>,
    caller: Caller,
    path: web::Path<(OrganizationId,)>,
    body: web::Json<UpdateInviteCodeRequest>,
) -> Result<web::Json<InviteCodeBody>, Problem> {
    let (id,) = path.into_inner();
    let now = state.services.clock.now();
    let changes = body.into_inner().into_changes(now)?;
    let code = caller
        .permitted::<ManageInviteCode, _>(id, move |connection, permit| {
            invite_codes::update(connection, &permit.into(), &changes)
        })
        .await?;
    Ok(web::Json(InviteCodeBody::of(
        &code,
        &state.services.outbox.links,
        now,
    )?))
}

/// Reset the organization's invite code
///
/// A new code takes the place of the old one, which is dead at once; members stay. It is open: a
/// pause and an end that is over are dropped, and the uses begin at 0. The maximum and the domains
/// stay. *Requires:* admin, or operator.
#[utoipa::path(
    tag = "Invite codes",
    params(("organization_id" = OrganizationId, Path, description = "The organization.")),
    responses((status = 200, description = "The new code.", body = InviteCodeBody), OrganizationErrors)
)]
#[post("/v1/organizations/{organization_id}/invite-code/reset")]
pub(super) async fn reset_invite_code(
    state: web::Data<State>,
    caller: Caller,
    once: Once,
    path: web::Path<(OrganizationId,)>,
) -> Result<HttpResponse, Problem> {
    let (id,) = path.into_inner();
    let (outbox, now) = (state.services.outbox.clone(), state.services.clock.now());
    let answer = caller
        .permitted_once::<ManageInviteCode>(once, id, move |connection, permit| {
            let code = invite_codes::reset(connection, &permit.into())?;
            Reply::ok(&InviteCodeBody::of(&code, &outbox.links, now)?)
        })
        .await?;
    Ok(answer)
}

/// Get a QR code of the organization's invite code
///
/// Of the app's page that joins by the code, to show or to print. *Requires:* admin, or operator.
#[utoipa::path(
    tag = "Invite codes",
    params(("organization_id" = OrganizationId, Path, description = "The organization."), QrQuery),
    responses(
        (
            status = 200,
            description = "The picture.",
            content(
                (String = "image/svg+xml", example = "(the text of the drawing)"),
                (QrPicture = "image/png", example = "(the bytes of the picture)")
            )
        ),
        QueryErrors, OrganizationErrors
    )
)]
#[get("/v1/organizations/{organization_id}/invite-code/qr")]
pub(super) async fn get_invite_code_qr(
    state: web::Data<State>,
    caller: Caller,
    path: web::Path<(OrganizationId,)>,
    query: web::Query<QrQuery>,
) -> Result<HttpResponse, Problem> {
    let (id,) = path.into_inner();
    let code = caller
        .permitted::<ManageInviteCode, _>(id, |connection, permit| {
            invite_codes::get(connection, &permit.into())
        })
        .await?;
    Ok(picture(&code, &state.services.outbox.links, query.format)?)
}

/// List who used the organization's invite code
///
/// Whom it let in, the newest first; those that earlier codes let in before a reset are in the list
/// too. *Requires:* admin, or operator.
#[utoipa::path(
    tag = "Invite codes",
    params(("organization_id" = OrganizationId, Path, description = "The organization."), PageQuery),
    responses(
        (status = 200, description = "A page.", body = InviteCodeUsePage),
        QueryErrors, OrganizationErrors
    )
)]
#[get("/v1/organizations/{organization_id}/invite-code/uses")]
pub(super) async fn list_invite_code_uses(
    http: HttpRequest,
    caller: Caller,
    path: web::Path<(OrganizationId,)>,
    query: web::Query<PageQuery>,
) -> Result<HttpResponse, Problem> {
    let (id,) = path.into_inner();
    let (limit, after) = (query.limit()?, query.after()?);
    let found = caller
        .permitted::<ManageInviteCode, _>(id, move |connection, permit| {
            invite_codes::uses(connection, &permit.into(), after, limit.with_lookahead())
        })
        .await?;
    let page = Paged::new(found, limit, |(one, ..)| one.id, InviteCodeUseBody::from)?;
    Ok(page.respond(&http, InviteCodeUsePage::new))
}

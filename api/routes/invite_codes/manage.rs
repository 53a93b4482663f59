//! What the operations on an organization's code and on a group's have in common: all but the guard.

use actix_web::{HttpRequest, HttpResponse, web};

use super::responses::{
    InviteCodeBody, InviteCodeUseBody, InviteCodeUsePage, QrFormat, UpdateInviteCodeRequest,
    picture,
};
use crate::routes::extract::{Guard, Idempotency};
use crate::routes::page::{PageQuery, Paged};
use crate::routes::problem::Problem;
use crate::services::idempotency::StoredResponse;
use crate::services::invite_codes::{self, ManagedCode, ReadableCode};

/// Gets the code.
pub(super) async fn get<G>(request: G) -> Result<web::Json<InviteCodeBody>, Problem>
where
    G: Guard<Permit: Into<ReadableCode>>,
{
    let body = request
        .run(|tx, permit| {
            let code = invite_codes::get(tx, &permit.into())?;
            InviteCodeBody::of(tx, &code)
        })
        .await?;
    Ok(web::Json(body))
}

/// Changes the code.
pub(super) async fn update<G>(
    request: G,
    body: UpdateInviteCodeRequest,
) -> Result<web::Json<InviteCodeBody>, Problem>
where
    G: Guard<Permit: Into<ManagedCode>>,
{
    let now = request.scope().state.services.clock.now();
    let changes = body.into_changes(now)?;
    let body = request
        .change(move |tx, permit| {
            let code = invite_codes::update(tx, &permit.into(), &changes)?;
            InviteCodeBody::of(tx, &code)
        })
        .await?;
    Ok(web::Json(body))
}

/// Replaces the code.
pub(super) async fn reset<G>(request: G, idempotency: Idempotency) -> Result<HttpResponse, Problem>
where
    G: Guard<Permit: Into<ManagedCode>>,
{
    request
        .run_once(idempotency, |tx, permit| {
            let code = invite_codes::reset(tx, &permit.into())?;
            StoredResponse::ok(&InviteCodeBody::of(tx, &code)?)
        })
        .await
}

/// Draws the code's link.
pub(super) async fn get_qr<G>(request: G, format: QrFormat) -> Result<HttpResponse, Problem>
where
    G: Guard<Permit: Into<ReadableCode>>,
{
    let outbox = request.scope().state.services.outbox.clone();
    let code = request
        .run(|tx, permit| invite_codes::get(tx, &permit.into()))
        .await?;
    Ok(picture(&code, &outbox.links, format)?)
}

/// Lists the uses of the code.
pub(super) async fn list_uses<G>(
    request: G,
    http: &HttpRequest,
    query: &PageQuery,
) -> Result<HttpResponse, Problem>
where
    G: Guard<Permit: Into<ReadableCode>>,
{
    let (limit, after) = (query.limit()?, query.after()?);
    let found = request
        .run(move |tx, permit| {
            invite_codes::uses(tx, &permit.into(), after, limit.with_lookahead())
        })
        .await?;
    let page = Paged::new(found, limit, |(one, ..)| one.id, InviteCodeUseBody::from)?;
    Ok(page.respond(http, InviteCodeUsePage::new))
}

//! Email invitations, as those who got them answer (PRODUCT 3.5).

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, get, post, web};
use utoipa_actix_web::service_config::ServiceConfig;

use super::requests::{AnswerInvitationRequest, InvitationKey, InvitationTokenRequest};
use super::responses::{AcceptedInvitation, InvitationPreview, MyInvitation, MyInvitationList};
use crate::error::{Error, Result};
use crate::routes::extract::{Caller, Once, RateLimiter, Reply, RequestInfo};
use crate::routes::problem::{
    BodyErrors, InvitationErrors, InvitationLinkErrors, MailErrors, Problem, SessionErrors,
};
use crate::services::invitations::{self, Joining};
use crate::services::limits::{Limit, LimitRequest};
use crate::state::State;

/// Mounts these operations.
pub(super) fn mount(config: &mut ServiceConfig<'_>) {
    config
        .service(preview_invitation)
        .service(accept_invitation)
        .service(decline_invitation)
        .service(renew_invitation)
        .service(list_my_invitations);
}

/// Look at an invitation
///
/// Shows what the mailed link offers; nothing changes by it. Takes the token of a link to join, and
/// that of sign-in instructions. One that has expired is shown too: ask for a new link with `renew`.
/// A link that was used up, or that a newer one has replaced, is unknown.
#[utoipa::path(
    tag = "Invitations",
    security(()),
    responses(
        (status = 200, description = "The invitation.", body = InvitationPreview),
        BodyErrors, InvitationLinkErrors
    )
)]
#[post("/v1/invitations/preview")]
async fn preview_invitation(
    state: web::Data<State>,
    body: web::Json<InvitationTokenRequest>,
) -> Result<web::Json<InvitationPreview>, Problem> {
    let (token, now) = (body.into_inner().token, state.services.clock.now());
    let preview = state
        .run_blocking(move |connection| invitations::preview(connection, &token, now))
        .await?;
    Ok(web::Json(preview.into()))
}

/// Accept an invitation
///
/// Joins the organization and the groups of the invitation, as the account that it was sent to.
/// Accepting again answers `already_member`. With the token of the mail the caller has proved the
/// mailbox by that; with the id alone, the address has to be verified (`email_not_verified`).
/// *Requires:* a session of the account that was invited.
#[utoipa::path(
    tag = "Invitations",
    responses(
        (status = 200, description = "In.", body = AcceptedInvitation),
        BodyErrors, SessionErrors, InvitationErrors
    )
)]
#[post("/v1/invitations/accept")]
async fn accept_invitation(
    caller: Caller,
    once: Once,
    body: web::Json<AnswerInvitationRequest>,
) -> Result<HttpResponse, Problem> {
    let joining = match body.into_inner().named()? {
        InvitationKey::Token(token) => Joining::ByToken(token),
        InvitationKey::Id(id) => Joining::ById(id),
    };
    let answer = caller
        .signed_in_once(once, move |connection, caller| {
            let accepted = invitations::accept(connection, &caller, &joining)?;
            Reply::ok(&AcceptedInvitation::from(accepted))
        })
        .await?;
    Ok(answer)
}

/// Decline an invitation
///
/// Frees the seat that waits. Declining again changes nothing. *Requires:* the token of the mail, or
/// a session of the account that was invited, with its address verified.
#[utoipa::path(
    tag = "Invitations",
    security((), ("access_token" = [])),
    responses(
        (status = 204, description = "Declined."),
        BodyErrors, SessionErrors, InvitationErrors
    )
)]
#[post("/v1/invitations/decline")]
async fn decline_invitation(
    state: web::Data<State>,
    caller: Option<Caller>,
    request: RequestInfo,
    body: web::Json<AnswerInvitationRequest>,
) -> Result<HttpResponse, Problem> {
    match body.into_inner().named()? {
        InvitationKey::Token(token) => {
            let act = request.act_of(state.services.clock.now());
            state
                .run_blocking(move |connection| {
                    invitations::decline_mailed(connection, &token, act)
                })
                .await?;
        }
        InvitationKey::Id(id) => {
            let caller = caller.ok_or_else(Error::not_signed_in)?;
            caller
                .signed_in(move |connection, caller| {
                    invitations::decline_own(connection, &caller, id)
                })
                .await?;
        }
    }
    Ok(HttpResponse::NoContent().finish())
}

/// Ask for a new link
///
/// In the place of one that has expired; it is sent to the mailbox that the old one was sent to, and
/// nowhere else. The answer is the same where nothing is sent: the old link is still good, or the
/// invitation has been answered or taken back, or no seat is free. Five an hour to one address.
#[utoipa::path(
    tag = "Invitations",
    security(()),
    responses(
        (status = 202, description = "If there is still something to be invited to, a mail is on its way."),
        BodyErrors, InvitationLinkErrors, MailErrors
    )
)]
#[post("/v1/invitations/renew")]
async fn renew_invitation(
    state: web::Data<State>,
    rate_limiter: RateLimiter,
    once: Once,
    request: RequestInfo,
    body: web::Json<InvitationTokenRequest>,
) -> Result<HttpResponse, Problem> {
    // The old link is unknown once there is a new one: a repetition is answered before that.
    let (once, known) = once.replay_to_anonymous(&state).await?;
    if let Some(known) = known {
        return Ok(known.into());
    }
    let token = body.into_inner().token;
    let presented = token.clone();
    let address = state
        .run_blocking(move |connection| invitations::address_of(connection, &presented))
        .await?;
    let uses = vec![
        LimitRequest::one(Limit::MailToAddress, format!("invitation {address}")),
        LimitRequest::one(Limit::MailFromClient, rate_limiter.client()),
    ];
    rate_limiter.take_all(uses).await?;
    let (outbox, now) = (state.services.outbox.clone(), state.services.clock.now());
    let answer = once
        .anonymous(&state, move |connection| {
            let act = request.act_of(now);
            invitations::renew(connection, &outbox, &token, act, now)?;
            Ok(Reply {
                status: StatusCode::ACCEPTED,
                ..Reply::no_content()
            })
        })
        .await?;
    state.signal.notify();
    Ok(answer)
}

/// List one's own invitations
///
/// Those that wait for the caller's answer, the newest first. An account that has not proved its
/// address is shown none, whoever typed it: `email_verified` tells. *Requires:* a session.
#[utoipa::path(
    tag = "My account",
    responses((status = 200, description = "The invitations.", body = MyInvitationList), SessionErrors)
)]
#[get("/v1/me/invitations")]
async fn list_my_invitations(caller: Caller) -> Result<web::Json<MyInvitationList>, Problem> {
    let list = caller
        .signed_in(|connection, caller| {
            let found = invitations::of_caller(connection, &caller)?;
            Ok(MyInvitationList {
                items: found.into_iter().map(MyInvitation::from).collect(),
                email_verified: caller.account.email_verified_at.is_some(),
            })
        })
        .await?;
    Ok(web::Json(list))
}

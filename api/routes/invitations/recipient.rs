//! Email invitations as the people handle them whom they were sent to.

use actix_web::{HttpResponse, web};

use super::received::{AcceptedInvitation, InvitationPreview, MyInvitation, MyInvitationList};
use super::requests::{AnswerInvitationRequest, InvitationTokenRequest, neither_token_nor_id};
use crate::error::{Error, Result};
use crate::routes::extract::idempotency;
use crate::routes::extract::{Anonymous, Authenticated, Guard as _, IdempotencyHeader, Json};
use crate::routes::mounting::{Mounting, operations};
use crate::routes::problem::{Problem, problems};
use crate::routes::refusals::{
    AccountDeactivated, BodyErrors, EndedInvitation, ExpiredInvitation, PasswordOfOthers,
    SessionErrors, TooManyTries, UnknownInvitation,
};
use crate::services::idempotency::{Execution, StoredResponse};
use crate::services::invitations::errors::{for_another_address, mailbox_unproved};
use crate::services::invitations::{self, InvitationKey};
use crate::services::limits::{self, Limit, LimitRequest};
use crate::services::sign_on_requirement::ways_in;
use crate::services::unit_of_work::UnitOfWork;

/// Mounts these operations.
pub(super) fn mount(mounting: &mut Mounting<'_>) {
    operations!(
        mounting,
        preview_invitation,
        accept_invitation,
        decline_invitation,
        renew_invitation,
        list_my_invitations
    );
}

/// Preview an invitation
///
/// Shows what the mailed link offers and changes nothing. Takes the token of a link to join, and that
/// of sign-in instructions. One that has expired is shown too: ask for a new link with `renew`. A link
/// that was used up, or that a newer one has replaced, is unknown.
#[utoipa::path(
    post,
    path = "/v1/invitations/preview",
    tag = "Invitations",
    security(()),
    responses(
        (status = 200, description = "The invitation.", body = InvitationPreview),
        BodyErrors, UnknownInvitation, EndedInvitation
    )
)]
async fn preview_invitation(
    request: Anonymous,
    body: Json<InvitationTokenRequest>,
) -> Result<web::Json<InvitationPreview>, Problem> {
    let token = body.into_inner().token;
    let preview = request
        .run(move |tx, ()| {
            let received = invitations::preview(tx, &token)?;
            let connections = ways_in(tx, &received.organization)?;
            Ok(InvitationPreview::of(received, connections))
        })
        .await?;
    Ok(web::Json(preview))
}

/// Accept an invitation
///
/// Joins the organization and the groups of the invitation, as the account that it was sent to.
/// Accepting again gives `already_member`. The token of the mail proves that the address is the
/// caller's; with the id alone, the address has to be verified (`email_not_verified`). With either the password
/// has to be the owner's own choice: where another organization has set it, set one by a mailed link
/// (`/v1/auth/password/forgot`) first, then accept (`email_not_verified`).
#[utoipa::path(
    post,
    path = "/v1/invitations/accept",
    tag = "Invitations",
    params(IdempotencyHeader),
    responses(
        (status = 200, description = "Joined: the caller is a member.", body = AcceptedInvitation),
        BodyErrors, SessionErrors, AnswerErrors, UnknownInvitation, EndedInvitation,
        ExpiredInvitation, AccountDeactivated, PasswordOfOthers
    )
)]
async fn accept_invitation(
    request: Authenticated,
    json: idempotency::Json<AnswerInvitationRequest>,
) -> Result<HttpResponse, Problem> {
    let idempotency::Json { idempotency, body } = json;
    let key = body.key()?;
    request
        .run_once(idempotency, move |tx, ()| {
            let acceptance = invitations::accept(tx, &key)?;
            StoredResponse::ok(&AcceptedInvitation::from(acceptance))
        })
        .await
}

/// Decline an invitation
///
/// Releases the reserved seat. Declining again changes nothing. Takes the token of the mail without a
/// session, or the id with a session of the account that was invited, whose address is verified and whose
/// password is the owner's own choice (`email_not_verified`).
#[utoipa::path(
    post,
    path = "/v1/invitations/decline",
    tag = "Invitations",
    security((), ("access_token" = [])),
    responses(
        (status = 204, description = "Declined."),
        BodyErrors, SessionErrors, PasswordOfOthers, AnswerErrors, UnknownInvitation, EndedInvitation,
        ExpiredInvitation
    )
)]
async fn decline_invitation(
    anonymous: Anonymous,
    caller: Option<Authenticated>,
    body: Json<AnswerInvitationRequest>,
) -> Result<HttpResponse, Problem> {
    match body.into_inner().key()? {
        InvitationKey::Token(token) => {
            let decline = anonymous.run(move |tx, ()| invitations::decline_mailed(tx, &token));
            decline.await?;
        }
        InvitationKey::Id(id) => {
            let caller = caller.ok_or_else(Error::not_signed_in)?;
            let decline = caller.run(move |tx, ()| invitations::decline_own(tx, id));
            decline.await?;
        }
    }
    Ok(HttpResponse::NoContent().finish())
}

/// Renew an invitation
///
/// The new link replaces one that has expired; it is sent to the mailbox that the old one was sent to,
/// and nowhere else. The response is the same where nothing is sent: the old link is still good, or
/// the invitation has been answered or revoked, or no seat is free. Mails to one address are limited
/// (`mail_to_address`).
#[utoipa::path(
    post,
    path = "/v1/invitations/renew",
    tag = "Invitations",
    security(()),
    params(IdempotencyHeader),
    responses(
        (status = 202, description = "If there is still something to be invited to, a mail is on its way."),
        BodyErrors, UnknownInvitation, TooManyTries
    )
)]
async fn renew_invitation(
    request: Anonymous,
    json: idempotency::Json<InvitationTokenRequest>,
) -> Result<HttpResponse, Problem> {
    let idempotency::Json { idempotency, body } = json;
    let token = body.token;
    let execution = request.run(move |tx, ()| {
        // A new link makes the old one unknown: a repetition does not look the link up.
        if let Some(response) = idempotency.replay(tx)? {
            return Ok(Execution::Replayed(response));
        }
        count_request(tx, &token)?;
        idempotency.execute(tx, |tx| {
            invitations::renew(tx, &token)?;
            Ok(StoredResponse::accepted_without_body())
        })
    });
    Ok(execution.await?.into())
}

/// Counts a request for a new link, whatever comes of it. Whoever has the old one has read the mailbox, so others
/// beside them use nothing up.
fn count_request(tx: &mut UnitOfWork<'_>, token: &str) -> Result<()> {
    let address = invitations::address_of(tx, token)?;
    let to_address = LimitRequest::one(Limit::MailToAddress, format!("invitation {address}"));
    limits::take(tx, &[to_address])
}

/// List one's own invitations
///
/// Lists those that wait for the caller's answer, the newest first. An account whose address is not verified
/// is shown none, because anybody may have typed that address: `email_verified` tells.
#[utoipa::path(
    get,
    path = "/v1/me/invitations",
    tag = "My account",
    responses(
        (status = 200, description = "The invitations.", body = MyInvitationList),
        SessionErrors
    )
)]
async fn list_my_invitations(
    request: Authenticated,
) -> Result<web::Json<MyInvitationList>, Problem> {
    let list = request
        .run(|tx, ()| {
            let received = invitations::of_caller(tx)?;
            let account = &tx.context.principal.session()?.account;
            Ok(MyInvitationList {
                items: received.into_iter().map(MyInvitation::from).collect(),
                email_verified: account.email_verified_at.is_some(),
            })
        })
        .await?;
    Ok(web::Json(list))
}

problems! {
    /// Of accepting and declining an invitation.
    AnswerErrors: neither_token_nor_id mailbox_unproved for_another_address;
}

//! Email invitations as those who send them manage them.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use utoipa::IntoParams;

use super::requests::{CreateInvitationsRequest, ListInvitationsParams, no_address};
use super::responses::{InvitationBody, InvitationPage, InvitationResults};
use crate::domain::ids::{InvitationId, OrganizationId};
use crate::error::{Error, Result};
use crate::routes::extract::idempotency::{self, NoBody};
use crate::routes::extract::{
    Guard as _, IdempotencyHeader, InOrganization, OrganizationPath, Query,
};
use crate::routes::mounting::{Mounting, operations};
use crate::routes::page::Paged;
use crate::routes::problem::{Problem, problems};
use crate::routes::refusals::{
    BodyErrors, EndedInvitation, LastAdmin, NoSeat, NoSuchInvitation, OrganizationErrors,
    PageErrors, TooManyTries, UnverifiedSender, WrongAccountType,
};
use crate::services::authorization::{Invite, Permission as _, ReadInvitations};
use crate::services::idempotency::StoredResponse;
use crate::services::invitations::{self, group_not_managed};
use crate::state::State;

/// Mounts these operations.
pub(super) fn mount(mounting: &mut Mounting<'_>) {
    operations!(
        mounting,
        create_invitations,
        list_invitations,
        get_invitation,
        resend_invitation,
        revoke_invitation
    );
}

/// The invitation of an organization that a request is about.
#[derive(Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct InvitationPath {
    /// The organization.
    #[allow(dead_code, reason = "the guard reads it")]
    organization_id: OrganizationId,
    /// The invitation.
    invitation_id: InvitationId,
}

/// Invite people by email
///
/// Up to 500 addresses, each with its own outcome: one that cannot be invited never stops the others.
/// A person without an account gets one at once, managed by the organization and without a password,
/// and sign-in instructions by mail (`account_created`). A person with an account gets a link to join
/// (`join_link_sent`), and a seat is reserved for them. Members are added to the groups
/// (`already_member`); a deactivated one is not, and `detail` says so. Where an invitation waits for
/// an answer (`already_invited`), nothing is sent: send that one again. Seats go to the first, in the
/// order given (`no_seat`). Staff invite students and learners only, and into groups that they manage.
///
/// Where mail leaves by SMTP, the caller's own address has to be verified (`email_not_verified`). The invitations
/// of one organization are limited (`invitations`); only what is sent is counted.
#[utoipa::path(
    post,
    path = "/v1/organizations/{organization_id}/invitations",
    tag = "Invitations",
    params(OrganizationPath, IdempotencyHeader),
    responses(
        (
            status = 200,
            description = "What came of each address, in the order given.",
            body = InvitationResults
        ),
        BodyErrors, OrganizationErrors, NoAddress, WrongAccountType, UnverifiedSender, TooManyTries
    ),
    extensions(("x-permission" = json!(Invite::NAME)))
)]
async fn create_invitations(
    state: web::Data<State>,
    request: InOrganization<Invite>,
    json: idempotency::Json<CreateInvitationsRequest>,
) -> Result<HttpResponse, Problem> {
    let idempotency::Json { idempotency, body } = json;
    let new = body.parse(&state.services.config.login_domain)?;
    let execution = request.change(move |tx, permit| {
        permit.require_reach_of_repetition(tx.connection, &new.groups, new.account_type)?;
        idempotency.execute(tx, |tx| {
            let results = invitations::create(tx, &permit, &new)?;
            StoredResponse::ok(&InvitationResults::from(results))
        })
    });
    Ok(execution.await?.into())
}

/// List invitations
///
/// The newest first, each with its status and the state of its mail. Staff see those that they sent.
#[utoipa::path(
    get,
    path = "/v1/organizations/{organization_id}/invitations",
    tag = "Invitations",
    params(OrganizationPath, ListInvitationsParams),
    responses(
        (status = 200, description = "A page.", body = InvitationPage),
        PageErrors, OrganizationErrors
    ),
    extensions(("x-permission" = json!(ReadInvitations::NAME)))
)]
async fn list_invitations(
    http: HttpRequest,
    request: InOrganization<ReadInvitations>,
    params: Query<ListInvitationsParams>,
) -> Result<HttpResponse, Problem> {
    let (limit, query) = params.into_inner().parse()?;
    let found = request
        .run(move |tx, permit| invitations::list(tx, &permit, query))
        .await?;
    let page = Paged::new(
        found,
        limit,
        |view| view.invitation.id,
        InvitationBody::from,
    )?;
    Ok(page.respond(&http, InvitationPage::new))
}

/// Get an invitation
///
/// Staff get those that they sent.
#[utoipa::path(
    get,
    path = "/v1/organizations/{organization_id}/invitations/{invitation_id}",
    tag = "Invitations",
    params(InvitationPath),
    responses(
        (status = 200, description = "The invitation.", body = InvitationBody),
        OrganizationErrors, NoSuchInvitation
    ),
    extensions(("x-permission" = json!(ReadInvitations::NAME)))
)]
async fn get_invitation(
    request: InOrganization<ReadInvitations>,
    path: web::Path<InvitationPath>,
) -> Result<web::Json<InvitationBody>, Problem> {
    let id = path.invitation_id;
    let view = request
        .run(move |tx, permit| invitations::find(tx, &permit, id))
        .await?;
    Ok(web::Json(view.into()))
}

/// Resend an invitation
///
/// Sends a new link, which replaces the old one, and gives the invitation its whole time again. Pending
/// ones and those that have expired can be sent again; one to join that has expired reserves a seat
/// again (`no_seat`). Invitations to one address are limited (`mail_to_address`). Where mail leaves by
/// SMTP, the caller's own address has to be verified (`email_not_verified`). Staff send those again that they
/// sent, into groups that they still manage.
#[utoipa::path(
    post,
    path = "/v1/organizations/{organization_id}/invitations/{invitation_id}/resend",
    tag = "Invitations",
    params(InvitationPath, IdempotencyHeader),
    responses(
        (status = 200, description = "The invitation as it is now.", body = InvitationBody),
        OrganizationErrors, NoSuchInvitation, ResendErrors, UnverifiedSender, EndedInvitation, NoSeat, TooManyTries
    ),
    extensions(("x-permission" = json!(Invite::NAME)))
)]
async fn resend_invitation(
    request: InOrganization<Invite>,
    path: web::Path<InvitationPath>,
    NoBody(idempotency): NoBody,
) -> Result<HttpResponse, Problem> {
    let id = path.invitation_id;
    let execution = request.change(move |tx, permit| {
        invitations::require_visible(tx, &permit, id)?;
        idempotency.execute(tx, |tx| {
            let view = invitations::resend(tx, &permit, id)?;
            StoredResponse::ok(&InvitationBody::from(view))
        })
    });
    Ok(execution.await?.into())
}

/// Revoke an invitation
///
/// Its link stops working, its seat is released, and mail that is still queued is not sent. An account
/// that the invitation made and nobody has used is deleted with it; one that is in use counts as
/// accepted (`invitation_ended`): remove the member instead. Staff revoke those that they sent, while they manage
/// its groups and the person.
#[utoipa::path(
    post,
    path = "/v1/organizations/{organization_id}/invitations/{invitation_id}/revoke",
    tag = "Invitations",
    params(InvitationPath, IdempotencyHeader),
    responses(
        (status = 200, description = "The invitation as it is now.", body = InvitationBody),
        OrganizationErrors, NoSuchInvitation, EndedInvitation, LastAdmin, NotManagedAnyMore
    ),
    extensions(("x-permission" = json!(Invite::NAME)))
)]
async fn revoke_invitation(
    request: InOrganization<Invite>,
    path: web::Path<InvitationPath>,
    NoBody(idempotency): NoBody,
) -> Result<HttpResponse, Problem> {
    let id = path.invitation_id;
    let execution = request.change(move |tx, permit| {
        invitations::require_visible(tx, &permit, id)?;
        idempotency.execute(tx, |tx| {
            let view = invitations::revoke(tx, &permit, id)?;
            StoredResponse::ok(&InvitationBody::from(view))
        })
    });
    Ok(execution.await?.into())
}

fn already_member() -> Error {
    Error::already_member()
}

problems! {
    /// Of a list of addresses.
    NoAddress: no_address;
    /// Of staff whose group it was.
    NotManagedAnyMore: group_not_managed;
    /// Of sending an invitation again.
    ResendErrors: group_not_managed already_member;
}

//! Email invitations, as those who send them handle them (PRODUCT 3.5).

mod recipient;
mod requests;
mod responses;

use actix_web::{HttpRequest, HttpResponse, get, post, web};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_actix_web::service_config::ServiceConfig;

use self::requests::CreateInvitationsRequest;
use self::responses::{InvitationBody, InvitationPage, InvitationResults};
use super::extract::{Caller, Once, RateLimiter, Reply};
use super::page::{Limit, Paged, parse_cursor, refuse_unusable};
use super::problem::{
    BodyErrors, ConflictErrors, MailErrors, OrganizationErrors, Problem, QueryErrors,
};
use crate::domain::ids::{InvitationId, OrganizationId};
use crate::domain::invitations::InvitationStatus;
use crate::error::Result;
use crate::services::authorization::Invite;
use crate::services::invitations::{self, Take};
use crate::state::State;
use crate::store::invitations::InvitationQuery;

/// Mounts these operations.
pub fn mount(config: &mut ServiceConfig<'_>) {
    config
        .service(create_invitations)
        .service(list_invitations)
        .service(get_invitation)
        .service(resend_invitation)
        .service(revoke_invitation);
    recipient::mount(config);
}

/// Invite people by email
///
/// Up to 500 addresses, each with its own outcome: one that cannot be invited never stops the others.
/// Who has no account gets one at once, managed by the organization and without a password, and
/// sign-in instructions by mail (`account_created`). Who has an account gets a link to join
/// (`join_link_sent`); a seat waits for them meanwhile. Members are added to the groups
/// (`already_member`); a deactivated one is not, and `detail` says so. Where an invitation waits for
/// an answer (`already_invited`), nothing is sent: send that one again. Seats go to the first, in the
/// order given (`no_seat`).
///
/// An organization can invite 5,000 addresses at once; that allowance grows back within a day, and
/// only what is sent is counted.
/// *Requires:* admin or operator; staff students and learners only, and into groups that they manage.
#[utoipa::path(
    tag = "Invitations",
    params(("organization_id" = OrganizationId, Path, description = "The organization.")),
    responses(
        (
            status = 200,
            description = "What came of each address, in the order given.",
            body = InvitationResults
        ),
        BodyErrors, OrganizationErrors, ConflictErrors, MailErrors
    )
)]
#[post("/v1/organizations/{organization_id}/invitations")]
async fn create_invitations(
    state: web::Data<State>,
    caller: Caller,
    rate_limiter: RateLimiter,
    once: Once,
    path: web::Path<(OrganizationId,)>,
    body: web::Json<CreateInvitationsRequest>,
) -> Result<HttpResponse, Problem> {
    let (id,) = path.into_inner();
    let asked = body
        .into_inner()
        .parse(&state.services.config.login_domain)?;
    let outbox = state.services.outbox.clone();
    let answer = caller
        .permitted_once::<Invite>(once, id, move |connection, permit| {
            let take: Take<'_> = &|connection, uses| rate_limiter.take_within(connection, uses);
            let results = invitations::create(connection, &outbox, take, &permit, &asked)?;
            Reply::ok(&InvitationResults::from(results))
        })
        .await?;
    state.signal.notify();
    Ok(answer)
}

/// Which invitations, and which page of them.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListInvitationsParams {
    status: Option<InvitationStatus>,
    /// Any part of the address; case does not matter.
    #[param(max_length = 254)]
    search: Option<String>,
    /// How many entries: 1 to 200.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<i64>,
    /// The `next_cursor` of the page before.
    #[param(max_length = 1000)]
    cursor: Option<String>,
}

/// List invitations
///
/// The newest first, with how each stands and how far its mail is. *Requires:* admin or operator;
/// staff see those that they sent.
#[utoipa::path(
    tag = "Invitations",
    params(
        ("organization_id" = OrganizationId, Path, description = "The organization."),
        ListInvitationsParams
    ),
    responses(
        (status = 200, description = "A page.", body = InvitationPage),
        QueryErrors, OrganizationErrors
    )
)]
#[get("/v1/organizations/{organization_id}/invitations")]
async fn list_invitations(
    http: HttpRequest,
    caller: Caller,
    path: web::Path<(OrganizationId,)>,
    query: web::Query<ListInvitationsParams>,
) -> Result<HttpResponse, Problem> {
    let (id,) = path.into_inner();
    let query = query.into_inner();
    let limit = Limit::parse(query.limit)?;
    let before: Option<InvitationId> = parse_cursor(query.cursor.as_deref())?;
    refuse_unusable("?search", query.search.as_deref(), 254)?;
    let query = InvitationQuery {
        status: query.status,
        search: query.search,
        sender: None,
        before,
        limit: limit.with_lookahead(),
    };
    let found = caller
        .permitted::<Invite, _>(id, move |connection, permit| {
            invitations::list(connection, &permit, query)
        })
        .await?;
    let page = Paged::new(
        found,
        limit,
        |shown| shown.invitation.id,
        InvitationBody::from,
    )?;
    Ok(page.respond(&http, InvitationPage::new))
}

/// Get an invitation
///
/// *Requires:* admin or operator; staff for those that they sent.
#[utoipa::path(
    tag = "Invitations",
    params(
        ("organization_id" = OrganizationId, Path, description = "The organization."),
        ("invitation_id" = InvitationId, Path, description = "The invitation.")
    ),
    responses(
        (status = 200, description = "The invitation.", body = InvitationBody),
        OrganizationErrors
    )
)]
#[get("/v1/organizations/{organization_id}/invitations/{invitation_id}")]
async fn get_invitation(
    caller: Caller,
    path: web::Path<(OrganizationId, InvitationId)>,
) -> Result<web::Json<InvitationBody>, Problem> {
    let (organization, id) = path.into_inner();
    let shown = caller
        .permitted::<Invite, _>(organization, move |connection, permit| {
            invitations::find(connection, &permit, id)
        })
        .await?;
    Ok(web::Json(shown.into()))
}

/// Send an invitation again
///
/// Sends a new link; the old one is dead, and the invitation has its whole time again. Pending ones
/// and those that have expired can be sent again; one to join that has expired takes a seat again
/// (`no_seat`). Five an hour to one address. *Requires:* admin or operator; staff for those that they
/// sent, into groups that they still manage.
#[utoipa::path(
    tag = "Invitations",
    params(
        ("organization_id" = OrganizationId, Path, description = "The organization."),
        ("invitation_id" = InvitationId, Path, description = "The invitation.")
    ),
    responses(
        (status = 200, description = "The invitation as it is now.", body = InvitationBody),
        OrganizationErrors, ConflictErrors, MailErrors
    )
)]
#[post("/v1/organizations/{organization_id}/invitations/{invitation_id}/resend")]
async fn resend_invitation(
    state: web::Data<State>,
    caller: Caller,
    rate_limiter: RateLimiter,
    once: Once,
    path: web::Path<(OrganizationId, InvitationId)>,
) -> Result<HttpResponse, Problem> {
    let (organization, id) = path.into_inner();
    let outbox = state.services.outbox.clone();
    let answer = caller
        .permitted_once::<Invite>(once, organization, move |connection, permit| {
            let take: Take<'_> = &|connection, uses| rate_limiter.take_within(connection, uses);
            let shown = invitations::resend(connection, &outbox, take, &permit, id)?;
            Reply::ok(&InvitationBody::from(shown))
        })
        .await?;
    state.signal.notify();
    Ok(answer)
}

/// Take an invitation back
///
/// Its link is dead and its seat free; mail that is still waiting is not sent. An account that the
/// invitation made and nobody has used goes with it; one that is in use counts as accepted
/// (`invitation_ended`): remove the member instead. *Requires:* admin or operator; staff for those
/// that they sent.
#[utoipa::path(
    tag = "Invitations",
    params(
        ("organization_id" = OrganizationId, Path, description = "The organization."),
        ("invitation_id" = InvitationId, Path, description = "The invitation.")
    ),
    responses(
        (status = 200, description = "The invitation as it is now.", body = InvitationBody),
        OrganizationErrors, ConflictErrors
    )
)]
#[post("/v1/organizations/{organization_id}/invitations/{invitation_id}/revoke")]
async fn revoke_invitation(
    caller: Caller,
    once: Once,
    path: web::Path<(OrganizationId, InvitationId)>,
) -> Result<HttpResponse, Problem> {
    let (organization, id) = path.into_inner();
    let answer = caller
        .permitted_once::<Invite>(once, organization, move |connection, permit| {
            let shown = invitations::revoke(connection, &permit, id)?;
            Reply::ok(&InvitationBody::from(shown))
        })
        .await?;
    Ok(answer)
}

//! The identities by which one's own account is opened.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::domain::ids::IdentityId;
use crate::error::Error;
use crate::routes::extract::{AlsoConfined, Authenticated, Form, Guard as _, Json, Query};
use crate::routes::identities::{
    ArrivalErrors, CarriedInvitationErrors, IdentityBody, IdentityPage, LastWayIn, NoSuchIdentity,
};
use crate::routes::page::{PageQuery, Paged};
use crate::routes::problem::{Problem, problems};
use crate::routes::refusals::{
    AccountDeactivated, BodyErrors, InviteCodeErrors, PageErrors, PasswordOfOthers, SessionErrors,
    SsoRequired,
};
use crate::services::sso::identities;
use crate::services::sso::linking::{self, link_expired, of_another_account};

/// The identity that a request is about.
#[derive(Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct IdentityPath {
    /// One of the caller's identities.
    identity_id: IdentityId,
}

/// What is linked.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "link_token": "rcl_1kq3Rr0s8mJ5QbT7XoV2yWz4Lh6Nc9Pe0UfGiKjMlYw" })))]
pub struct LinkIdentityRequest {
    /// Of the exchange of a ticket.
    #[schema(max_length = 200, format = Password)]
    link_token: String,
}

/// The most characters of a link token.
const MAX_TOKEN: usize = 200;

problems! {
    /// Of linking.
    LinkOwnErrors: link_expired of_another_account link_token_too_long;
}

fn link_token_too_long() -> Error {
    let mut form = Form::new();
    form.limit("/link_token", &"l".repeat(MAX_TOKEN + 1), MAX_TOKEN);
    form.refusal()
}

/// List one's own identities
///
/// By which central systems the account is opened, the oldest first.
#[utoipa::path(
    get,
    path = "/v1/me/identities",
    tag = "My account",
    params(PageQuery),
    responses(
        (status = 200, description = "A page.", body = IdentityPage),
        PageErrors, SessionErrors
    )
)]
pub(super) async fn list_my_identities(
    http: HttpRequest,
    request: AlsoConfined,
    query: Query<PageQuery>,
) -> Result<HttpResponse, Problem> {
    let (limit, after) = (query.limit()?, query.after()?);
    let found = request
        .run(move |tx, ()| identities::list_own(tx, limit.page(after)))
        .await?;
    let page = Paged::new(found, limit, |one| one.0.id, IdentityBody::new)?;
    Ok(page.respond(&http, IdentityPage::new))
}

/// Link an identity
///
/// Who came by a central system, and was told `link_required`, signs in to the account that has their address, and sends
/// the `link_token`: from then on the central system opens this account, for its organization.
#[utoipa::path(
    post,
    path = "/v1/me/identities",
    tag = "My account",
    responses(
        (status = 204, description = "Linked."),
        BodyErrors, SessionErrors, LinkOwnErrors, ArrivalErrors, AccountDeactivated, InviteCodeErrors,
        PasswordOfOthers, CarriedInvitationErrors
    )
)]
pub(super) async fn link_my_identity(
    request: Authenticated,
    body: Json<LinkIdentityRequest>,
) -> Result<HttpResponse, Problem> {
    let link_token = body.into_inner().link_token;
    let mut form = Form::new();
    form.limit("/link_token", &link_token, MAX_TOKEN);
    if form.has_errors() {
        return Err(form.refusal().into());
    }
    request
        .run(move |tx, ()| linking::link_to_own(tx, &link_token).map(drop))
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Unlink an identity
///
/// The central system opens the account no more. The last way to sign in stays (`last_sign_in_method`). Where the
/// organization requires single sign-on, the session needs its proof.
#[utoipa::path(
    delete,
    path = "/v1/me/identities/{identity_id}",
    tag = "My account",
    params(IdentityPath),
    responses(
        (status = 204, description = "Unlinked."),
        SessionErrors, NoSuchIdentity, LastWayIn, SsoRequired
    )
)]
pub(super) async fn unlink_my_identity(
    request: Authenticated,
    path: web::Path<IdentityPath>,
) -> Result<HttpResponse, Problem> {
    let id = path.identity_id;
    request
        .change(move |tx, ()| identities::unlink_own(tx, id))
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

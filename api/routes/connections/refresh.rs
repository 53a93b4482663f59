//! Reading anew what an identity provider publishes.

use actix_web::web;

use super::path::{ConnectionPath, NoSuchConnection};
use super::responses::{ConnectionBody, Described};
use super::testing::Incomplete;
use crate::domain::ids::ConnectionId;
use crate::error::Result;
use crate::routes::extract::{Guard, InOrganization, NoBody};
use crate::routes::problem::{Problem, problems};
use crate::routes::refusals::{NoBodyErrors, OrganizationErrors, TooManyTries};
use crate::services::authorization::{ManageConnections, Permission as _, Permit};
use crate::services::sso::refresh::{self as refreshing, nothing_to_refresh};

problems! {
    /// Of refreshing.
    NothingToRefresh: nothing_to_refresh;
}

/// Refresh a connection
///
/// Reads what the identity provider publishes anew, as happens daily: its metadata from its address by SAML, its document
/// of discovery and its keys by OpenID Connect. A new certificate or key counts at once. Where it cannot be read, what was
/// read before stays, and `warnings` tell. Metadata of another identity provider is not taken, nor is a new certificate
/// from an address that a setup link named, before an admin sends that, unless people sign in at the same host. At most
/// ten times an hour (`connection_test`).
#[utoipa::path(
    post,
    path = "/v1/organizations/{organization_id}/connections/{connection_id}/refresh",
    tag = "Single sign-on",
    params(ConnectionPath),
    responses(
        (status = 200, description = "The connection as it is now.", body = ConnectionBody),
        NoBodyErrors, OrganizationErrors, NoSuchConnection, Incomplete, NothingToRefresh, TooManyTries
    ),
    extensions(("x-permission" = json!(ManageConnections::NAME)))
)]
pub(super) async fn refresh_connection(
    request: InOrganization<ManageConnections>,
    path: web::Path<ConnectionPath>,
    _: NoBody,
) -> Result<web::Json<ConnectionBody>, Problem> {
    let connection = refresh(request, path.connection_id).await?;
    Ok(web::Json(connection))
}

/// Reads anew what the provider of a connection publishes, for who may set it up, and describes the connection as it is
/// then.
///
/// # Errors
/// Those of `refresh::begin`, and of the guard.
pub async fn refresh<G>(request: G, id: ConnectionId) -> Result<ConnectionBody>
where
    G: Guard<Permit = Permit<ManageConnections>> + Clone,
{
    let described = Described::of(request.scope());
    let state = request.scope().state.clone();
    let asked = request
        .clone()
        .change(move |tx, permit| refreshing::begin(tx, &permit, id))
        .await?;
    // What it changes is the caller's doing, and what happens daily the system's.
    let connection = match state.published_anew(&asked).await? {
        Some(read) => {
            request
                .change(move |tx, _| refreshing::finish(tx, &asked, read))
                .await?
        }
        None => asked,
    };
    described.apart(connection).await
}

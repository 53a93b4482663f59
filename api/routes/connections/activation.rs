//! Activating connections, and pausing them.

use actix_web::{HttpResponse, web};

use super::path::{ConnectionPath, NoSuchConnection};
use super::responses::{ConnectionBody, Described};
use crate::error::Result;
use crate::routes::extract::idempotency::{Idempotency, NoBody};
use crate::routes::extract::{Guard, IdempotencyHeader, InOrganization};
use crate::routes::problem::{Problem, problems};
use crate::routes::refusals::OrganizationErrors;
use crate::services::authorization::{ManageConnections, Permission as _, Permit};
use crate::services::idempotency::StoredResponse;
use crate::services::sign_on_requirement::last_connection;
use crate::services::sso::activation::{self, not_tested, still_draft, tenant_in_use};
use crate::services::sso::clients::view;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::sso_connections::SsoConnection;

problems! {
    /// Of activating.
    NotTested: not_tested;
    /// Of activating a second connection with the same tenant by the same app.
    TenantInUse: tenant_in_use;
    /// Of pausing.
    StillDraft: still_draft;
    /// Of the only connection where single sign-on is required.
    LastConnection: last_connection;
}

/// Activate a connection
///
/// From now on people sign in by it. Only a connection whose test has passed can be activated
/// (`connection_not_tested`). Activating again changes nothing. By an operator's app, a tenant has one active connection:
/// a second one gets `tenant_in_use`.
#[utoipa::path(
    post,
    path = "/v1/organizations/{organization_id}/connections/{connection_id}/activate",
    tag = "Single sign-on",
    params(ConnectionPath, IdempotencyHeader),
    responses(
        (status = 200, description = "The connection as it is now.", body = ConnectionBody),
        OrganizationErrors, NoSuchConnection, NotTested, TenantInUse
    ),
    extensions(("x-permission" = json!(ManageConnections::NAME)))
)]
pub(super) async fn activate_connection(
    request: InOrganization<ManageConnections>,
    path: web::Path<ConnectionPath>,
    NoBody(idempotency): NoBody,
) -> Result<HttpResponse, Problem> {
    let id = path.connection_id;
    change_once(request, idempotency, move |tx, permit| {
        activation::activate(tx, permit, id)
    })
    .await
}

/// Pause a connection
///
/// It signs nobody in for the time being, and ends no session. Pausing again changes nothing. The only active one stays
/// where single sign-on is required (`last_sign_in_method`).
#[utoipa::path(
    post,
    path = "/v1/organizations/{organization_id}/connections/{connection_id}/pause",
    tag = "Single sign-on",
    params(ConnectionPath, IdempotencyHeader),
    responses(
        (status = 200, description = "The connection as it is now.", body = ConnectionBody),
        OrganizationErrors, NoSuchConnection, StillDraft, LastConnection
    ),
    extensions(("x-permission" = json!(ManageConnections::NAME)))
)]
pub(super) async fn pause_connection(
    request: InOrganization<ManageConnections>,
    path: web::Path<ConnectionPath>,
    NoBody(idempotency): NoBody,
) -> Result<HttpResponse, Problem> {
    let id = path.connection_id;
    change_once(request, idempotency, move |tx, permit| {
        activation::pause(tx, permit, id)
    })
    .await
}

/// Changes whether a connection signs people in, and answers with the connection as it is then.
pub async fn change_once<G>(
    request: G,
    idempotency: Idempotency,
    change: impl FnOnce(&mut UnitOfWork<'_>, &Permit<ManageConnections>) -> Result<SsoConnection>
    + Clone
    + Send
    + 'static,
) -> Result<HttpResponse, Problem>
where
    G: Guard<Permit = Permit<ManageConnections>>,
{
    let described = Described::of(request.scope());
    request
        .run_once(idempotency, move |tx, permit| {
            let connection = change(tx, &permit)?;
            StoredResponse::ok(&described.connection(view(tx, connection)?)?)
        })
        .await
}

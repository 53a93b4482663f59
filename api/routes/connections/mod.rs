//! Connections to identity providers, as admins set them up (`docs/sso.md`).

mod activation;
mod client;
mod diagnoses;
mod path;
mod provider;
mod refresh;
mod requests;
mod responses;
mod rule_checks;
mod rules;
mod set_up;
mod testing;

use crate::routes::mounting::{Mounting, operations};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use utoipa::IntoParams;

pub use self::activation::{LastConnection, NotTested, TenantInUse, change_once};
pub use self::client::{GivenClient, SecretBefore, trimmed};
pub use self::diagnoses::ConnectionTestBody;
use self::path::ConnectionPath;
pub use self::path::NoSuchConnection;
pub use self::refresh::{NothingToRefresh, refresh};
use self::requests::{CreateConnectionRequest, GivenProvider, UpdateConnectionRequest};
use self::responses::ConnectionPage;
pub use self::responses::{ConnectionBody, ConnectionWarning, Described};
pub use self::set_up::SetUpConnectionRequest;
pub use self::testing::{Incomplete, NoSuchTest};
use super::extract::idempotency;
use super::extract::reading::read_query;
use super::extract::{
    Guard, IdempotencyHeader, InOrganization, MetadataJson, OrganizationPath, Prepared, Query,
};
use super::page::{PageQuery, Paged};
use super::problem::{Problem, problems};
use super::refusals::{
    BodyErrors, InvalidName, NoFederationKey, OrganizationErrors, PageErrors, TooManyTries,
    refusal_of,
};
use crate::domain::connections::SamlSettings;
use crate::domain::ids::ConnectionId;
use crate::domain::known_provider::KnownProvider;
use crate::error::{Error, Result};
use crate::outbound::Asker;
use crate::services::authorization::{ManageConnections, Permission as _, Permit};
use crate::services::idempotency::StoredResponse;
use crate::services::sign_on_requirement::last_connection;
use crate::services::sso::changes;
use crate::services::sso::clients::{ConnectionView, unknown_app, view, views};
use crate::services::sso::connections::{self, would_lock_out};
use crate::services::sso::metadata::NewMetadata;

/// Mounts these operations.
pub fn mount(mounting: &mut Mounting<'_>) {
    operations!(
        mounting,
        create_connection,
        list_connections,
        get_connection,
        update_connection,
        delete_connection,
        activation::activate_connection,
        refresh::refresh_connection,
        activation::pause_connection
    );
    testing::mount(mounting);
    rules::mount(mounting);
}

problems! {
    /// Of an app that is named.
    UnusableApp: unknown_app;
    /// Of deleting.
    WouldLockOut: last_connection members_locked_out;
    MalformedForce: malformed_force;
}

fn malformed_force() -> Error {
    refusal_of(read_query::<DeleteConnectionQuery>("force=perhaps"))
}

fn members_locked_out() -> Error {
    would_lock_out(17)
}

/// Create a connection
///
/// A connection to an identity provider by OpenID Connect or SAML. It is a draft, which signs nobody in: register what
/// `service_provider` of the answer says at the identity provider, test the connection, then activate it. What the
/// identity provider says only after that, such as the client's id and secret, can follow by a change of the connection:
/// `missing` names what is yet to come. An organization has at most 50 connections; another one gets 422
/// `validation_failed`. Metadata of SAML is fetched from its address at most ten times an hour (`connection_test`).
#[utoipa::path(
    post,
    path = "/v1/organizations/{organization_id}/connections",
    tag = "Single sign-on",
    params(OrganizationPath, IdempotencyHeader),
    request_body = CreateConnectionRequest,
    responses(
        (status = 201, description = "The connection.", body = ConnectionBody),
        BodyErrors, OrganizationErrors, UnusableApp, InvalidName, NoFederationKey, TooManyTries
    ),
    extensions(("x-permission" = json!(ManageConnections::NAME)))
)]
async fn create_connection(
    request: InOrganization<ManageConnections>,
    idempotency::MetadataJson { idempotency, body }: idempotency::MetadataJson<
        CreateConnectionRequest,
    >,
) -> Result<HttpResponse, Problem> {
    let (parsed, provider) = body.parse()?;
    let provider = match provider {
        GivenProvider::Oidc(known) => {
            if known.shows_key() {
                request.clone().run(|_, _| Ok(())).await?;
                request.scope().state.require_federation_keys()?;
            }
            KnownProvider::Oidc(known)
        }
        GivenProvider::Saml(Some(metadata)) => {
            let prepared = request.clone().prepare(&idempotency, |_, _| Ok(()));
            if let Prepared::Replayed(execution) = prepared.await? {
                return Ok(execution.into());
            }
            KnownProvider::Saml(Some(read_metadata(&request, metadata).await?))
        }
        GivenProvider::Saml(None) => KnownProvider::Saml(None),
    };
    let new = parsed.with(provider);
    let described = Described::by(request.authenticated());
    request
        .run_once(idempotency, move |tx, permit| {
            let connection = connections::create(tx, &permit, new)?;
            let (organization, id) = (permit.organization.id, connection.id);
            let location = format!("/v1/organizations/{organization}/connections/{id}");
            StoredResponse::created(location, &described.connection(view(tx, connection)?)?)
        })
        .await
}

/// Reads the metadata of an identity provider for who may set connections up.
async fn read_metadata<G>(request: &G, metadata: NewMetadata) -> Result<SamlSettings>
where
    G: Guard<Permit = Permit<ManageConnections>> + Clone,
{
    let is_fetched = metadata.document.is_none();
    let organization = request
        .clone()
        .change(move |tx, permit| {
            connections::begin_metadata(tx, &permit, is_fetched)?;
            Ok(permit.organization.id.into())
        })
        .await?;
    let asker = Asker {
        organization,
        connection: organization,
    };
    let state = &request.scope().state;
    state.read_metadata(asker, metadata).await
}

/// List connections
///
/// The oldest first.
#[utoipa::path(
    get,
    path = "/v1/organizations/{organization_id}/connections",
    tag = "Single sign-on",
    params(OrganizationPath, PageQuery),
    responses(
        (status = 200, description = "A page.", body = ConnectionPage),
        PageErrors, OrganizationErrors
    ),
    extensions(("x-permission" = json!(ManageConnections::NAME)))
)]
async fn list_connections(
    http: HttpRequest,
    request: InOrganization<ManageConnections>,
    query: Query<PageQuery>,
) -> Result<HttpResponse, Problem> {
    let (limit, after) = (query.limit()?, query.after()?);
    let described = Described::by(request.authenticated());
    let found = request
        .run(move |tx, permit| {
            let found = connections::list(tx, &permit, limit.page(after))?;
            let bodies = views(tx, found)?
                .into_iter()
                .map(|one| described.connection(one));
            bodies.collect::<Result<Vec<_>>>()
        })
        .await?;
    let page = Paged::new(found, limit, |one| one.id, |one| one)?;
    Ok(page.respond(&http, ConnectionPage::new))
}

/// Get a connection
///
/// The client secret is never shown.
#[utoipa::path(
    get,
    path = "/v1/organizations/{organization_id}/connections/{connection_id}",
    tag = "Single sign-on",
    params(ConnectionPath),
    responses(
        (status = 200, description = "The connection.", body = ConnectionBody),
        OrganizationErrors, NoSuchConnection
    ),
    extensions(("x-permission" = json!(ManageConnections::NAME)))
)]
async fn get_connection(
    request: InOrganization<ManageConnections>,
    path: web::Path<ConnectionPath>,
) -> Result<web::Json<ConnectionBody>, Problem> {
    let id = path.connection_id;
    let described = Described::by(request.authenticated());
    let connection = request
        .run(move |tx, permit| {
            let connection = connections::find(tx, &permit, id)?;
            view(tx, connection)
        })
        .await?;
    Ok(web::Json(described.connection(connection)?))
}

/// Change a connection
///
/// Absent fields stay. A draft takes what the identity provider says bit by bit; once `missing` is empty, nothing of it can
/// be taken away any more. A change of what the identity provider is told or shows (issuer, tenant, client, metadata, source
/// of the subject) asks for a new test, ends tests that wait, and pauses an active connection: nobody signs in by a
/// provider that nobody has tested. A new secret, another way of authentication and metadata read again from its address
/// leave it active. Another issuer takes a secret of its own, since the one that is kept is not sent to it; where
/// a setup link named the issuer or the tenant last, a secret comes with the one that it is for. Metadata that takes the
/// place of a setup link's knows the people who came by certificates that it has; of others `same_provider` says. Metadata
/// of SAML is fetched from its address at most ten times an hour (`connection_test`).
#[utoipa::path(
    patch,
    path = "/v1/organizations/{organization_id}/connections/{connection_id}",
    tag = "Single sign-on",
    params(ConnectionPath),
    request_body = UpdateConnectionRequest,
    responses(
        (status = 200, description = "The connection as it is now.", body = ConnectionBody),
        BodyErrors, OrganizationErrors, NoSuchConnection, UnusableApp, InvalidName, LastConnection, NoFederationKey,
        TooManyTries
    ),
    extensions(("x-permission" = json!(ManageConnections::NAME)))
)]
async fn update_connection(
    request: InOrganization<ManageConnections>,
    path: web::Path<ConnectionPath>,
    body: MetadataJson<UpdateConnectionRequest>,
) -> Result<web::Json<ConnectionBody>, Problem> {
    let described = Described::by(request.authenticated());
    let connection = change_connection(request, path.connection_id, body.into_inner()).await?;
    Ok(web::Json(described.connection(connection)?))
}

/// Changes a connection for who may set it up, and gives it as it is then.
///
/// # Errors
/// `not_found`, `validation_failed`, `rate_limited`, and those of the guard.
pub async fn change_connection<G>(
    request: G,
    id: ConnectionId,
    body: UpdateConnectionRequest,
) -> Result<ConnectionView>
where
    G: Guard<Permit = Permit<ManageConnections>> + Clone,
{
    let known = request
        .clone()
        .run(move |tx, permit| connections::find(tx, &permit, id))
        .await?;
    body.require_good_fields(known.kind)?;
    if body.shows_key() {
        request.scope().state.require_federation_keys()?;
    }
    let read = match body.metadata(&known)? {
        Some(metadata) => Some(read_metadata(&request, metadata).await?),
        None => None,
    };
    request
        .change(move |tx, permit| {
            let known = connections::find(tx, &permit, id)?;
            let changes = body.clone().changes_of(&known, read.clone())?;
            let connection = changes::update(tx, &permit, (id, changes))?;
            view(tx, connection)
        })
        .await
}

/// Whether to delete all the same.
#[derive(Clone, Copy, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DeleteConnectionQuery {
    /// Delete it although members cannot sign in any more then.
    #[serde(default)]
    #[param(default = false)]
    force: bool,
}

/// Delete a connection
///
/// With the identities of its people; their sessions by it are not renewed any more. Where members whom the organization
/// manages have neither a password nor another identity, that is refused (`last_sign_in_method`), unless it is forced. So
/// is deleting the only active one where single sign-on is required, in any case.
#[utoipa::path(
    delete,
    path = "/v1/organizations/{organization_id}/connections/{connection_id}",
    tag = "Single sign-on",
    params(ConnectionPath, DeleteConnectionQuery),
    responses(
        (status = 204, description = "Deleted."),
        OrganizationErrors, MalformedForce, NoSuchConnection, WouldLockOut
    ),
    extensions(("x-permission" = json!(ManageConnections::NAME)))
)]
async fn delete_connection(
    request: InOrganization<ManageConnections>,
    path: web::Path<ConnectionPath>,
    query: Query<DeleteConnectionQuery>,
) -> Result<HttpResponse, Problem> {
    let (id, force) = (path.connection_id, query.into_inner().force);
    request
        .change(move |tx, permit| connections::delete(tx, &permit, (id, force)))
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

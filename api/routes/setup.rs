//! What a setup link opens (`docs/sso.md#setup-links`): its one connection, and the organization's domains.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::connections::{
    ConnectionBody, ConnectionTestBody, Described, Incomplete, LastConnection, NoSuchConnection,
    NoSuchTest, NotTested, NothingToRefresh, SetUpConnectionRequest, TenantInUse,
    change_connection, change_once, refresh,
};
use super::domains::{
    self as domain_routes, AddDomainErrors, CheckDomainErrors, DomainBody, DomainPage, parse_domain,
};
use super::extract::{
    BySetupLink, Guard as _, IdempotencyHeader, MetadataJson, NoBody, Query, idempotency,
};
use super::mounting::{Mounting, operations};
use super::names::OrganizationReference;
use super::page::PageQuery;
use super::problem::{Problem, problems};
use super::refusals::{
    BodyErrors, NoBodyErrors, NoFederationKey, NoSuchDomain, PageErrors, TooManyTries,
};
use crate::domain::domains::Joining;
use crate::domain::ids::{ConnectionId, DiagnosisId, DomainId};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::services::authentication::{setup_link_over, takes_a_setup_link};
use crate::services::authorization::{ManageConnections, ManageDomains};
use crate::services::domains::{self, NewDomain};
use crate::services::idempotency::StoredResponse;
use crate::services::sso::clients::view;
use crate::services::sso::setup_links::{self, paused};
use crate::services::sso::{diagnosis, testing};

/// Mounts these operations.
pub fn mount(mounting: &mut Mounting<'_>) {
    operations!(
        mounting,
        get_setup,
        update_setup,
        activate_setup,
        refresh_setup,
        test_setup,
        get_setup_test,
        list_setup_domains,
        add_setup_domain,
        get_setup_domain,
        check_setup_domain
    );
}

problems! {
    /// Of whatever takes a setup link.
    SetupErrors: takes_a_setup_link setup_link_over;
    /// Of the identity provider's values.
    InvalidProvider: no_issuer;
    /// Of activating.
    Paused: paused;
}

fn no_issuer() -> Error {
    let detail = "Expected the address of an issuer, as the identity provider writes it.";
    Error::invalid("/issuer", "invalid", detail)
}

/// What is to be set up.
#[derive(Serialize, ToSchema)]
#[schema(as = Setup, examples(json!({
    "organization": { "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11", "name": "Hill Road School" },
    "connection": {
        "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c12",
        "name": "School accounts",
        "kind": "oidc",
        "preset": "generic",
        "status": "draft",
        "tested_at": null,
        "subject_source": "sub",
        "rules": [],
        "apply": "first",
        "arrivals": "everyone",
        "session_hours": 168,
        "has_client_secret": false,
        "client_secret_expires_at": null,
        "service_provider": {
            "redirect_uri": "https://rollcall.school.example/v1/sso/callback/01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c12",
            "post_logout_redirect_uri": "https://app.school.example/sign-in",
            "backchannel_logout_uri": "https://rollcall.school.example/v1/sso/backchannel-logout/01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c12",
            "jwks_uri": "https://rollcall.school.example/v1/lti/jwks",
            "initiate_uri": "https://rollcall.school.example/v1/sso/initiate/01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c12",
            "entity_id": null,
            "acs_url": null,
            "metadata_url": null
        },
        "identity_provider": {
            "issuer": "https://login.school.example",
            "tenant": null,
            "app": null,
            "client_id": null,
            "client_authentication": "client_secret_basic",
            "metadata_url": null,
            "entity_id": null,
            "sign_in_location": null,
            "certificates": null,
            "metadata_valid_until": null
        },
        "missing": ["client_id", "client_secret"],
        "warnings": [],
        "created_at": "2026-09-01T07:30:00Z"
    },
    "expires_at": "2026-09-08T07:30:00Z"
})))]
pub struct SetupBody {
    organization: OrganizationReference,
    connection: ConnectionBody,
    /// Until when the link works.
    expires_at: Timestamp,
}

/// The test that a request is about.
#[derive(Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct SetupTestPath {
    /// The test.
    test_id: DiagnosisId,
}

/// The domain that a request is about.
#[derive(Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct SetupDomainPath {
    /// The domain.
    domain_id: DomainId,
}

/// A domain that is to be proven.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "domain": "school.example" })))]
pub struct AddSetupDomainRequest {
    /// What stands behind the `@` of an address.
    #[schema(max_length = 1000)]
    domain: String,
}

/// Get what is to be set up
///
/// Whose connection it is, what to register at the identity provider (`service_provider`), what is known of it, and what is
/// yet to be sent (`missing`).
#[utoipa::path(
    get,
    path = "/v1/setup",
    tag = "Setting up by a link",
    security(("setup_link" = [])),
    responses(
        (status = 200, description = "The set-up.", body = SetupBody),
        SetupErrors, NoSuchConnection
    )
)]
async fn get_setup(
    request: BySetupLink<ManageConnections>,
) -> Result<web::Json<SetupBody>, Problem> {
    let described = Described::of(request.scope());
    let setup = request
        .change(move |tx, permit| {
            let (link, connection) = setup_links::open(tx, &permit)?;
            let organization = permit.organization;
            Ok(SetupBody {
                organization: (organization.id, organization.name).into(),
                connection: described.connection(view(tx, connection)?)?,
                expires_at: link.expires_at,
            })
        })
        .await?;
    Ok(web::Json(setup))
}

/// Change what is to be set up
///
/// The identity provider's values, all at once or bit by bit: absent fields stay, and `missing` names what is yet to come. A
/// change asks for a new test before the connection can be
/// activated. Whom it lets in, and for how long, the organization decides. Where single sign-on is required, the only
/// connection keeps its provider (`last_sign_in_method`).
#[utoipa::path(
    patch,
    path = "/v1/setup",
    tag = "Setting up by a link",
    security(("setup_link" = [])),
    request_body = SetUpConnectionRequest,
    responses(
        (status = 200, description = "The connection as it is now.", body = ConnectionBody),
        BodyErrors, SetupErrors, NoSuchConnection, InvalidProvider, NoFederationKey, LastConnection, TooManyTries
    )
)]
async fn update_setup(
    request: BySetupLink<ManageConnections>,
    body: MetadataJson<SetUpConnectionRequest>,
) -> Result<web::Json<ConnectionBody>, Problem> {
    let described = Described::of(request.scope());
    let id = connection_of(&request).await?;
    let connection = change_connection(request, id, body.into_inner().into()).await?;
    Ok(web::Json(described.connection(connection)?))
}

/// Activate what was set up
///
/// From now on people sign in by it. It takes a test that has passed (`connection_not_tested`). A connection that an
/// admin has paused stays so.
#[utoipa::path(
    post,
    path = "/v1/setup/activate",
    tag = "Setting up by a link",
    security(("setup_link" = [])),
    params(IdempotencyHeader),
    responses(
        (status = 200, description = "The connection as it is now.", body = ConnectionBody),
        SetupErrors, NoSuchConnection, NotTested, TenantInUse, Paused
    )
)]
async fn activate_setup(
    request: BySetupLink<ManageConnections>,
    idempotency::NoBody(idempotency): idempotency::NoBody,
) -> Result<HttpResponse, Problem> {
    change_once(request, idempotency, setup_links::activate).await
}

/// Refresh what was set up
///
/// Reads anew what the identity provider publishes, as happens daily: its metadata from its address by SAML, its document of
/// discovery and its keys by OpenID Connect. So a new certificate counts before it is used. Where it cannot be read, what
/// was read before stays, and `warnings` tell. At most ten times an hour (`connection_test`).
#[utoipa::path(
    post,
    path = "/v1/setup/refresh",
    tag = "Setting up by a link",
    security(("setup_link" = [])),
    responses(
        (status = 200, description = "The connection as it is now.", body = ConnectionBody),
        NoBodyErrors, SetupErrors, NoSuchConnection, Incomplete, NothingToRefresh, TooManyTries
    )
)]
async fn refresh_setup(
    request: BySetupLink<ManageConnections>,
    _: NoBody,
) -> Result<web::Json<ConnectionBody>, Problem> {
    let id = connection_of(&request).await?;
    Ok(web::Json(refresh(request, id).await?))
}

/// The connection that a link is for.
async fn connection_of(request: &BySetupLink<ManageConnections>) -> Result<ConnectionId> {
    request
        .clone()
        .run(|tx, _| Ok(tx.context.principal.setup_link()?.connection_id))
        .await
}

/// Test what was set up
///
/// Open `start_url` in a browser within the hour, and sign in at the identity provider: the test signs nobody in and
/// changes nothing. At most ten tests an hour (`connection_test`).
#[utoipa::path(
    post,
    path = "/v1/setup/tests",
    tag = "Setting up by a link",
    security(("setup_link" = [])),
    params(IdempotencyHeader),
    responses(
        (status = 201, description = "The test, which waits to be made.", body = ConnectionTestBody),
        SetupErrors, NoSuchConnection, Incomplete, TooManyTries
    )
)]
async fn test_setup(
    request: BySetupLink<ManageConnections>,
    idempotency::NoBody(idempotency): idempotency::NoBody,
) -> Result<HttpResponse, Problem> {
    let described = Described::of(request.scope());
    request
        .run_once(idempotency, move |tx, permit| {
            let id = tx.context.principal.setup_link()?.connection_id;
            let test = testing::create(tx, &permit, id)?;
            let location = format!("/v1/setup/tests/{}", test.id);
            StoredResponse::created(location, &described.test(test, None)?)
        })
        .await
}

/// Get a test of what was set up
///
/// For an hour: the steps that were checked, and what the identity provider said. A link shows no people: the steps end
/// where Rollcall looks for the person (`identity`), and `would` is `null`. Admins read on by the test's `id`.
#[utoipa::path(
    get,
    path = "/v1/setup/tests/{test_id}",
    tag = "Setting up by a link",
    security(("setup_link" = [])),
    params(SetupTestPath),
    responses(
        (status = 200, description = "The test.", body = ConnectionTestBody),
        SetupErrors, NoSuchTest
    )
)]
async fn get_setup_test(
    request: BySetupLink<ManageConnections>,
    path: web::Path<SetupTestPath>,
) -> Result<web::Json<ConnectionTestBody>, Problem> {
    let test = path.test_id;
    let described = Described::of(request.scope());
    let (test, claims) = request
        .run(move |tx, permit| {
            let id = tx.context.principal.setup_link()?.connection_id;
            let test = testing::find(tx, &permit, (id, test))?;
            let claims = diagnosis::claims_of(tx, &test)?;
            Ok((test, claims))
        })
        .await?;
    Ok(web::Json(described.test(test, claims)?.without_people()))
}

/// List email domains by a link
///
/// Those of the organization, in the order in which they were added.
#[utoipa::path(
    get,
    path = "/v1/setup/domains",
    tag = "Setting up by a link",
    security(("setup_link" = [])),
    params(PageQuery),
    responses(
        (status = 200, description = "A page.", body = DomainPage),
        PageErrors, SetupErrors
    )
)]
async fn list_setup_domains(
    http: HttpRequest,
    request: BySetupLink<ManageDomains>,
    query: Query<PageQuery>,
) -> Result<HttpResponse, Problem> {
    domain_routes::list(&http, request, &query).await
}

/// Add an email domain by a link
///
/// Publish its `record`, then ask for a check. Nobody joins by it (`closed`) unless an admin says otherwise, and people
/// come in by it at the connection of the link only (`counts_only_at`), until an admin changes or checks it.
#[utoipa::path(
    post,
    path = "/v1/setup/domains",
    tag = "Setting up by a link",
    security(("setup_link" = [])),
    params(IdempotencyHeader),
    responses(
        (status = 201, description = "The domain.", body = DomainBody),
        BodyErrors, SetupErrors, AddDomainErrors
    )
)]
async fn add_setup_domain(
    request: BySetupLink<ManageDomains>,
    idempotency::Json { idempotency, body }: idempotency::Json<AddSetupDomainRequest>,
) -> Result<HttpResponse, Problem> {
    let new = NewDomain {
        domain: parse_domain(&body.domain)?,
        joining: Joining::Closed,
    };
    request
        .run_once(idempotency, move |tx, permit| {
            let domain = domains::add(tx, &permit, new)?;
            let location = format!("/v1/setup/domains/{}", domain.id);
            StoredResponse::created(location, &DomainBody::from(domain))
        })
        .await
}

/// Get an email domain by a link
///
/// With the record that proves it.
#[utoipa::path(
    get,
    path = "/v1/setup/domains/{domain_id}",
    tag = "Setting up by a link",
    security(("setup_link" = [])),
    params(SetupDomainPath),
    responses(
        (status = 200, description = "The domain.", body = DomainBody),
        SetupErrors, NoSuchDomain
    )
)]
async fn get_setup_domain(
    request: BySetupLink<ManageDomains>,
    path: web::Path<SetupDomainPath>,
) -> Result<web::Json<DomainBody>, Problem> {
    domain_routes::find(request, path.domain_id).await
}

/// Check an email domain by a link
///
/// Asks name servers for the record: a domain whose record is there is proven. Each domain has six checks an hour.
#[utoipa::path(
    post,
    path = "/v1/setup/domains/{domain_id}/check",
    tag = "Setting up by a link",
    security(("setup_link" = [])),
    params(SetupDomainPath),
    responses(
        (status = 200, description = "The domain, which is proven.", body = DomainBody),
        NoBodyErrors, SetupErrors, NoSuchDomain, TooManyTries, CheckDomainErrors
    )
)]
async fn check_setup_domain(
    request: BySetupLink<ManageDomains>,
    path: web::Path<SetupDomainPath>,
    _: NoBody,
) -> Result<web::Json<DomainBody>, Problem> {
    domain_routes::check(request, path.domain_id).await
}

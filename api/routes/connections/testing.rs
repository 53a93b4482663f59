//! Tests of connections, and the diagnoses of those who came.

use crate::routes::mounting::{Mounting, operations};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use utoipa::IntoParams;

use super::diagnoses::{ConnectionTestBody, DiagnosisBody, DiagnosisPage};
use super::path::{ConnectionPath, NoSuchConnection};
use super::responses::Described;
use crate::domain::ids::{ConnectionId, DiagnosisId, OrganizationId};
use crate::domain::known_provider::ProviderField;
use crate::error::{Error, Result};
use crate::routes::extract::idempotency::NoBody;
use crate::routes::extract::{
    Guard as _, IdempotencyHeader, InOrganization, OrganizationPath, Query,
};
use crate::routes::page::{PageQuery, Paged};
use crate::routes::problem::{Problem, problems};
use crate::routes::refusals::{OrganizationErrors, PageErrors, TooManyTries};
use crate::services::authorization::{ManageConnections, Permission as _};
use crate::services::idempotency::StoredResponse;
use crate::services::sso::settings::incomplete;
use crate::services::sso::{diagnosis, testing};

/// Mounts these operations.
pub fn mount(mounting: &mut Mounting<'_>) {
    operations!(
        mounting,
        test_connection,
        get_connection_test,
        list_diagnoses,
        get_diagnosis
    );
}

problems! {
    /// Of testing and refreshing.
    Incomplete: provider_unknown;
    /// Where there is no such test.
    NoSuchTest: no_such_test;
    /// Where there is no such diagnosis.
    NoSuchDiagnosis: no_such_diagnosis;
}

fn provider_unknown() -> Error {
    incomplete(&[ProviderField::ClientId, ProviderField::ClientSecret])
}

fn no_such_test() -> Error {
    Error::not_found("test")
}

fn no_such_diagnosis() -> Error {
    Error::not_found("diagnosis")
}

/// The test that a request is about.
#[derive(Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct TestPath {
    /// The organization.
    #[expect(dead_code, reason = "the document names it; the guard reads it itself")]
    organization_id: OrganizationId,
    /// The connection.
    connection_id: ConnectionId,
    /// The test.
    test_id: DiagnosisId,
}

/// The diagnosis that a request is about.
#[derive(Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct DiagnosisPath {
    /// The organization.
    #[expect(dead_code, reason = "the document names it; the guard reads it itself")]
    organization_id: OrganizationId,
    /// What the person reads out.
    #[param(max_length = 100)]
    reference: String,
}

/// Test a connection
///
/// Open `start_url` in a browser within the hour, and sign in at the identity provider: the test signs nobody in and
/// changes nothing, and tells what was checked and what a sign-in would have done. The browser ends at
/// `<spa>/sign-in/tested?test=<id>`, whose page reads the test. At most ten tests an hour
/// (`connection_test`).
#[utoipa::path(
    post,
    path = "/v1/organizations/{organization_id}/connections/{connection_id}/tests",
    tag = "Single sign-on",
    params(ConnectionPath, IdempotencyHeader),
    responses(
        (status = 201, description = "The test, which waits to be made.", body = ConnectionTestBody),
        OrganizationErrors, NoSuchConnection, Incomplete, TooManyTries
    ),
    extensions(("x-permission" = json!(ManageConnections::NAME)))
)]
async fn test_connection(
    request: InOrganization<ManageConnections>,
    path: web::Path<ConnectionPath>,
    NoBody(idempotency): NoBody,
) -> Result<HttpResponse, Problem> {
    let id = path.connection_id;
    let described = Described::by(request.authenticated());
    request
        .run_once(idempotency, move |tx, permit| {
            let test = testing::create(tx, &permit, id)?;
            let (organization, test_id) = (permit.organization.id, test.id);
            let location =
                format!("/v1/organizations/{organization}/connections/{id}/tests/{test_id}");
            StoredResponse::created(location, &described.test(test, None)?)
        })
        .await
}

/// Get a test of a connection
///
/// For an hour: the steps that were checked, what the identity provider said, and what a sign-in would have done.
#[utoipa::path(
    get,
    path = "/v1/organizations/{organization_id}/connections/{connection_id}/tests/{test_id}",
    tag = "Single sign-on",
    params(TestPath),
    responses(
        (status = 200, description = "The test.", body = ConnectionTestBody),
        OrganizationErrors, NoSuchTest
    ),
    extensions(("x-permission" = json!(ManageConnections::NAME)))
)]
async fn get_connection_test(
    request: InOrganization<ManageConnections>,
    path: web::Path<TestPath>,
) -> Result<web::Json<ConnectionTestBody>, Problem> {
    let of = (path.connection_id, path.test_id);
    let described = Described::by(request.authenticated());
    let (test, claims) = request
        .run(move |tx, permit| {
            let test = testing::find(tx, &permit, of)?;
            let claims = diagnosis::claims_of(tx, &test)?;
            Ok((test, claims))
        })
        .await?;
    Ok(web::Json(described.test(test, claims)?))
}

/// List diagnoses
///
/// What was checked when people came by single sign-on in the last week, the newest first.
#[utoipa::path(
    get,
    path = "/v1/organizations/{organization_id}/diagnoses",
    tag = "Single sign-on",
    params(OrganizationPath, PageQuery),
    responses(
        (status = 200, description = "A page.", body = DiagnosisPage),
        PageErrors, OrganizationErrors
    ),
    extensions(("x-permission" = json!(ManageConnections::NAME)))
)]
async fn list_diagnoses(
    http: HttpRequest,
    request: InOrganization<ManageConnections>,
    query: Query<PageQuery>,
) -> Result<HttpResponse, Problem> {
    let (limit, after) = (query.limit()?, query.after()?);
    let found = request
        .run(move |tx, permit| {
            let found = diagnosis::list(tx, &permit, limit.page(after))?;
            let bodies = found.into_iter().map(DiagnosisBody::try_from);
            bodies.collect::<Result<Vec<_>>>()
        })
        .await?;
    let page = Paged::new(found, limit, |one| one.id, |one| one)?;
    Ok(page.respond(&http, DiagnosisPage::new))
}

/// Get a diagnosis
///
/// By the reference that the person was shown.
#[utoipa::path(
    get,
    path = "/v1/organizations/{organization_id}/diagnoses/{reference}",
    tag = "Single sign-on",
    params(DiagnosisPath),
    responses(
        (status = 200, description = "The diagnosis.", body = DiagnosisBody),
        OrganizationErrors, NoSuchDiagnosis
    ),
    extensions(("x-permission" = json!(ManageConnections::NAME)))
)]
async fn get_diagnosis(
    request: InOrganization<ManageConnections>,
    path: web::Path<DiagnosisPath>,
) -> Result<web::Json<DiagnosisBody>, Problem> {
    let reference = path.into_inner().reference;
    let found = request
        .run(move |tx, permit| diagnosis::find(tx, &permit, &reference))
        .await?;
    Ok(web::Json(found.try_into()?))
}

//! Where browsers come to on a round trip. They are sent on, and never shown a problem in JSON.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, get, web};
use serde::Deserialize;
use utoipa::IntoParams;

use super::start::authorization_url;
use crate::domain::connections::FlowPurpose;
use crate::domain::diagnosis::{StepName, Steps};
use crate::domain::ids::{ConnectionId, DiagnosisId};
use crate::error::{Code, Result};
use crate::oidc::callback::Callback;
use crate::routes::extract::{Anonymous, ClientAddress, Guard as _, Query, RequestScope};
use crate::routes::problem::Problem;
use crate::services::limits::Limit;
use crate::services::sso::arrival::{Arrival, Carried};
use crate::services::sso::flows::{self, NewFlow, TakenFlow};
use crate::services::sso::{diagnosis, testing};
use crate::state::State;
use crate::state::identity_providers::Halt;

/// The connection that somebody comes by.
#[derive(Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct CameBy {
    /// The connection.
    connection_id: ConnectionId,
}

/// The test that somebody makes.
#[derive(Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct InitiateQuery {
    /// The reference of a test, as its `start_url` has it.
    #[param(max_length = 100)]
    test: Option<String>,
}

/// Complete a sign-in at an identity provider
///
/// For browsers only. Sends the browser on to the single-page app: with a ticket in the fragment, or with `problem` and
/// `reference`. A response that belongs to no sign-in which is under way signs nobody in: the app is asked to start one.
#[utoipa::path(
    tag = "Single sign-on",
    security(()),
    params(CameBy),
    responses((
        status = 303,
        description = "To the single-page app.",
        headers(("Location" = String, description = "Where to go."))
    ))
)]
#[get("/v1/sso/callback/{connection_id}")]
pub(super) async fn complete_sign_in(
    request: Anonymous,
    http: HttpRequest,
    path: web::Path<CameBy>,
) -> Result<HttpResponse, Problem> {
    let id = path.connection_id;
    let callback = Callback::read(http.query_string()).unwrap_or_default();
    let state = callback.state.clone().unwrap_or_default();
    let scope = request.scope().clone();
    let taken = request
        .run(move |tx, ()| flows::take(tx, id, &state))
        .await?;
    let Some(flow) = taken else {
        return Ok(send_to(scope.state.services.outbox.links.start(id)));
    };
    let mut steps = Steps::default();
    let came = scope.state.identify(&flow, callback, &mut steps).await;
    let target = match (came, flow.purpose) {
        (Err(Halt::Fault(error)), _) => return Err(error.into()),
        (Ok(arrival), FlowPurpose::Test) => passed(&scope, flow, (arrival, steps)).await?,
        (Err(Halt::Refused), FlowPurpose::Test) => failed(&scope, flow, steps).await?,
        (Ok(arrival), FlowPurpose::SignIn | FlowPurpose::Link | FlowPurpose::StepUp) => {
            let steps = steps.into_vec();
            let state = &scope.state;
            let ticket = state
                .unit_of_work_as_system(move |tx| flows::issue_ticket(tx, flow, (arrival, steps)))
                .await?;
            scope.state.services.outbox.links.ticket(&ticket)
        }
        (Err(Halt::Refused), FlowPurpose::SignIn | FlowPurpose::Link | FlowPurpose::StepUp) => {
            refused(&scope, flow, steps).await?
        }
    };
    Ok(send_to(target))
}

async fn passed(scope: &RequestScope, flow: TakenFlow, came: (Arrival, Steps)) -> Result<String> {
    let state = &scope.state;
    state
        .unit_of_work_as_system(move |tx| testing::pass(tx, &flow, came))
        .await?;
    Ok(state.services.outbox.links.tested())
}

async fn failed(scope: &RequestScope, flow: TakenFlow, steps: Steps) -> Result<String> {
    let state = &scope.state;
    let code = code_of(&steps).to_string();
    state
        .unit_of_work_as_system(move |tx| testing::fail(tx, &flow, steps, &code))
        .await?;
    Ok(state.services.outbox.links.tested())
}

async fn refused(scope: &RequestScope, flow: TakenFlow, steps: Steps) -> Result<String> {
    let state = &scope.state;
    let code = code_of(&steps).to_string();
    let kept = {
        let code = code.clone();
        state.unit_of_work_as_system(move |tx| {
            let about = (&flow.connection, flow.purpose);
            diagnosis::keep_refusal(tx, about, (steps, &[]), &code)
        })
    };
    let reference = kept.await?;
    Ok(state
        .services
        .outbox
        .links
        .sign_in_problem(&code, &reference))
}

/// The code of an arrival that was refused, by the step that it was refused at.
fn code_of(steps: &Steps) -> Code {
    let last = steps.as_slice().last().map(|step| step.name);
    match last {
        Some(StepName::Discovery | StepName::Keys) => Code::IdentityProviderUnreachable,
        Some(StepName::Authorization | StepName::TokenRequest) => Code::IdentityProviderRefused,
        Some(StepName::Subject) => Code::SubjectMissing,
        Some(StepName::Tenant) => Code::TenantWrong,
        Some(_) | None => Code::ResponseInvalid,
    }
}

/// Start by a connection
///
/// For browsers only: a tile of a portal leads here, and the single-page app is asked to start a sign-in; or the
/// `start_url` of a test, which goes on to the identity provider.
#[utoipa::path(
    tag = "Single sign-on",
    security(()),
    params(CameBy, InitiateQuery),
    responses((
        status = 303,
        description = "To the single-page app, or to the identity provider.",
        headers(("Location" = String, description = "Where to go."))
    ))
)]
#[get("/v1/sso/initiate/{connection_id}")]
pub(super) async fn initiate_sign_in(
    request: Anonymous,
    ClientAddress(client): ClientAddress,
    path: web::Path<CameBy>,
    query: Query<InitiateQuery>,
) -> Result<HttpResponse, Problem> {
    let id = path.connection_id;
    let scope = request.scope().clone();
    let links = &scope.state.services.outbox.links;
    let Some(reference) = query.into_inner().test else {
        return Ok(send_to(links.start(id)));
    };
    let begun = request
        .run(move |tx, ()| {
            flows::count(tx, &client)?;
            // Browsers are told nothing of limits.
            tx.context.limit_states.forget(&[Limit::SignInFlow]);
            let Some((connection, test)) = testing::begin(tx, id, &reference)? else {
                return Ok(None);
            };
            let opened = flows::open(tx, &connection, of_test(test.id))?;
            Ok(Some((connection, opened)))
        })
        .await?;
    let Some((connection, opened)) = begun else {
        return Ok(send_to(links.tested()));
    };
    match authorization_url(&scope, &connection, (&opened, None)).await {
        Ok(url) => Ok(send_to(url)),
        Err(error) if error.code() == Code::IdentityProviderUnreachable => {
            fail_unreachable(&scope.state, id, opened.state.reveal()).await?;
            Ok(send_to(links.tested()))
        }
        Err(error) => Err(error.into()),
    }
}

/// A test whose provider cannot be reached has failed.
async fn fail_unreachable(state: &State, id: ConnectionId, flow: &str) -> Result<()> {
    let flow = flow.to_owned();
    let taken = state
        .unit_of_work_as_system(move |tx| flows::take(tx, id, &flow))
        .await?;
    let Some(flow) = taken else {
        return Ok(());
    };
    let settings = crate::services::sso::connections::oidc_settings(&flow.connection)?;
    let mut steps = Steps::default();
    // Asked again: what it says is the step of the test.
    let _ = state.provider(id, &settings, &mut steps).await;
    let code = Code::IdentityProviderUnreachable.to_string();
    state
        .unit_of_work_as_system(move |tx| testing::fail(tx, &flow, steps, &code))
        .await
}

/// A test needs no ticket, and so no verifier: none has an empty challenge.
fn of_test(test: DiagnosisId) -> NewFlow {
    NewFlow {
        purpose: FlowPurpose::Test,
        challenge: String::new(),
        carried: Carried::default(),
        test: Some(test),
    }
}

/// Sends a browser on. What it is sent with is nobody's to keep or to read along.
fn send_to(target: String) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((header::LOCATION, target))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .finish()
}

//! Where browsers come to on a round trip. They are sent on, and never shown a problem in JSON.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, get, web};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::crypto::token::Token;
use crate::domain::connections::{FlowPurpose, ProviderSettings};
use crate::domain::diagnosis::{StepName, Steps};
use crate::domain::ids::{ConnectionId, DiagnosisId};
use crate::error::{Code, Result};
use crate::oidc::callback::Callback;
use crate::routes::extract::{Anonymous, ClientAddress, Guard as _, Query, RequestScope};
use crate::routes::problem::Problem;
use crate::services::limits::Limit;
use crate::services::sso::arrival::{Arrival, Carried};
use crate::services::sso::diagnosis;
use crate::services::sso::flows::{self, NewFlow, TakenFlow};
use crate::services::sso::settings::provider_settings;
use crate::services::sso::testing::{self, Failure};
use crate::services::unit_of_work::UnitOfWork;
use crate::state::State;
use crate::state::identity_providers::Halt;

/// The connection that somebody comes by.
#[derive(Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct CameBy {
    /// The connection.
    pub connection_id: ConnectionId,
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
    let ProviderSettings::Oidc(settings) = provider_settings(&flow.connection)? else {
        return Ok(send_to(scope.state.services.outbox.links.start(id)));
    };
    let mut steps = Steps::default();
    let about = (&flow, &settings);
    let came = scope
        .state
        .identify_by_oidc(about, callback, &mut steps)
        .await;
    arrive(&scope, flow, (came, steps)).await
}

/// Sends the browser of somebody on who came back, or did not.
pub(super) async fn arrive(
    scope: &RequestScope,
    flow: TakenFlow,
    (came, steps): (Result<Arrival, Halt>, Steps),
) -> Result<HttpResponse, Problem> {
    let failure = match came {
        Ok(arrival) if flow.purpose == FlowPurpose::Test => {
            return Ok(send_to(passed(scope, flow, (arrival, steps)).await?));
        }
        Ok(arrival) => {
            let ticket = issue_ticket(&scope.state, flow, (arrival, steps)).await?;
            return Ok(send_to(scope.state.services.outbox.links.ticket(&ticket)));
        }
        Err(Halt::Fault(error)) => return Err(error.into()),
        Err(Halt::Refused) => Failure {
            code: code_of(&steps),
            claims: None,
            steps,
        },
        Err(Halt::Unnamed { code, claims }) => Failure {
            code,
            claims: Some(claims),
            steps,
        },
    };
    let target = match flow.purpose {
        FlowPurpose::Test => failed(scope, flow, failure).await?,
        FlowPurpose::SignIn | FlowPurpose::Link | FlowPurpose::StepUp => {
            refused(scope, flow, failure).await?
        }
    };
    Ok(send_to(target))
}

async fn issue_ticket(
    state: &State,
    flow: TakenFlow,
    (arrival, steps): (Arrival, Steps),
) -> Result<Token> {
    let came = (arrival, steps.into_vec());
    state
        .unit_of_work_as_system(move |tx| flows::issue_ticket(tx, flow, came))
        .await
}

async fn passed(scope: &RequestScope, flow: TakenFlow, came: (Arrival, Steps)) -> Result<String> {
    let state = &scope.state;
    state
        .unit_of_work_as_system(move |tx| testing::pass(tx, &flow, came))
        .await?;
    Ok(state.services.outbox.links.tested())
}

async fn failed(scope: &RequestScope, flow: TakenFlow, failure: Failure) -> Result<String> {
    let state = &scope.state;
    state
        .unit_of_work_as_system(move |tx| testing::fail(tx, &flow, failure))
        .await?;
    Ok(state.services.outbox.links.tested())
}

async fn refused(scope: &RequestScope, flow: TakenFlow, failure: Failure) -> Result<String> {
    let state = &scope.state;
    let code = failure.code.to_string();
    let kept = {
        let code = code.clone();
        let names: Vec<String> = failure
            .claims
            .into_iter()
            .flatten()
            .map(|it| it.0)
            .collect();
        state.unit_of_work_as_system(move |tx| {
            let about = (&flow.connection, flow.purpose);
            diagnosis::keep_refusal(tx, about, (failure.steps, &names), &code)
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
        Some(StepName::Authorization | StepName::TokenRequest | StepName::Status) => {
            Code::IdentityProviderRefused
        }
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
    let mut steps = Steps::default();
    let trip = (&opened, None);
    let url = scope
        .state
        .authorization_url(&connection, trip, &mut steps)
        .await;
    match url {
        Ok(url) => Ok(send_to(url)),
        Err(Halt::Fault(error)) => Err(error.into()),
        Err(Halt::Refused | Halt::Unnamed { .. }) => {
            let state = opened.state.reveal().to_owned();
            let failure = Failure {
                code: Code::IdentityProviderUnreachable,
                claims: None,
                steps,
            };
            let tested = links.tested();
            fail_test(&scope.state, (id, state), failure).await?;
            Ok(send_to(tested))
        }
    }
}

/// A test whose provider cannot be reached has failed.
async fn fail_test(
    state: &State,
    (id, flow): (ConnectionId, String),
    failure: Failure,
) -> Result<()> {
    let fail = move |tx: &mut UnitOfWork<'_>| match flows::take(tx, id, &flow)? {
        Some(flow) => testing::fail(tx, &flow, failure),
        None => Ok(()),
    };
    state.unit_of_work_as_system(fail).await
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
pub(super) fn send_to(target: String) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((header::LOCATION, target))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .finish()
}

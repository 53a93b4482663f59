//! Where browsers come back to from an identity provider.

use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::browser::{is_head, sent};
use super::unreadable::{ReadBody, is_unreadable, unreadable};
use crate::crypto::token::Token;
use crate::domain::connections::{FlowPurpose, ProviderSettings};
use crate::domain::diagnosis::{StepName, Steps};
use crate::domain::ids::{CallbackId, ConnectionId};
use crate::error::{Code, Result};
use crate::oidc::callback::Callback;
use crate::routes::extract::{Anonymous, Guard as _, RequestScope};
use crate::services::sso::arrival::Arrival;
use crate::services::sso::diagnosis;
use crate::services::sso::flows::{self, TakenFlow};
use crate::services::sso::settings::provider_settings;
use crate::services::sso::testing::{self, Failure};
use crate::state::State;
use crate::state::identity_providers::IdentityProviderError;

/// Where somebody comes back to.
#[derive(Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct CallbackPath {
    /// The connection, or the operator's app whose client it has.
    #[param(value_type = ConnectionId)]
    #[expect(
        dead_code,
        reason = "the document names it; the handler reads it itself"
    )]
    connection_or_app: CallbackId,
}

/// The place of the path that somebody comes back to.
fn place_of(http: &HttpRequest) -> Result<CallbackId> {
    let named = http
        .match_info()
        .get("connection_or_app")
        .unwrap_or_default();
    named.parse().map_err(|_| flows::unknown())
}

/// Complete a sign-in at an identity provider
///
/// For browsers only. Sends the browser on to the single-page app: with a ticket in the fragment, or with `problem` and
/// `reference`. A response that belongs to no sign-in which is under way signs nobody in: the app is asked to start one,
/// or by an operator's app, to ask by what. One that comes by another method is `response_invalid`.
///
/// `problem` is one of `identity_provider_refused` (the person declined, or may not use the application),
/// `identity_provider_unreachable`, `response_invalid` (what came does not hold), `subject_missing` (it names nobody),
/// `tenant_wrong` (the person is of another tenant) and `connection_unknown`; `unavailable` and `internal` are faults of this
/// installation. Why, the admins read by the `reference`. What else keeps somebody out, the app learns when it exchanges the
/// ticket.
#[utoipa::path(
    get,
    path = "/v1/sso/callback/{connection_or_app}",
    tag = "Single sign-on",
    security(()),
    params(CallbackPath),
    responses((
        status = 303,
        description = "To the single-page app.",
        headers(("Location" = String, description = "Where to go."))
    ))
)]
pub(super) async fn complete_sign_in(
    request: Anonymous,
    http: HttpRequest,
    body: ReadBody,
) -> HttpResponse {
    let scope = request.scope().clone();
    let ended = match place_of(&http) {
        Ok(_) if is_unreadable(&http, &body) => Err(unreadable()),
        Ok(place) if is_head(&http) => start_at(request, place).await,
        Ok(place) => complete(request, place, http.query_string()).await,
        Err(unknown) => Err(unknown),
    };
    sent(&scope, ended)
}

/// Where a sign-in starts anew of somebody who came back to this place. Of an app it is not known by which connection.
async fn start_at(request: Anonymous, place: CallbackId) -> Result<String> {
    let links = request.scope().state.services.outbox.links.clone();
    let is_of_app = request
        .run(move |tx, ()| flows::is_of_app(tx, place))
        .await?;
    Ok(if is_of_app {
        links.ways_in()
    } else {
        links.start(Uuid::from(place).into())
    })
}

/// Where a flow by OpenID Connect ends.
async fn complete(request: Anonymous, place: CallbackId, query: &str) -> Result<String> {
    let callback = Callback::read(query).unwrap_or_default();
    let state = callback.state.clone().unwrap_or_default();
    let scope = request.scope().clone();
    let taken = request
        .clone()
        .run(move |tx, ()| flows::take(tx, place, &state))
        .await?;
    let Some(flow) = taken else {
        return start_at(request, place).await;
    };
    let ProviderSettings::Oidc(settings) = provider_settings(&flow.connection)? else {
        return start_at(request, place).await;
    };
    let mut steps = Steps::default();
    let about = (&flow, &settings);
    let came = scope
        .state
        .identify_by_oidc(about, callback, &mut steps)
        .await;
    arrive(&scope, flow, (came, steps)).await
}

/// Where the browser goes of somebody who came back, or did not.
pub(super) async fn arrive(
    scope: &RequestScope,
    flow: TakenFlow,
    (came, steps): (Result<Arrival, IdentityProviderError>, Steps),
) -> Result<String> {
    let failure = match came {
        Ok(arrival) if flow.purpose == FlowPurpose::Test => {
            return passed(scope, flow, (arrival, steps)).await;
        }
        Ok(arrival) => {
            let ticket = issue_ticket(&scope.state, flow, (arrival, steps)).await?;
            return Ok(scope.state.services.outbox.links.ticket(&ticket));
        }
        Err(IdentityProviderError::Fault(error)) => return Err(error),
        Err(IdentityProviderError::Refused(refusal)) => Failure {
            code: refusal.code.unwrap_or_else(|| code_of(&steps)),
            claims: refusal.claims,
            steps,
        },
    };
    match flow.purpose {
        FlowPurpose::Test => failed(scope, flow, failure).await,
        FlowPurpose::SignIn | FlowPurpose::Link | FlowPurpose::StepUp => {
            refused(scope, flow, failure).await
        }
    }
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
    let test = flow.secrets.test;
    state
        .unit_of_work_as_system(move |tx| testing::pass(tx, &flow, came))
        .await?;
    Ok(state.services.outbox.links.tested(test))
}

async fn failed(scope: &RequestScope, flow: TakenFlow, failure: Failure) -> Result<String> {
    let state = &scope.state;
    let test = flow.secrets.test;
    state
        .unit_of_work_as_system(move |tx| testing::fail(tx, &flow, failure))
        .await?;
    Ok(state.services.outbox.links.tested(test))
}

async fn refused(scope: &RequestScope, flow: TakenFlow, failure: Failure) -> Result<String> {
    let state = &scope.state;
    let code = failure.code.to_string();
    let kept = {
        let code = code.clone();
        let claims = failure.claims.unwrap_or_default();
        state.unit_of_work_as_system(move |tx| {
            let about = (&flow.connection, flow.purpose);
            diagnosis::keep_refusal(tx, about, (failure.steps, &claims), &code)
        })
    };
    let reference = kept.await?;
    Ok(state
        .services
        .outbox
        .links
        .sign_in_problem(&code, reference.as_deref()))
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

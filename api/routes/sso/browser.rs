//! Where browsers come to in a flow. They are sent on, and never shown a problem in JSON.

use actix_web::http::header;
use actix_web::web::Bytes;
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, get, post};
use serde::Deserialize;
use url::form_urlencoded;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::crypto::token::Token;
use crate::domain::client_address::Client;
use crate::domain::connections::{FlowPurpose, ProviderSettings};
use crate::domain::diagnosis::{StepName, Steps};
use crate::domain::ids::{CallbackId, ConnectionId, DiagnosisId};
use crate::error::{Code, Result};
use crate::oidc::callback::Callback;
use crate::routes::documentation::WasHead;
use crate::routes::extract::{Anonymous, ClientAddress, Guard as _, RequestScope};
use crate::routes::problem::Problem;
use crate::services::limits::Limit;
use crate::services::sso::arrival::{Arrival, FlowPayload, MAX_LOGIN_HINT};
use crate::services::sso::diagnosis;
use crate::services::sso::flows::{self, NewFlow, TakenFlow};
use crate::services::sso::settings::provider_settings;
use crate::services::sso::testing::{self, Failure};
use crate::services::unit_of_work::UnitOfWork;
use crate::state::State;
use crate::state::identity_providers::IdentityProviderError;

/// The longest reference of a test.
const MAX_REFERENCE: usize = 100;

/// The connection that somebody comes by.
#[derive(Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct SsoConnectionPath {
    /// The connection.
    pub connection_id: ConnectionId,
}

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

/// What leads somebody here (OpenID Connect Core 1.0, section 4).
#[derive(Clone, Default, IntoParams)]
#[into_params(parameter_in = Query)]
struct InitiateQuery {
    /// The reference of a test, as its `start_url` has it.
    #[param(max_length = 100)]
    test: Option<String>,
    /// Whom the identity provider is to suggest. It is handed on; where to go (`target_link_uri`) is not.
    #[param(max_length = 254)]
    login_hint: Option<String>,
}

/// What an identity provider posts that leads somebody here.
#[derive(Deserialize, ToSchema)]
#[schema(examples(json!({ "iss": "https://login.school.example", "login_hint": "jane.doe@school.example" })))]
pub struct InitiateForm {
    /// The issuer; the connection of the path counts.
    #[expect(dead_code, reason = "the document names it")]
    #[schema(max_length = 1000)]
    iss: Option<String>,
    /// Whom the identity provider is to suggest.
    #[expect(dead_code, reason = "the document names it")]
    #[schema(max_length = 254)]
    login_hint: Option<String>,
    /// Not followed.
    #[expect(dead_code, reason = "the document names it")]
    #[schema(max_length = 2000)]
    target_link_uri: Option<String>,
}

impl InitiateQuery {
    /// Reads a query or a form. What comes twice, or is too long, counts as nothing.
    fn read(text: &[u8]) -> Self {
        let only = |wanted: &str, most: usize| {
            let mut values = form_urlencoded::parse(text).filter(|(name, _)| name == wanted);
            let first = values.next().filter(|_| values.next().is_none())?;
            let is_fit = |value: &String| value.chars().count() <= most && !value.is_empty();
            Some(first.1.into_owned()).filter(is_fit)
        };
        Self {
            test: only("test", MAX_REFERENCE),
            login_hint: only("login_hint", MAX_LOGIN_HINT),
        }
    }

    /// Where the single-page app starts a sign-in.
    fn start(&self, scope: &RequestScope, id: ConnectionId) -> String {
        let links = &scope.state.services.outbox.links;
        match &self.login_hint {
            Some(hint) => links.start_as(id, hint),
            None => links.start(id),
        }
    }
}

/// The connection of the path: a word that is no id names none.
pub(super) fn connection_of(http: &HttpRequest) -> Result<ConnectionId> {
    let named = http.match_info().get("connection_id").unwrap_or_default();
    named.parse().map_err(|_| flows::unknown())
}

/// The place of the path that somebody comes back to.
fn place_of(http: &HttpRequest) -> Result<CallbackId> {
    let named = http
        .match_info()
        .get("connection_or_app")
        .unwrap_or_default();
    named.parse().map_err(|_| flows::unknown())
}

/// Whether nothing is to be used up.
fn is_head(http: &HttpRequest) -> bool {
    http.extensions().contains::<WasHead>()
}

/// Complete a sign-in at an identity provider
///
/// For browsers only. Sends the browser on to the single-page app: with a ticket in the fragment, or with `problem` and
/// `reference`. A response that belongs to no sign-in which is under way signs nobody in: the app is asked to start one,
/// or by an operator's app, to ask by what.
#[utoipa::path(
    tag = "Single sign-on",
    security(()),
    params(CallbackPath),
    responses((
        status = 303,
        description = "To the single-page app.",
        headers(("Location" = String, description = "Where to go."))
    ))
)]
#[get("/v1/sso/callback/{connection_or_app}")]
pub(super) async fn complete_sign_in(request: Anonymous, http: HttpRequest) -> HttpResponse {
    let scope = request.scope().clone();
    let ended = match place_of(&http) {
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

/// Start by a connection
///
/// For browsers only: a tile of a portal leads here, and the single-page app is asked to start a sign-in; or the
/// `start_url` of a test, which goes on to the identity provider. Where a test ends, the browser comes to
/// `<spa>/sign-in/tested?test=<id>`, which says nothing of how it went; without `test` where there is none that waits.
#[utoipa::path(
    tag = "Single sign-on",
    security(()),
    params(SsoConnectionPath, InitiateQuery),
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
    http: HttpRequest,
) -> HttpResponse {
    let scope = request.scope().clone();
    let query = InitiateQuery::read(http.query_string().as_bytes());
    let ended = match (connection_of(&http), query) {
        (
            Ok(id),
            InitiateQuery {
                test: Some(test), ..
            },
        ) if !is_head(&http) => initiate_test(request, (id, test), client).await,
        (Ok(id), query) => Ok(query.start(&scope, id)),
        (Err(unknown), _) => Err(unknown),
    };
    sent(&scope, ended)
}

/// Start by a connection, by a form
///
/// As with GET, by identity providers that post (OpenID Connect Core 1.0, section 4).
#[utoipa::path(
    tag = "Single sign-on",
    security(()),
    params(SsoConnectionPath),
    request_body(content = InitiateForm, content_type = "application/x-www-form-urlencoded"),
    responses((
        status = 303,
        description = "To the single-page app.",
        headers(("Location" = String, description = "Where to go."))
    ))
)]
#[post("/v1/sso/initiate/{connection_id}")]
pub(super) async fn initiate_sign_in_by_form(
    request: Anonymous,
    http: HttpRequest,
    body: std::result::Result<Bytes, actix_web::Error>,
) -> HttpResponse {
    let form = InitiateQuery::read(&body.unwrap_or_default());
    let scope = request.scope();
    let ended = connection_of(&http).map(|id| form.start(scope, id));
    sent(scope, ended)
}

/// Where a test begins that somebody makes.
async fn initiate_test(
    request: Anonymous,
    (id, reference): (ConnectionId, String),
    client: Client,
) -> Result<String> {
    let scope = request.scope().clone();
    let links = &scope.state.services.outbox.links;
    let begun = request
        .run(move |tx, ()| {
            let counted = flows::count(tx, &client);
            // Browsers are told nothing of limits.
            tx.context.limit_states.forget(&[Limit::SignInFlow]);
            counted?;
            let Some((connection, test)) = testing::begin(tx, id, &reference)? else {
                return Ok(None);
            };
            let opened = flows::open(tx, &connection, of_test(test.id))?;
            Ok(Some((connection, opened, test.id)))
        })
        .await?;
    let Some((connection, opened, test)) = begun else {
        return Ok(links.tested(None));
    };
    let mut steps = Steps::default();
    let url = scope
        .state
        .authorization_url(&connection, (&opened, None), &mut steps)
        .await;
    match url {
        Ok(url) => Ok(url),
        Err(IdentityProviderError::Fault(error)) => Err(error),
        Err(IdentityProviderError::Refused(_)) => {
            let state = opened.state.reveal().to_owned();
            let failure = Failure {
                code: Code::IdentityProviderUnreachable,
                claims: None,
                steps,
            };
            fail_test(&scope.state, (connection.callback(), state), failure).await?;
            Ok(links.tested(Some(test)))
        }
    }
}

/// A test whose provider cannot be reached has failed.
async fn fail_test(
    state: &State,
    (place, flow): (CallbackId, String),
    failure: Failure,
) -> Result<()> {
    let fail = move |tx: &mut UnitOfWork<'_>| match flows::take(tx, place, &flow)? {
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
        payload: FlowPayload::default(),
        test: Some(test),
    }
}

/// Sends a browser on to where a flow ended; where that is a refusal or a fault, to the single-page app with its code,
/// which has words for it.
pub(super) fn sent(scope: &RequestScope, ended: Result<String>) -> HttpResponse {
    let target = ended.unwrap_or_else(|error| {
        let code = error.code().to_string();
        if let Some(cause) = Problem::from(error).cause() {
            tracing::error!(%cause, "a sign-in failed");
        }
        scope
            .state
            .services
            .outbox
            .links
            .sign_in_problem(&code, None)
    });
    send_to(target)
}

/// Sends a browser on. What it is sent with is nobody's to keep or to read along.
fn send_to(target: String) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((header::LOCATION, target))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .finish()
}

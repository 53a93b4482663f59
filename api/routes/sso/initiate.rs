//! Where browsers come to that a tile of a portal, or a test, leads to a connection.

use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use url::form_urlencoded;
use utoipa::{IntoParams, ToSchema};

use super::browser::{SsoConnectionPath, connection_of, is_head, sent};
use crate::domain::client_address::Client;
use crate::domain::connections::FlowPurpose;
use crate::domain::diagnosis::Steps;
use crate::domain::ids::{CallbackId, ConnectionId, DiagnosisId};
use crate::error::{Code, Result};
use crate::routes::extract::{Anonymous, ClientAddress, Guard as _, RequestScope};
use crate::services::limits::Limit;
use crate::services::sso::arrival::{FlowPayload, MAX_LOGIN_HINT};
use crate::services::sso::flows::{self, NewFlow};
use crate::services::sso::testing::{self, Failure};
use crate::services::unit_of_work::UnitOfWork;
use crate::state::State;
use crate::state::identity_providers::IdentityProviderError;

/// The longest reference of a test.
const MAX_REFERENCE: usize = 100;

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
    /// Reads a query or a form. What comes twice, is too long, or holds what no database keeps and nobody reads, counts as
    /// nothing.
    fn read(text: &[u8]) -> Self {
        let only = |wanted: &str, most: usize| {
            let mut values = form_urlencoded::parse(text).filter(|(name, _)| name == wanted);
            let first = values.next().filter(|_| values.next().is_none())?;
            let is_fit = |value: &String| {
                let is_long = value.chars().count() > most;
                !is_long && !value.is_empty() && !value.contains(char::is_control)
            };
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

/// Start by a connection
///
/// For browsers only: a tile of a portal leads here, and the single-page app is asked to start a sign-in; or the
/// `start_url` of a test, which goes on to the identity provider. Where a test ends, the browser comes to
/// `<spa>/sign-in/tested?test=<id>`, which says nothing of how it went; without `test` where there is none that waits.
#[utoipa::path(
    get,
    path = "/v1/sso/initiate/{connection_id}",
    tag = "Single sign-on",
    security(()),
    params(SsoConnectionPath, InitiateQuery),
    responses((
        status = 303,
        description = "To the single-page app, or to the identity provider.",
        headers(("Location" = String, description = "Where to go."))
    ))
)]
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
    post,
    path = "/v1/sso/initiate/{connection_id}",
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
        Ok(url) => {
            let note = move |tx: &mut UnitOfWork<'_>| testing::note_sent(tx, test, steps);
            scope.state.unit_of_work_as_system(note).await?;
            Ok(url)
        }
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

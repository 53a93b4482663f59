//! What identity providers of SAML meet: where browsers bring their responses, and what Rollcall is called.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use url::form_urlencoded;
use utoipa::ToSchema;

use super::browser::{SsoConnectionPath, connection_of, sent};
use super::callback::arrive;
use super::unreadable::{ReadBody, is_unreadable, unreadable};
use crate::domain::connections::ProviderSettings;
use crate::domain::diagnosis::{Step, StepName, Steps};
use crate::domain::ids::ConnectionId;
use crate::error::{Error, Result};
use crate::routes::extract::{Anonymous, Guard as _};
use crate::routes::problem::{Problem, problems};
use crate::routes::refusals::NoFederationKey;
use crate::services::sso::flows;
use crate::services::sso::settings::{provider_settings, wants_signed_requests};
use crate::state::identity_providers::{IdentityProviderError, Refusal};

problems! {
    /// Where there is no such connection by SAML.
    NoServiceProvider: no_service_provider;
}

fn no_service_provider() -> Error {
    Error::not_found("connection")
}

/// What a browser brings from an identity provider (HTTP-POST binding).
#[derive(Default, Deserialize, ToSchema)]
#[schema(examples(json!({
    "SAMLResponse": "PHNhbWxwOlJlc3BvbnNlLz4=",
    "RelayState": "rcf_of-the-request"
})))]
pub struct SamlResponseForm {
    /// The response, in base64.
    #[serde(rename = "SAMLResponse", default)]
    #[schema(required = true, max_length = 524_288)]
    response: String,
    /// What the request carried.
    #[serde(rename = "RelayState", default)]
    #[schema(max_length = 1000)]
    relay_state: String,
}

impl SamlResponseForm {
    fn read(body: &[u8]) -> Self {
        let mut form = Self::default();
        for (name, value) in form_urlencoded::parse(body) {
            match name.as_ref() {
                "SAMLResponse" => form.response = value.into_owned(),
                "RelayState" => form.relay_state = value.into_owned(),
                _ => {}
            }
        }
        form
    }
}

/// Complete a sign-in by SAML
///
/// For browsers only: the assertion consumer service of the connection. Sends the browser on to the single-page app, as
/// the callback of OpenID Connect does. A response that nobody asked for signs nobody in: the app is asked to start a
/// sign-in. One of more than a mebibyte, or by another method, is `response_invalid`.
///
/// `problem` is one of `identity_provider_refused` (the identity provider let nobody in), `response_invalid` (what came does
/// not hold), `subject_missing` (it names nobody), `saml_subject_transient` (its name for the person is another one at each
/// sign-in) and `connection_unknown`; `unavailable` and `internal` are faults of this installation.
/// Why, the admins read by the `reference`.
#[utoipa::path(
    post,
    path = "/v1/sso/saml/{connection_id}/acs",
    tag = "Single sign-on",
    security(()),
    params(SsoConnectionPath),
    request_body(content = SamlResponseForm, content_type = "application/x-www-form-urlencoded"),
    responses((
        status = 303,
        description = "To the single-page app.",
        headers(("Location" = String, description = "Where to go."))
    ))
)]
pub(super) async fn complete_saml_sign_in(
    request: Anonymous,
    http: HttpRequest,
    body: ReadBody,
) -> HttpResponse {
    let scope = request.scope().clone();
    let ended = match connection_of(&http) {
        Ok(_) if is_unreadable(&http, &body) => Err(unreadable()),
        Ok(id) => {
            let form = SamlResponseForm::read(&body.unwrap_or_default());
            complete(request, id, form).await
        }
        Err(unknown) => Err(unknown),
    };
    sent(&scope, ended)
}

/// Where a flow by SAML ends.
async fn complete(request: Anonymous, id: ConnectionId, form: SamlResponseForm) -> Result<String> {
    let relay_state = form.relay_state;
    let scope = request.scope().clone();
    let carried = relay_state.clone();
    let taken = request
        .clone()
        .run(move |tx, ()| flows::take(tx, id.into(), &relay_state))
        .await?;
    let Some(flow) = taken else {
        return complete_misplaced(request, id, carried).await;
    };
    let ProviderSettings::Saml(settings) = provider_settings(&flow.connection)? else {
        return Ok(scope.state.services.outbox.links.start(id));
    };
    let mut steps = Steps::default();
    let about = (&flow, settings);
    let came = scope
        .state
        .identify_by_saml(about, form.response, &mut steps)
        .await;
    arrive(&scope, flow, (came, steps)).await
}

/// Where somebody ends who comes to this connection with the flow of another one, or with none: they begin here, but a
/// test has failed.
async fn complete_misplaced(
    request: Anonymous,
    id: ConnectionId,
    relay_state: String,
) -> Result<String> {
    let scope = request.scope().clone();
    let taken = request
        .run(move |tx, ()| flows::take_misplaced_test(tx, &relay_state))
        .await?;
    let Some(flow) = taken else {
        return Ok(scope.state.services.outbox.links.start(id));
    };
    let mut steps = Steps::default();
    steps.add(Step::failed(
        StepName::Destination,
        "a response at the ACS address of this connection",
        "one at the ACS address of another connection",
        "In the identity provider, set the ACS address (reply URL) of this application to `acs_url` of this connection, every \
         character of it.",
    ));
    let refused = IdentityProviderError::Refused(Refusal::default());
    arrive(&scope, flow, (Err(refused), steps)).await
}

/// Get Rollcall's SAML metadata
///
/// As a connection has it: give its address, which is also the entity id, or the document to the identity provider.
#[utoipa::path(
    get,
    path = "/v1/sso/saml/{connection_id}/metadata",
    tag = "Single sign-on",
    security(()),
    params(SsoConnectionPath),
    responses(
        (
            status = 200,
            description = "The metadata.",
            content((
                String = "application/samlmetadata+xml",
                example = "(the text of the document)"
            ))
        ),
        NoServiceProvider, NoFederationKey
    )
)]
pub(super) async fn get_saml_metadata(
    request: Anonymous,
    path: web::Path<SsoConnectionPath>,
) -> Result<HttpResponse, Problem> {
    let id = path.connection_id;
    let state = request.scope().state.clone();
    let found = request
        .run(move |tx, ()| wants_signed_requests(tx, id))
        .await?;
    let is_signed = found.ok_or_else(no_service_provider)?;
    let document = state.service_provider_metadata(id, is_signed)?;
    Ok(HttpResponse::Ok()
        .content_type("application/samlmetadata+xml")
        .body(document))
}

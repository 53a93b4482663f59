//! Operators' apps: registrations with identity providers that connections share (`docs/sso.md#operators-apps`).

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::connections::{ConnectionWarning, GivenClient, SecretBefore, trimmed};
use super::extract::{
    ByOperator, Form, Guard as _, IdempotencyHeader, Json, Query, StoredResponse, idempotency,
    nullable,
};
use super::mounting::{Mounting, operations};
use super::page::{PageQuery, Paged, page_body};
use super::problem::{Problem, problems};
use super::refusals::{BodyErrors, InvalidName, NoFederationKey, PageErrors, SessionErrors};
use crate::domain::connections::{AppPreset, ClientAuthentication, MAX_CONNECTION_NAME};
use crate::domain::ids::AppId;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::services::authorization::{OperatorPermit, operators_only};
use crate::services::sso::apps::{self, AppChanges, NewApp, UsedApp, app_in_use, no_such_app};
use crate::services::sso::warnings;
use crate::state::State;
use crate::store::apps::App;

/// Mounts these operations.
pub fn mount(mounting: &mut Mounting<'_>) {
    operations!(
        mounting, create_app, list_apps, get_app, update_app, delete_app
    );
}

problems! {
    /// Of whatever is the installation's.
    OperatorErrors: operators_only;
    /// Where there is no such app.
    NoSuchApp: no_such_app;
    /// Of deleting an app that connections use.
    AppInUse: used_by_three;
}

fn used_by_three() -> Error {
    app_in_use(3)
}

/// The app that a request is about.
#[derive(Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct AppPath {
    /// The app.
    app_id: AppId,
}

/// An operator's app: one registration with an identity provider that many connections share.
#[derive(Serialize, ToSchema)]
#[schema(as = App, examples(json!({
    "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11",
    "name": "Microsoft for schools",
    "preset": "entra",
    "client_id": "0c8a6b1e-2f3d-4e5f-8a9b-1c2d3e4f5a6b",
    "client_authentication": "client_secret_basic",
    "has_client_secret": true,
    "client_secret_expires_at": "2028-09-01T07:30:00Z",
    "redirect_uri": "https://rollcall.school.example/v1/sso/callback/01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11",
    "jwks_uri": null,
    "connections": 12,
    "warnings": [],
    "created_at": "2026-09-01T07:30:00Z"
})))]
pub struct AppBody {
    id: AppId,
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    preset: AppPreset,
    #[schema(max_length = 255)]
    client_id: String,
    client_authentication: ClientAuthentication,
    /// The secret itself is never shown.
    has_client_secret: bool,
    /// `null` where it is not known.
    client_secret_expires_at: Option<Timestamp>,
    /// Where the identity provider sends people back to, whichever connection they came by. Register exactly this.
    #[schema(max_length = 2000)]
    redirect_uri: String,
    /// With `private_key_jwt`: where Rollcall's public keys are.
    #[schema(max_length = 2000)]
    jwks_uri: Option<String>,
    /// How many connections use it.
    #[schema(minimum = 0)]
    connections: i64,
    /// What has to be looked after.
    #[schema(max_items = 10)]
    warnings: Vec<ConnectionWarning>,
    created_at: Timestamp,
}

page_body! {
    /// A page of apps.
    AppPage of AppBody
}

impl AppBody {
    fn of(state: &State, used: UsedApp) -> Self {
        let UsedApp { app, connections } = used;
        let found = warnings::of_app(&app, state.services.clock.now(), true);
        let by_key = app.client_authentication.shows_key();
        Self {
            redirect_uri: state.redirect_uri(app.id.into()),
            jwks_uri: by_key.then(|| state.jwks_uri()),
            warnings: found.into_iter().map(ConnectionWarning::from).collect(),
            connections,
            has_client_secret: app.sealed.is_some(),
            id: app.id,
            name: app.name,
            preset: app.preset,
            client_id: app.client_id,
            client_authentication: app.client_authentication,
            client_secret_expires_at: app.secret_expires_at,
            created_at: app.created_at,
        }
    }
}

/// What an app is to be.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({
    "name": "Microsoft for schools",
    "preset": "entra",
    "client_id": "0c8a6b1e-2f3d-4e5f-8a9b-1c2d3e4f5a6b",
    "client_secret": "of-the-identity-provider"
})))]
pub struct CreateAppRequest {
    /// Admins see it at their connections.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// Cannot be changed later.
    preset: AppPreset,
    /// The client that the identity provider made for Rollcall.
    #[schema(min_length = 1, max_length = 255)]
    client_id: String,
    /// None with `private_key_jwt`. It is never shown again.
    #[schema(max_length = 1000, format = Password)]
    client_secret: Option<String>,
    /// Until when the identity provider takes the secret.
    client_secret_expires_at: Option<Timestamp>,
    /// `client_secret_basic` where it is left out.
    client_authentication: Option<ClientAuthentication>,
}

/// What changes of an app. Absent fields stay.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "name": "Microsoft for all schools" })))]
pub struct UpdateAppRequest {
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    #[schema(min_length = 1, max_length = 255)]
    client_id: Option<String>,
    #[schema(max_length = 1000, format = Password)]
    client_secret: Option<String>,
    /// Where it is left out beside another secret, the end is not known any more (`null`).
    #[serde(default, deserialize_with = "nullable")]
    client_secret_expires_at: Option<Option<Timestamp>>,
    /// With `private_key_jwt` the secret that is kept is deleted.
    client_authentication: Option<ClientAuthentication>,
}

impl CreateAppRequest {
    fn parse(self) -> Result<NewApp> {
        let mut form = Form::new();
        let name = form.single_line("/name", &self.name, MAX_CONNECTION_NAME);
        let given = GivenClient {
            id: Some(self.client_id.trim().to_owned()),
            secret: trimmed(&self.client_secret),
            secret_expires_at: self.client_secret_expires_at.map(Some),
            authentication: self.client_authentication,
        };
        given.check(&mut form);
        let client_secret = given.take_secret(&mut form);
        let client_authentication = given.new_authentication();
        match (name, given.id) {
            (Some(name), Some(client_id)) if !form.has_errors() => Ok(NewApp {
                name,
                preset: self.preset,
                client_id,
                client_authentication,
                client_secret,
            }),
            _ => Err(form.refusal()),
        }
    }
}

impl UpdateAppRequest {
    fn require_good_fields(&self) -> Result<()> {
        let mut form = Form::new();
        self.given_name(&mut form);
        self.given_client().check(&mut form);
        if form.has_errors() {
            return Err(form.refusal());
        }
        Ok(())
    }

    fn given_name(&self, form: &mut Form) -> Option<String> {
        let name = self.name.as_deref()?;
        form.single_line("/name", name, MAX_CONNECTION_NAME)
    }

    fn given_client(&self) -> GivenClient {
        GivenClient {
            id: trimmed(&self.client_id),
            secret: trimmed(&self.client_secret),
            secret_expires_at: self.client_secret_expires_at,
            authentication: self.client_authentication,
        }
    }

    /// What changes of this app.
    fn changes_of(&self, known: &App) -> Result<AppChanges> {
        let mut form = Form::new();
        let name = self.given_name(&mut form);
        let given = self.given_client();
        let authentication = given.authentication.unwrap_or(known.client_authentication);
        let before = SecretBefore::of_client(known.sealed.is_some());
        let client_secret = given.secret_change(&mut form, authentication, before);
        if form.has_errors() {
            return Err(form.refusal());
        }
        Ok(AppChanges {
            name,
            client_id: given.id,
            client_authentication: given.authentication,
            client_secret,
        })
    }
}

/// Create an app
///
/// A registration with an identity provider that connections of many organizations share: they name it by `app_id`, and
/// their tenants. Register `redirect_uri` of the answer at the identity provider.
#[utoipa::path(
    post,
    path = "/v1/apps",
    tag = "Apps",
    params(IdempotencyHeader),
    responses(
        (status = 201, description = "The app.", body = AppBody),
        BodyErrors, SessionErrors, OperatorErrors, InvalidName, NoFederationKey
    ),
    extensions(("x-permission" = json!(OperatorPermit::NAME)))
)]
async fn create_app(
    request: ByOperator,
    idempotency::Json { idempotency, body }: idempotency::Json<CreateAppRequest>,
) -> Result<HttpResponse, Problem> {
    let new = body.parse()?;
    require_key(&request, new.client_authentication).await?;
    let state = request.scope().state.clone();
    request
        .run_once(idempotency, move |tx, permit| {
            let used = apps::create(tx, &permit, new)?;
            let location = format!("/v1/apps/{}", used.app.id);
            StoredResponse::created(location, &AppBody::of(&state, used))
        })
        .await
}

/// Has Rollcall's own key made for an operator, where a client shows itself by it.
async fn require_key(request: &ByOperator, authentication: ClientAuthentication) -> Result<()> {
    if authentication.shows_key() {
        request.clone().run(|_, _| Ok(())).await?;
        request.scope().state.require_federation_keys()?;
    }
    Ok(())
}

/// List apps
///
/// The oldest first.
#[utoipa::path(
    get,
    path = "/v1/apps",
    tag = "Apps",
    params(PageQuery),
    responses(
        (status = 200, description = "A page.", body = AppPage),
        PageErrors, SessionErrors, OperatorErrors
    ),
    extensions(("x-permission" = json!(OperatorPermit::NAME)))
)]
async fn list_apps(
    http: HttpRequest,
    request: ByOperator,
    query: Query<PageQuery>,
) -> Result<HttpResponse, Problem> {
    let (limit, after) = (query.limit()?, query.after()?);
    let state = request.scope().state.clone();
    let found = request
        .run(move |tx, permit| apps::list(tx, &permit, limit.page(after)))
        .await?;
    let page = Paged::new(
        found,
        limit,
        |used| used.app.id,
        |used| AppBody::of(&state, used),
    )?;
    Ok(page.respond(&http, AppPage::new))
}

/// Get an app
///
/// The client secret is never shown.
#[utoipa::path(
    get,
    path = "/v1/apps/{app_id}",
    tag = "Apps",
    params(AppPath),
    responses(
        (status = 200, description = "The app.", body = AppBody),
        SessionErrors, OperatorErrors, NoSuchApp
    ),
    extensions(("x-permission" = json!(OperatorPermit::NAME)))
)]
async fn get_app(
    request: ByOperator,
    path: web::Path<AppPath>,
) -> Result<web::Json<AppBody>, Problem> {
    let id = path.app_id;
    let state = request.scope().state.clone();
    let used = request
        .run(move |tx, permit| apps::find(tx, &permit, id))
        .await?;
    Ok(web::Json(AppBody::of(&state, used)))
}

/// Change an app
///
/// Absent fields stay. All connections that use it have the change at once, and stay active. Another `client_id` asks
/// for a new test of each before it is activated the next time, and ends tests that wait; a new secret does not.
#[utoipa::path(
    patch,
    path = "/v1/apps/{app_id}",
    tag = "Apps",
    params(AppPath),
    responses(
        (status = 200, description = "The app as it is now.", body = AppBody),
        BodyErrors, SessionErrors, OperatorErrors, NoSuchApp, InvalidName, NoFederationKey
    ),
    extensions(("x-permission" = json!(OperatorPermit::NAME)))
)]
async fn update_app(
    request: ByOperator,
    path: web::Path<AppPath>,
    body: Json<UpdateAppRequest>,
) -> Result<web::Json<AppBody>, Problem> {
    let (id, body) = (path.app_id, body.into_inner());
    body.require_good_fields()?;
    if let Some(authentication) = body.client_authentication {
        require_key(&request, authentication).await?;
    }
    let state = request.scope().state.clone();
    let used = request
        .change(move |tx, permit| apps::update(tx, &permit, id, |known| body.changes_of(known)))
        .await?;
    Ok(web::Json(AppBody::of(&state, used)))
}

/// Delete an app
///
/// Only one that no connection uses: otherwise `app_in_use` tells how many do.
#[utoipa::path(
    delete,
    path = "/v1/apps/{app_id}",
    tag = "Apps",
    params(AppPath),
    responses(
        (status = 204, description = "Deleted."),
        SessionErrors, OperatorErrors, NoSuchApp, AppInUse
    ),
    extensions(("x-permission" = json!(OperatorPermit::NAME)))
)]
async fn delete_app(
    request: ByOperator,
    path: web::Path<AppPath>,
) -> Result<HttpResponse, Problem> {
    let id = path.app_id;
    request
        .change(move |tx, permit| apps::delete(tx, &permit, id))
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

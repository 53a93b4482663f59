//! API keys.

use std::collections::BTreeSet;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::extract::idempotency;
use super::extract::{
    Form, Guard as _, IdempotencyHeader, InOrganization, OrganizationPath, Query,
};
use super::mounting::{Mounting, operations};
use super::names::AccountReference;
use super::page::{PageQuery, Paged, page_body};
use super::problem::Problem;
use super::refusals::{BodyErrors, InvalidName, NoSuchApiKey, OrganizationErrors, PageErrors};
use crate::domain::api_key::Scope;
use crate::domain::ids::{ApiKeyId, OrganizationId};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::services::api_keys::{self, ApiKeyView, IssuedApiKey, NewApiKey};
use crate::services::authorization::{ManageApiKeys, Permission as _};
use crate::services::idempotency::StoredResponse;

/// Mounts these operations.
pub fn mount(mounting: &mut Mounting<'_>) {
    operations!(mounting, create_api_key, list_api_keys, revoke_api_key);
}

/// The longest name, in characters.
const MAX_NAME: usize = 100;

/// An API key.
#[derive(Serialize, ToSchema)]
#[schema(as = ApiKey, examples(json!({
    "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11",
    "name": "Timetable",
    "hint": "x4Qk",
    "scopes": ["members:read", "groups:read"],
    "expires_at": "2027-09-01T07:30:00Z",
    "created_at": "2026-09-01T07:30:00Z",
    "created_by": {
        "account_id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c12",
        "username": "Ms Green"
    },
    "last_used_at": null
})))]
pub struct ApiKeyBody {
    id: ApiKeyId,
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// The last four characters of the key.
    #[schema(min_length = 4, max_length = 4)]
    hint: String,
    #[schema(max_items = 100)]
    scopes: Vec<Scope>,
    /// `null` where it does not expire.
    expires_at: Option<Timestamp>,
    created_at: Timestamp,
    /// Whom the key acts for.
    created_by: AccountReference,
    /// To five minutes; `null` before the first use.
    last_used_at: Option<Timestamp>,
}

impl ApiKeyBody {
    fn new(view: ApiKeyView) -> Result<Self> {
        let ApiKeyView { key, creator } = view;
        Ok(Self {
            scopes: key.scopes()?,
            id: key.id,
            name: key.name,
            hint: key.hint,
            expires_at: key.expires_at,
            created_at: key.created_at,
            created_by: (key.created_by_account_id, creator).into(),
            last_used_at: key.last_used_at,
        })
    }
}

/// A new API key with the key itself, which is shown this once.
#[derive(Serialize, ToSchema)]
#[schema(as = CreatedApiKey, examples(json!({
    "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11",
    "name": "Timetable",
    "hint": "x4Qk",
    "scopes": ["members:read", "groups:read"],
    "expires_at": "2027-09-01T07:30:00Z",
    "created_at": "2026-09-01T07:30:00Z",
    "created_by": {
        "account_id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c12",
        "username": "Ms Green"
    },
    "last_used_at": null,
    "key": "rck_0000000000000000000000000000000000000000000"
})))]
pub struct CreatedApiKeyBody {
    #[serde(flatten)]
    api_key: ApiKeyBody,
    /// Send it as `Authorization: Bearer rck_…`.
    #[schema(max_length = 47)]
    key: String,
}

impl CreatedApiKeyBody {
    fn new(issued: IssuedApiKey) -> Result<Self> {
        Ok(Self {
            key: issued.token.reveal().to_owned(),
            api_key: ApiKeyBody::new(issued.view)?,
        })
    }
}

page_body! {
    /// A page of API keys.
    ApiKeyPage of ApiKeyBody
}

/// What a new API key is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({
    "name": "Timetable",
    "scopes": ["members:read", "groups:read"],
    "expires_at": "2099-12-31T23:59:59Z"
})))]
pub struct CreateApiKeyRequest {
    /// Need not be unique: the hint tells keys apart.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    #[schema(value_type = Vec<Scope>, min_items = 1, max_items = 100)]
    scopes: BTreeSet<Scope>,
    /// In the future. Without it the key does not expire.
    expires_at: Option<Timestamp>,
}

/// The API key that a request is about.
#[derive(Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct ApiKeyPath {
    /// The organization.
    #[expect(dead_code, reason = "the document names it; the guard reads it itself")]
    pub organization_id: OrganizationId,
    /// The API key.
    pub api_key_id: ApiKeyId,
}

/// Create an API key
///
/// The key acts for you, in this organization only: it does what its scopes name, and never more than
/// you may do at that moment. It is shown this once. An organization has at most 100 keys, expired ones
/// included; another one gets 422 `validation_failed`.
#[utoipa::path(
    post,
    path = "/v1/organizations/{organization_id}/api-keys",
    tag = "API keys",
    params(OrganizationPath, IdempotencyHeader),
    responses(
        (status = 201, description = "The key.", body = CreatedApiKeyBody),
        BodyErrors, OrganizationErrors, InvalidName
    ),
    extensions(("x-permission" = json!(ManageApiKeys::NAME)))
)]
async fn create_api_key(
    request: InOrganization<ManageApiKeys>,
    idempotency::Json { idempotency, body }: idempotency::Json<CreateApiKeyRequest>,
) -> Result<HttpResponse, Problem> {
    let new = new_api_key(body)?;
    request
        .run_once(idempotency, move |tx, permit| {
            let issued = api_keys::create(tx, &permit, new)?;
            let (organization, key) = (permit.organization.id, issued.view.key.id);
            let location = format!("/v1/organizations/{organization}/api-keys/{key}");
            StoredResponse::created(location, &CreatedApiKeyBody::new(issued)?)
        })
        .await
}

fn new_api_key(body: CreateApiKeyRequest) -> Result<NewApiKey> {
    let mut form = Form::new();
    let name = form.single_line("/name", &body.name, MAX_NAME);
    if body.scopes.is_empty() {
        let detail = "Name at least one scope.".to_owned();
        form.refuse("/scopes", "missing", detail);
    }
    match name {
        Some(name) if !form.has_errors() => Ok(NewApiKey {
            name,
            scopes: body.scopes,
            expires_at: body.expires_at,
        }),
        _ => Err(form.refusal()),
    }
}

/// List API keys
///
/// The oldest first, expired keys too. Revoked keys are gone from the list; the audit log has them.
#[utoipa::path(
    get,
    path = "/v1/organizations/{organization_id}/api-keys",
    tag = "API keys",
    params(OrganizationPath, PageQuery),
    responses(
        (status = 200, description = "A page.", body = ApiKeyPage),
        PageErrors, OrganizationErrors
    ),
    extensions(("x-permission" = json!(ManageApiKeys::NAME)))
)]
async fn list_api_keys(
    http: HttpRequest,
    request: InOrganization<ManageApiKeys>,
    query: Query<PageQuery>,
) -> Result<HttpResponse, Problem> {
    let (limit, after) = (query.limit()?, query.after()?);
    let found = request
        .run(move |tx, permit| {
            let found = api_keys::list(tx, &permit, after, limit.with_lookahead())?;
            found
                .into_iter()
                .map(ApiKeyBody::new)
                .collect::<Result<Vec<_>>>()
        })
        .await?;
    let page = Paged::new(found, limit, |key| key.id, |key| key)?;
    Ok(page.respond(&http, ApiKeyPage::new))
}

/// Revoke an API key
///
/// It stops working at once.
#[utoipa::path(
    delete,
    path = "/v1/organizations/{organization_id}/api-keys/{api_key_id}",
    tag = "API keys",
    params(ApiKeyPath),
    responses(
        (status = 204, description = "Revoked."),
        OrganizationErrors, NoSuchApiKey
    ),
    extensions(("x-permission" = json!(ManageApiKeys::NAME)))
)]
async fn revoke_api_key(
    request: InOrganization<ManageApiKeys>,
    path: web::Path<ApiKeyPath>,
) -> Result<HttpResponse, Problem> {
    let key = path.api_key_id;
    request
        .change(move |tx, permit| api_keys::revoke(tx, &permit, key))
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

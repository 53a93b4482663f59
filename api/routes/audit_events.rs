//! The audit log.

use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::extract::{Guard as _, InOrganization, OrganizationPath, Query, time_or_day};
use super::mounting::{Mounting, operations};
use super::page::{PageSize, Paged, page_body, parse_cursor, refuse_unusable};
use super::problem::Problem;
use super::refusals::{OrganizationErrors, PageErrors};
use crate::domain::audit::{ActorKind, AuditAction, SubjectType};
use crate::domain::ids::{AccountId, ApiKeyId, AuditEventId};
use crate::domain::timestamp::Timestamp;
use crate::services::audit_events;
use crate::services::authorization::{Permission as _, ReadAudit};
use crate::store::audit_events::{AuditEvent, AuditFilter};

/// Mounts these operations.
pub fn mount(mounting: &mut Mounting<'_>) {
    operations!(mounting, list_audit_events);
}

/// Who did what to what, when, in which request.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditEvent, examples(json!({
    "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c13",
    "action": "import.accepted",
    "actor": {
        "kind": "account",
        "account_id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11",
        "api_key_id": null,
        "name": "jane.doe@school.example"
    },
    "subject": { "type": "import", "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c14" },
    "details": { "rows": 412, "account_type": "student" },
    "request_id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c15",
    "created_at": "2026-09-01T07:30:00Z"
})))]
pub struct AuditEventBody {
    id: AuditEventId,
    action: AuditAction,
    actor: Actor,
    subject: Subject,
    /// What changed, depending on the action; never a secret.
    #[schema(value_type = Object)]
    details: serde_json::Value,
    /// `null` where there was none: the command line, or work in the background.
    #[schema(max_length = 64)]
    request_id: Option<String>,
    created_at: Timestamp,
}

/// Who did it.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditActor)]
pub struct Actor {
    kind: ActorKind,
    /// `null` where it is no account, or one that is deleted.
    account_id: Option<AccountId>,
    /// The API key by which the account acted.
    api_key_id: Option<ApiKeyId>,
    /// The address, or the name of the API key, at that time.
    #[schema(max_length = 254)]
    name: String,
}

/// On what it was done.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditSubject)]
pub struct Subject {
    #[serde(rename = "type")]
    kind: SubjectType,
    #[schema(max_length = 64)]
    id: String,
}

impl From<AuditEvent> for AuditEventBody {
    fn from(event: AuditEvent) -> Self {
        Self {
            id: event.id,
            action: event.action,
            actor: Actor {
                kind: event.actor_kind,
                account_id: event.actor_account_id,
                api_key_id: event.actor_api_key,
                name: event.actor_name,
            },
            subject: Subject {
                kind: event.subject_type,
                id: event.subject,
            },
            details: event.details.0,
            request_id: event.request,
            created_at: event.created_at,
        }
    }
}

page_body! {
    /// A page of audit events.
    AuditEventPage of AuditEventBody
}

/// Which events.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    action: Option<AuditAction>,
    /// Whose deeds.
    actor_id: Option<AccountId>,
    subject_type: Option<SubjectType>,
    /// The id of what it was done on.
    #[param(max_length = 64)]
    subject_id: Option<String>,
    /// At this moment or later.
    #[serde(default, deserialize_with = "time_or_day")]
    #[param(example = "2026-09-01T00:00:00Z")]
    from: Option<Timestamp>,
    /// Before this moment.
    #[serde(default, deserialize_with = "time_or_day")]
    to: Option<Timestamp>,
    /// How many entries: 1 to 200.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<i64>,
    /// The `next_cursor` of the page before.
    #[param(max_length = 1000)]
    cursor: Option<String>,
}

/// List audit events
///
/// The newest first.
#[utoipa::path(
    get,
    path = "/v1/organizations/{organization_id}/audit-events",
    tag = "Audit",
    params(OrganizationPath, AuditQuery),
    responses(
        (status = 200, description = "A page.", body = AuditEventPage),
        PageErrors, OrganizationErrors
    ),
    extensions(("x-permission" = json!(ReadAudit::NAME)))
)]
async fn list_audit_events(
    http: HttpRequest,
    request: InOrganization<ReadAudit>,
    query: Query<AuditQuery>,
) -> Result<HttpResponse, Problem> {
    let query = query.into_inner();
    let limit = PageSize::parse(query.limit)?;
    let before: Option<AuditEventId> = parse_cursor(query.cursor.as_deref())?;
    refuse_unusable("?subject_id", query.subject_id.as_deref(), 64)?;
    let filter = AuditFilter {
        action: query.action,
        actor: query.actor_id,
        subject_type: query.subject_type,
        subject: query.subject_id,
        from: query.from,
        to: query.to,
    };
    let found = request
        .run(move |tx, permit| audit_events::list(tx, &permit, &filter, limit.page(before)))
        .await?;
    let page = Paged::new(found, limit, |event| event.id, AuditEventBody::from)?;
    Ok(page.respond(&http, AuditEventPage::new))
}

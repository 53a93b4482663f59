//! What rules of connections would change.

use std::collections::BTreeMap;

use actix_web::web;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::diagnoses::ClaimName;
use super::path::{ConnectionPath, NoSuchConnection};
use super::rule_checks::check_rules;
use crate::domain::arrival_rules::ArrivalRule;
use crate::domain::ids::{AccountId, IdentityId};
use crate::domain::organization::AccountType;
use crate::error::Result;
use crate::routes::extract::{Form, Guard as _, InOrganization, Json, Query};
use crate::routes::mounting::{Mounting, operations};
use crate::routes::names::GroupReference;
use crate::routes::page::{PageQuery, Paged};
use crate::routes::problem::Problem;
use crate::routes::refusals::{BodyErrors, OrganizationErrors, PageErrors, TooManyTries};
use crate::services::authorization::{ManageConnections, Permission as _};
use crate::services::sso::claims::MAX_CLAIMS;
use crate::services::sso::rules_preview::{
    self, Assignment, Preview, PreviewRequest, Previewed, SeatChange,
};

/// Mounts these operations.
pub fn mount(mounting: &mut Mounting<'_>) {
    operations!(mounting, preview_rules);
}

/// Rules to be tried.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({
    "rules": [{
        "when": { "claim": "groups", "is": "equals", "value": "Teachers" },
        "then": { "account_type": "teacher" }
    }]
})))]
pub struct PreviewRulesRequest {
    /// Those of the connection where they are left out.
    #[schema(max_items = 100)]
    rules: Option<Vec<ArrivalRule>>,
    /// What an identity provider might say of somebody who is new, as a test shows it: at most 64 KiB. The people of the last 30 days
    /// where it is left out.
    #[schema(value_type = Option<Object>)]
    claims: Option<Map<String, Value>>,
}

/// What rules would change.
#[derive(Serialize, ToSchema)]
#[schema(as = RulesPreview, examples(json!({
    "people": [{
        "account_id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11",
        "username": "Ada Lovelace",
        "now": { "account_type": "student", "groups": [] },
        "then": { "account_type": "teacher", "groups": [] }
    }],
    "people_checked": 412,
    "people_changed": 1,
    "people_left_out": 0,
    "people_unreadable": 0,
    "claims_unseen": [],
    "seats": {
        "student": { "limit": 500, "used": 380, "then_used": 379 },
        "teacher": { "limit": null, "used": 32, "then_used": 33 }
    },
    "next_cursor": null
})))]
pub struct RulesPreviewBody {
    /// Those of whom something would change; where claims were given, who comes with them.
    #[schema(max_items = 200)]
    people: Vec<PreviewedPerson>,
    /// Of how many people is known what the identity provider said of them.
    #[schema(minimum = 0)]
    people_checked: usize,
    /// Of how many of them something would change. Where claims were given: 1 where the rules give somebody new an
    /// account type or groups that they would not get without.
    #[schema(minimum = 0)]
    people_changed: usize,
    /// Of how many of them the identity provider left a claim out for its size, so that nothing changes.
    #[schema(minimum = 0)]
    people_left_out: usize,
    /// Of how many people it cannot be read any more what the identity provider said, because its sealing key is gone:
    /// they are not tried until they come again.
    #[schema(minimum = 0)]
    people_unreadable: usize,
    /// The claims that the rules name and nobody who was tried has, sorted: mistyped, or not released by the
    /// identity provider.
    #[schema(value_type = Vec<ClaimName>, max_items = 100)]
    claims_unseen: Vec<String>,
    /// The seats of each account type.
    seats: BTreeMap<AccountType, SeatChangeBody>,
    /// For the next page; `null` on the last.
    #[schema(max_length = 1000)]
    next_cursor: Option<String>,
}

/// What would change of somebody.
#[derive(Serialize, ToSchema)]
pub struct PreviewedPerson {
    /// `null` where claims were given.
    account_id: Option<AccountId>,
    /// `null` where claims were given.
    #[schema(max_length = 100)]
    username: Option<String>,
    /// What they are; `null` where claims were given.
    now: Option<PreviewedAssignment>,
    /// What they would be.
    then: PreviewedAssignment,
}

/// An account type and groups.
#[derive(Serialize, ToSchema)]
pub struct PreviewedAssignment {
    account_type: AccountType,
    #[schema(max_items = 1000)]
    groups: Vec<GroupReference>,
}

/// The seats of an account type.
#[derive(Serialize, ToSchema)]
pub struct SeatChangeBody {
    /// `null` means unlimited.
    #[schema(minimum = 0)]
    limit: Option<i64>,
    #[schema(minimum = 0)]
    used: i64,
    /// What would be taken. Where this is above the limit, some keep the account type that they have.
    #[schema(minimum = 0)]
    then_used: i64,
}

impl From<Assignment> for PreviewedAssignment {
    fn from(assignment: Assignment) -> Self {
        Self {
            account_type: assignment.account_type,
            groups: assignment
                .groups
                .into_iter()
                .map(GroupReference::from)
                .collect(),
        }
    }
}

impl From<Previewed> for PreviewedPerson {
    fn from(previewed: Previewed) -> Self {
        let person = previewed.person;
        Self {
            account_id: person.as_ref().map(|person| person.account),
            username: person.map(|person| person.username.to_string()),
            now: previewed.now.map(PreviewedAssignment::from),
            then: previewed.then.into(),
        }
    }
}

impl From<SeatChange> for SeatChangeBody {
    fn from(change: SeatChange) -> Self {
        Self {
            limit: change.count.limit,
            used: change.count.used,
            then_used: change.then_used,
        }
    }
}

/// Preview the rules of a connection
///
/// What rules would change if they were tried now, as with `apply` at `always`: of the people who came by the connection
/// within the last 30 days, or of claims that are given. Nothing changes by it. With `apply` at `first`, rules change
/// only who comes for the first time. At most 20,000 people are tried; at most 120 previews an hour (`rules_preview`).
#[utoipa::path(
    post,
    path = "/v1/organizations/{organization_id}/connections/{connection_id}/rules/preview",
    tag = "Single sign-on",
    params(ConnectionPath, PageQuery),
    responses(
        (status = 200, description = "What would change.", body = RulesPreviewBody),
        BodyErrors, PageErrors, OrganizationErrors, NoSuchConnection, TooManyTries
    ),
    extensions(("x-permission" = json!(ManageConnections::NAME)))
)]
async fn preview_rules(
    request: InOrganization<ManageConnections>,
    path: web::Path<ConnectionPath>,
    query: Query<PageQuery>,
    body: Json<PreviewRulesRequest>,
) -> Result<web::Json<RulesPreviewBody>, Problem> {
    let body = body.into_inner();
    let mut form = Form::new();
    check_rules(&mut form, body.rules.as_deref().unwrap_or_default());
    check_claims(&mut form, body.claims.as_ref());
    if form.has_errors() {
        return Err(form.refusal().into());
    }
    let (limit, after) = (query.limit()?, query.after::<IdentityId>()?);
    let preview_request = PreviewRequest {
        rules: body.rules,
        claims: body.claims,
        page: limit.page(after),
    };
    let id = path.connection_id;
    request
        .clone()
        .change(move |tx, permit| rules_preview::begin(tx, &permit, id))
        .await?;
    let mut preview = request
        .run(move |tx, permit| rules_preview::preview(tx, &permit, (id, preview_request)))
        .await?;
    let people = std::mem::take(&mut preview.people);
    let position = |one: &Previewed| one.person.as_ref().map(|person| person.identity);
    let page = Paged::new(people, limit, position, PreviewedPerson::from)?;
    Ok(web::Json(shown(preview, page)))
}

fn check_claims(form: &mut Form, claims: Option<&Map<String, Value>>) {
    let length = |claims| serde_json::to_string(claims).map_or(0, |json| json.len());
    if claims.map_or(0, length) > MAX_CLAIMS {
        let detail = format!("Claims have at most {MAX_CLAIMS} bytes of JSON.");
        form.refuse("/claims", "too_long", detail);
    }
}

fn shown(preview: Preview, page: Paged<PreviewedPerson>) -> RulesPreviewBody {
    let (people, next_cursor) = page.into_parts();
    let seats = preview
        .seats
        .into_iter()
        .map(|(account_type, change)| (account_type, change.into()));
    RulesPreviewBody {
        people,
        people_checked: preview.checked,
        people_changed: preview.changed,
        people_left_out: preview.left_out,
        people_unreadable: preview.unreadable,
        claims_unseen: preview.claims_unseen.into_iter().collect(),
        seats: seats.collect(),
        next_cursor,
    }
}

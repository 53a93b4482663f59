//! Email domains of organizations (`docs/domains.md`).

use std::time::Duration;

use super::mounting::{Mounting, operations};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::extract::idempotency;
use super::extract::{
    Form, Guard, IdempotencyHeader, InOrganization, Json, NoBody, OrganizationPath, Query,
};
use super::page::{PageQuery, Paged, page_body};
use super::problem::{Problem, problems};
use super::refusals::{
    BodyErrors, NoBodyErrors, NoSuchDomain, OrganizationErrors, PageErrors, TooManyTries,
    refusal_of,
};
use crate::domain::domains::{DomainStatus, Joining, record_name, record_value};
use crate::domain::email_domain::EmailDomain;
use crate::domain::ids::{ConnectionId, DomainId, OrganizationId};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::services::authorization::{ManageDomains, Permission as _, Permit};
use crate::services::domains::{
    self, Checked, DomainChanges, NewDomain, added_already, for_everybody, look_up, no_record,
    taken,
};
use crate::services::idempotency::StoredResponse;
use crate::services::sign_on_requirement::{last_domain, members_by_domain};
use crate::store::domains::Domain;

/// Mounts these operations.
pub fn mount(mounting: &mut Mounting<'_>) {
    operations!(
        mounting,
        list_domains,
        add_domain,
        get_domain,
        update_domain,
        remove_domain,
        check_domain
    );
}

/// A record of the domain name system.
#[derive(Serialize, ToSchema)]
pub struct DomainRecord {
    /// Where it stands. Where a DNS host adds the domain by itself, type `_rollcall` alone.
    #[schema(max_length = 300)]
    name: String,
    /// `TXT`.
    #[serde(rename = "type")]
    #[schema(max_length = 3)]
    kind: &'static str,
    /// What it holds.
    #[schema(max_length = 100)]
    value: String,
}

/// An email domain of an organization.
#[derive(Serialize, ToSchema)]
#[schema(as = Domain, examples(json!({
    "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11",
    "domain": "school.example",
    "status": "pending",
    "record": {
        "name": "_rollcall.school.example",
        "type": "TXT",
        "value": "rollcall-domain=4f0q8vj2m6c1t7h3a9s5k0d8b2e6g4n1"
    },
    "joining": "request",
    "vouched": false,
    "checked_at": null,
    "missing_since": null,
    "proven_at": null,
    "counts_only_at": null,
    "created_at": "2026-09-01T07:30:00Z"
})))]
pub struct DomainBody {
    id: DomainId,
    domain: EmailDomain,
    status: DomainStatus,
    /// The record that proves it.
    record: DomainRecord,
    joining: Joining,
    /// Whether an operator vouches for it: then it is proven without a record.
    vouched: bool,
    /// When name servers last told of the record; `null` where they never did.
    checked_at: Option<Timestamp>,
    /// Since when the record of a proven domain is gone; it lapses a week later. `null` while it is there.
    missing_since: Option<Timestamp>,
    /// When it was last proven; `null` where it never was.
    proven_at: Option<Timestamp>,
    /// The connection whose setup link added it: there alone people come in by it, until an admin changes or checks it.
    /// `null` where it counts everywhere.
    counts_only_at: Option<ConnectionId>,
    created_at: Timestamp,
}

impl From<Domain> for DomainBody {
    fn from(domain: Domain) -> Self {
        Self {
            record: DomainRecord {
                name: record_name(&domain.domain),
                kind: "TXT",
                value: record_value(&domain.challenge),
            },
            id: domain.id,
            domain: domain.domain,
            status: domain.status,
            joining: domain.joining,
            vouched: domain.vouched,
            checked_at: domain.checked_at,
            missing_since: domain.missing_since,
            proven_at: domain.proven_at,
            counts_only_at: domain.counts_only_at,
            created_at: domain.created_at,
        }
    }
}

page_body! {
    /// A page of domains.
    DomainPage of DomainBody
}

/// What a new domain is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "domain": "school.example", "joining": "request" })))]
pub struct AddDomainRequest {
    /// What stands behind the `@` of an address. A domain below it is a domain of its own.
    #[schema(max_length = 1000)]
    domain: String,
    /// `closed` unless given. It takes effect when the domain is proven.
    joining: Option<Joining>,
}

/// What to change of a domain; absent fields stay.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "joining": "open" })))]
pub struct UpdateDomainRequest {
    joining: Option<Joining>,
    /// For operators: whether they vouch that the domain is the organization's.
    vouched: Option<bool>,
}

/// The domain that a request is about.
#[derive(Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct DomainPath {
    /// The organization.
    #[expect(dead_code, reason = "the document names it; the guard reads it itself")]
    pub organization_id: OrganizationId,
    /// The domain.
    pub domain_id: DomainId,
}

/// List email domains
///
/// In the order in which they were added, whatever their status.
#[utoipa::path(
    get,
    path = "/v1/organizations/{organization_id}/domains",
    tag = "Domains",
    params(OrganizationPath, PageQuery),
    responses(
        (status = 200, description = "A page.", body = DomainPage),
        PageErrors, OrganizationErrors
    ),
    extensions(("x-permission" = json!(ManageDomains::NAME)))
)]
async fn list_domains(
    http: HttpRequest,
    request: InOrganization<ManageDomains>,
    query: Query<PageQuery>,
) -> Result<HttpResponse, Problem> {
    list(&http, request, &query).await
}

/// Lists the domains of the organization that the caller may see.
///
/// # Errors
/// `validation_failed`, and those of the guard.
pub async fn list<G>(
    http: &HttpRequest,
    request: G,
    query: &PageQuery,
) -> Result<HttpResponse, Problem>
where
    G: Guard<Permit = Permit<ManageDomains>>,
{
    let (limit, after) = (query.limit()?, query.after()?);
    let found = request
        .run(move |tx, permit| domains::list(tx, &permit, limit.page(after)))
        .await?;
    let page = Paged::new(found, limit, |domain| domain.id, DomainBody::from)?;
    Ok(page.respond(http, DomainPage::new))
}

/// Add an email domain
///
/// It is `pending` until it is proven: publish the TXT `record` where the domain's DNS is run, then ask for a check; it
/// is looked for each day, too. One organization proves a domain at a time. Domains in which anybody can get a
/// mailbox, those below which everybody gets names (`co.uk`), and that of generated addresses, are `domain_not_provable`. An organization has at most 100 domains;
/// another one gets 422 `validation_failed`.
#[utoipa::path(
    post,
    path = "/v1/organizations/{organization_id}/domains",
    tag = "Domains",
    params(OrganizationPath, IdempotencyHeader),
    responses(
        (status = 201, description = "The domain.", body = DomainBody),
        BodyErrors, OrganizationErrors, AddDomainErrors
    ),
    extensions(("x-permission" = json!(ManageDomains::NAME)))
)]
async fn add_domain(
    request: InOrganization<ManageDomains>,
    idempotency::Json { idempotency, body }: idempotency::Json<AddDomainRequest>,
) -> Result<HttpResponse, Problem> {
    let new = NewDomain {
        domain: parse_domain(&body.domain)?,
        joining: body.joining.unwrap_or(Joining::Closed),
    };
    request
        .run_once(idempotency, move |tx, permit| {
            let domain = domains::add(tx, &permit, new)?;
            let (organization, id) = (domain.organization_id, domain.id);
            let location = format!("/v1/organizations/{organization}/domains/{id}");
            StoredResponse::created(location, &DomainBody::from(domain))
        })
        .await
}

/// The domain that somebody types.
///
/// # Errors
/// `validation_failed`.
pub fn parse_domain(text: &str) -> Result<EmailDomain> {
    EmailDomain::parse(text).map_err(|reason| {
        let mut form = Form::new();
        form.refuse("/domain", "domain_invalid", reason.of_domain());
        form.refusal()
    })
}

/// Get an email domain
///
/// With the record that proves it.
#[utoipa::path(
    get,
    path = "/v1/organizations/{organization_id}/domains/{domain_id}",
    tag = "Domains",
    params(DomainPath),
    responses(
        (status = 200, description = "The domain.", body = DomainBody),
        OrganizationErrors, NoSuchDomain
    ),
    extensions(("x-permission" = json!(ManageDomains::NAME)))
)]
async fn get_domain(
    request: InOrganization<ManageDomains>,
    path: web::Path<DomainPath>,
) -> Result<web::Json<DomainBody>, Problem> {
    find(request, path.domain_id).await
}

/// Gives one of the domains.
///
/// # Errors
/// `not_found`, and those of the guard.
pub async fn find<G>(request: G, id: DomainId) -> Result<web::Json<DomainBody>, Problem>
where
    G: Guard<Permit = Permit<ManageDomains>>,
{
    let domain = request
        .run(move |tx, permit| domains::find(tx, &permit, id))
        .await?;
    Ok(web::Json(domain.into()))
}

/// Change an email domain
///
/// `joining` says how people join whose verified address is in it, once it is proven. `vouched` is for operators: they
/// prove the domain by their word, without a record, and take that back; then it waits for its record.
#[utoipa::path(
    patch,
    path = "/v1/organizations/{organization_id}/domains/{domain_id}",
    tag = "Domains",
    params(DomainPath),
    responses(
        (status = 200, description = "The domain as it is now.", body = DomainBody),
        BodyErrors, OrganizationErrors, NoSuchDomain, ProvenElsewhere
    ),
    extensions(("x-permission" = json!(ManageDomains::NAME)))
)]
async fn update_domain(
    request: InOrganization<ManageDomains>,
    path: web::Path<DomainPath>,
    body: Json<UpdateDomainRequest>,
) -> Result<web::Json<DomainBody>, Problem> {
    let id = path.domain_id;
    let changes = DomainChanges {
        joining: body.joining,
        vouched: body.vouched,
    };
    let domain = request
        .change(move |tx, permit| domains::update(tx, &permit, id, changes))
        .await?;
    Ok(web::Json(domain.into()))
}

/// Remove an email domain
///
/// Nobody joins by it any more. Whoever has joined stays; by Google, people of this domain do not get in any more, so that
/// where single sign-on is required by Google alone it is refused (`last_sign_in_method`).
#[utoipa::path(
    delete,
    path = "/v1/organizations/{organization_id}/domains/{domain_id}",
    tag = "Domains",
    params(DomainPath),
    responses(
        (status = 204, description = "Removed."),
        OrganizationErrors, NoSuchDomain, LastDomain
    ),
    extensions(("x-permission" = json!(ManageDomains::NAME)))
)]
async fn remove_domain(
    request: InOrganization<ManageDomains>,
    path: web::Path<DomainPath>,
) -> Result<HttpResponse, Problem> {
    let id = path.domain_id;
    request
        .change(move |tx, permit| domains::remove(tx, &permit, id))
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Check an email domain
///
/// Asks name servers for the record, which takes up to ten seconds, and answers what they say: a domain whose record is
/// there is proven. Where it is not, `domain_not_proven` tells what is there. A proven domain whose record is gone stays
/// proven for a week. One that an operator vouches for is not looked up. Each domain has six checks an hour, and an
/// organization two at a time: `rate_limited`.
#[utoipa::path(
    post,
    path = "/v1/organizations/{organization_id}/domains/{domain_id}/check",
    tag = "Domains",
    params(DomainPath),
    responses(
        (status = 200, description = "The domain, which is proven.", body = DomainBody),
        NoBodyErrors, OrganizationErrors, NoSuchDomain, TooManyTries, CheckDomainErrors
    ),
    extensions(("x-permission" = json!(ManageDomains::NAME)))
)]
async fn check_domain(
    request: InOrganization<ManageDomains>,
    path: web::Path<DomainPath>,
    _: NoBody,
) -> Result<web::Json<DomainBody>, Problem> {
    check(request, path.domain_id).await
}

/// Checks a domain for who may prove it.
///
/// # Errors
/// `not_found`, `domain_not_proven`, `domain_taken`, `rate_limited`, and those of the guard.
pub async fn check<G>(request: G, id: DomainId) -> Result<web::Json<DomainBody>, Problem>
where
    G: Guard<Permit = Permit<ManageDomains>> + Clone,
{
    let domain = request
        .clone()
        .change(move |tx, permit| domains::begin_check(tx, &permit, id))
        .await?;
    if domain.vouched {
        return Ok(web::Json(domain.into()));
    }
    let state = request.scope().state.clone();
    let place = state.lookups.take(domain.organization_id);
    let _place = place.ok_or_else(|| Error::rate_limited(PLACE_IN))?;
    let answer = look_up(&state.services.config.dns_servers, &domain).await;
    let Checked { domain, refusal } = request
        .change(move |tx, permit| domains::finish_check(tx, &permit, (id, &answer)))
        .await?;
    match refusal {
        None => Ok(web::Json(domain.into())),
        Some(refusal) => Err(refusal.into()),
    }
}

/// By when one of an organization's checks has ended.
const PLACE_IN: Duration = Duration::from_secs(10);

fn no_domain() -> Error {
    refusal_of(parse_domain("school"))
}

fn members_without_domain() -> Error {
    members_by_domain(17)
}

problems! {
    /// Of adding a domain.
    AddDomainErrors: no_domain added_already for_everybody;
    /// Of what proves a domain.
    ProvenElsewhere: taken;
    /// Of removing a domain.
    LastDomain: last_domain members_without_domain;
    /// Of checking a domain.
    CheckDomainErrors: taken no_record;
}

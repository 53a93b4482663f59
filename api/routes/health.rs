//! For whoever runs the server: is it alive, is it ready, what does it count.

use actix_web::{HttpResponse, web};

use super::mounting::{Mounting, operations};
use super::problem::Problem;
use crate::crypto::access_token::JwkSet;
use crate::error::Result;
use crate::services::health;
use crate::state::State;
use crate::telemetry::Metrics;

/// Mounts these operations.
pub fn mount(mounting: &mut Mounting<'_>) {
    operations!(mounting, get_liveness, get_readiness, get_metrics, get_jwks);
}

/// How the server is.
#[derive(serde::Serialize, utoipa::ToSchema)]
#[schema(examples(json!({ "status": "ok" })))]
pub struct Health {
    #[schema(max_length = 10)]
    status: &'static str,
}

const OK: Health = Health { status: "ok" };

/// Check liveness
///
/// Responds as long as the process serves, whatever the database does: restart it when it does not.
#[utoipa::path(
    get,
    path = "/health/live",
    tag = "Operations",
    security(()),
    responses((status = 200, description = "Alive.", body = Health))
)]
async fn get_liveness() -> web::Json<Health> {
    web::Json(OK)
}

/// Check readiness
///
/// Responds with 503 while the database is away or takes no changes, its schema is not this version's, a copy of
/// another database into it is not finished, it was copied into another one, a pooler mixes up prepared statements, a
/// worker of this process broke down and is started again, or the process is stopping: send requests to another replica
/// meanwhile.
#[utoipa::path(
    get,
    path = "/health/ready",
    tag = "Operations",
    security(()),
    responses((status = 200, description = "Ready.", body = Health))
)]
async fn get_readiness(state: web::Data<State>) -> Result<web::Json<Health>, Problem> {
    state.status.require_ready()?;
    state.require_room()?;
    state.lookout.ask(health::require_ready).await?;
    Ok(web::Json(OK))
}

/// Get the metrics
///
/// In the Prometheus text format: counts and levels of this process; `rollcall_imports_unfinished` and
/// `rollcall_mails_unsent` are those of the database. They hold no personal data; still, publish them
/// to your monitoring only.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "Operations",
    security(()),
    responses((
        status = 200,
        description = "The metrics.",
        body = String,
        content_type = "text/plain",
        example = "rollcall_database_connections_in_use 1\n"
    ))
)]
async fn get_metrics(
    state: web::Data<State>,
    metrics: web::Data<Metrics>,
) -> Result<HttpResponse, Problem> {
    state.services.hasher.tell_waiting(&metrics);
    let pool = &state.services.pool;
    metrics.set_connections(pool.in_use(), pool.size());
    metrics.set_statements(pool.statements());
    // While the database is away the rest is worth reading more than ever.
    if let Ok(backlog) = state.lookout.ask(health::backlog).await {
        metrics.set_unfinished_imports(backlog.unfinished_imports);
        metrics.set_unsent_mails(backlog.unsent_mails);
        metrics.set_queues(&backlog.queues);
    }
    Ok(HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(metrics.render()?))
}

/// Get the public keys of access tokens
///
/// A JSON Web Key Set (RFC 7517): another service checks an access token with the key whose `kid`
/// the token names. Keys may be cached for an hour.
#[utoipa::path(
    get,
    path = "/.well-known/jwks.json",
    tag = "Operations",
    security(()),
    responses((status = 200, description = "The keys.", body = JwkSet))
)]
async fn get_jwks(state: web::Data<State>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(("Cache-Control", "public, max-age=3600"))
        .json(state.signing.public())
}

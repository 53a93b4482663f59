//! What the places that browsers come to in a flow share. Browsers are sent on, and never shown a problem in JSON.

use actix_web::http::header;
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::domain::ids::ConnectionId;
use crate::error::Result;
use crate::routes::documentation::WasHead;
use crate::routes::extract::RequestScope;
use crate::routes::problem::Problem;
use crate::services::sso::flows;

/// The connection that somebody comes by.
#[derive(Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct SsoConnectionPath {
    /// The connection.
    pub connection_id: ConnectionId,
}

/// The connection of the path: a word that is no id names none.
pub(super) fn connection_of(http: &HttpRequest) -> Result<ConnectionId> {
    let named = http.match_info().get("connection_id").unwrap_or_default();
    named.parse().map_err(|_| flows::unknown())
}

/// Whether nothing is to be used up.
pub(super) fn is_head(http: &HttpRequest) -> bool {
    http.extensions().contains::<WasHead>()
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

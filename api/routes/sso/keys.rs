//! Rollcall's own public keys, as identity providers and learning management systems fetch them.

use actix_web::HttpResponse;
use actix_web::http::header;

use crate::crypto::federation_keys::FederationJwks;
use crate::routes::extract::{Anonymous, Guard as _};
use crate::routes::problem::Problem;
use crate::routes::refusals::NoFederationKey;

/// For how long they may be kept: whoever changes keys publishes the new one earlier than that.
const KEPT: &str = "public, max-age=3600";

/// List Rollcall's federation keys
///
/// A JSON Web Key Set of the public keys by which Rollcall shows who it is: register this address at an identity
/// provider whose connection has `private_key_jwt`.
#[utoipa::path(
    get,
    path = "/v1/lti/jwks",
    tag = "Single sign-on",
    security(()),
    responses(
        (status = 200, description = "The keys, the one that signs first.", body = FederationJwks),
        NoFederationKey
    )
)]
pub(super) async fn list_federation_keys(request: Anonymous) -> Result<HttpResponse, Problem> {
    let state = request.scope().state.clone();
    let keys = state.require_federation_keys()?.public();
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, KEPT))
        .json(keys))
}

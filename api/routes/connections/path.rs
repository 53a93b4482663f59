//! The connection that a request is about.

use serde::Deserialize;
use utoipa::IntoParams;

use crate::domain::ids::{ConnectionId, OrganizationId};
use crate::error::Error;
use crate::routes::problem::problems;

/// The connection that a request is about.
#[derive(Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct ConnectionPath {
    /// The organization.
    #[expect(dead_code, reason = "the document names it; the guard reads it itself")]
    pub organization_id: OrganizationId,
    /// The connection.
    pub connection_id: ConnectionId,
}

problems! {
    /// Where there is no such connection.
    NoSuchConnection: no_such_connection;
}

fn no_such_connection() -> Error {
    Error::not_found("connection")
}

//! What an organization asks of those who sign in to it (`docs/sso.md#required-single-sign-on`).

use serde::Serialize;
use utoipa::ToSchema;

use super::connections::ConnectionKind;
use super::ids::{AccountId, ConnectionId, OrganizationId};

/// How the people of an organization have to sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInPolicy {
    /// Whether its doors open only to sessions with its own proof.
    pub required: bool,
    /// Who may come with a password all the same, in the order of their ids.
    pub emergency_admins: Vec<AccountId>,
}

/// A connection that people can sign in by.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SignInConnection {
    pub id: ConnectionId,
    #[schema(max_length = 100)]
    pub name: String,
    pub kind: ConnectionKind,
    pub organization: SignInOrganization,
}

/// Whose connection it is.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SignInOrganization {
    pub id: OrganizationId,
    #[schema(max_length = 200)]
    pub name: String,
}

//! Identities, as their owners and admins see them.

use serde::Serialize;
use utoipa::ToSchema;

use super::page::page_body;
use super::problem::problems;
use crate::domain::connections::ConnectionKind;
use crate::domain::ids::{ConnectionId, IdentityId, OrganizationId};
use crate::domain::timestamp::Timestamp;
use crate::error::{Code, Error};
use crate::services::sso::flows::not_active;
use crate::services::sso::identities::last_way_in;
use crate::services::sso::identity_taken;
use crate::store::identities::Identity;
use crate::store::sso_connections::SsoConnection;

problems! {
    /// Of who it is that comes.
    ArrivalErrors: not_active not_expected removed_earlier identity_taken;
    /// Where there is no such identity.
    NoSuchIdentity: no_such_identity;
    /// Of the last way to sign in.
    LastWayIn: last_way_in;
}

fn not_expected() -> Error {
    let detail = "Nobody expects you in this organization. Ask the people who run it to invite you. Reference: \
                  K7QF2MPDXA.";
    Error::refused(Code::NotExpectedHere, detail)
}

fn removed_earlier() -> Error {
    let detail = "An admin has removed you from this organization. Ask the people who run it to invite you. \
                  Reference: K7QF2MPDXA.";
    Error::refused(Code::RemovedByAdmin, detail)
}

fn no_such_identity() -> Error {
    Error::not_found("identity")
}

/// Who somebody is at an identity provider.
#[derive(Serialize, ToSchema)]
#[schema(as = Identity, examples(json!({
    "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11",
    "connection": {
        "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c12",
        "name": "School accounts",
        "kind": "oidc"
    },
    "organization_id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c13",
    "subject_hint": "…4c11",
    "last_used_at": "2026-09-01T07:30:00Z",
    "created_at": "2026-09-01T07:30:00Z"
})))]
pub struct IdentityBody {
    id: IdentityId,
    connection: IdentityConnection,
    organization_id: OrganizationId,
    /// The end of what the identity provider calls them.
    #[schema(max_length = 10)]
    subject_hint: String,
    last_used_at: Timestamp,
    created_at: Timestamp,
}

/// By which connection.
#[derive(Serialize, ToSchema)]
pub struct IdentityConnection {
    id: ConnectionId,
    #[schema(max_length = 100)]
    name: String,
    kind: ConnectionKind,
}

impl IdentityBody {
    /// An identity with its connection.
    pub fn new((identity, connection): (Identity, SsoConnection)) -> Self {
        let last: Vec<char> = identity.subject.chars().rev().take(4).collect();
        let last: String = last.into_iter().rev().collect();
        Self {
            id: identity.id,
            connection: IdentityConnection {
                id: connection.id,
                name: connection.name,
                kind: connection.kind,
            },
            organization_id: identity.organization_id,
            subject_hint: format!("…{last}"),
            last_used_at: identity.last_used_at,
            created_at: identity.created_at,
        }
    }
}

page_body! {
    /// A page of identities.
    IdentityPage of IdentityBody
}

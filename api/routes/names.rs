//! What responses refer to: an id, with the name that people know it by.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::connections::ConnectionKind;
use crate::domain::ids::{AccountId, ConnectionId, GroupId, OrganizationId};

/// An organization's id and name.
#[derive(Serialize, ToSchema)]
pub struct OrganizationReference {
    id: OrganizationId,
    #[schema(min_length = 1, max_length = 200)]
    name: String,
}

impl From<(OrganizationId, String)> for OrganizationReference {
    fn from((id, name): (OrganizationId, String)) -> Self {
        Self { id, name }
    }
}

/// A connection's id, name and kind.
#[derive(Serialize, ToSchema)]
pub struct ConnectionReference {
    id: ConnectionId,
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    kind: ConnectionKind,
}

impl From<(ConnectionId, String, ConnectionKind)> for ConnectionReference {
    fn from((id, name, kind): (ConnectionId, String, ConnectionKind)) -> Self {
        Self { id, name, kind }
    }
}

/// A group's id and name.
#[derive(Serialize, ToSchema)]
pub struct GroupReference {
    id: GroupId,
    #[schema(min_length = 1, max_length = 100)]
    name: String,
}

impl From<(GroupId, String)> for GroupReference {
    fn from((id, name): (GroupId, String)) -> Self {
        Self { id, name }
    }
}

/// An account's id and the name of its owner.
#[derive(Serialize, ToSchema)]
pub struct AccountReference {
    account_id: AccountId,
    #[schema(min_length = 1, max_length = 100)]
    username: String,
}

impl From<(AccountId, String)> for AccountReference {
    fn from((account_id, username): (AccountId, String)) -> Self {
        Self {
            account_id,
            username,
        }
    }
}

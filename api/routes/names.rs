//! What responses refer to: an id, with the name that people know it by.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::ids::{AccountId, GroupId, OrganizationId};

/// An organization's id and name.
#[derive(Serialize, ToSchema)]
pub struct OrganizationName {
    id: OrganizationId,
    #[schema(min_length = 1, max_length = 200)]
    name: String,
}

impl From<(OrganizationId, String)> for OrganizationName {
    fn from((id, name): (OrganizationId, String)) -> Self {
        Self { id, name }
    }
}

/// A group's id and name.
#[derive(Serialize, ToSchema)]
pub struct GroupName {
    id: GroupId,
    #[schema(min_length = 1, max_length = 100)]
    name: String,
}

impl From<(GroupId, String)> for GroupName {
    fn from((id, name): (GroupId, String)) -> Self {
        Self { id, name }
    }
}

/// An account's id and the name of its owner.
#[derive(Serialize, ToSchema)]
pub struct AccountName {
    account_id: AccountId,
    #[schema(min_length = 1, max_length = 100)]
    username: String,
}

impl From<(AccountId, String)> for AccountName {
    fn from((account_id, username): (AccountId, String)) -> Self {
        Self {
            account_id,
            username,
        }
    }
}

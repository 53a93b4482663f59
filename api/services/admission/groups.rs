//! Members who are added to groups.

use crate::domain::events::{AddedBy, DomainEvent, GroupEvent};
use crate::domain::ids::{AccountId, GroupId, OrganizationId, SourceId};
use crate::domain::organization::GroupRole;
use crate::error::Result;
use crate::services::events;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::group_members::{self, Place};
use crate::store::removed_members;

/// Adds members of an organization to a group of it, and publishes it; who is in it already stays as
/// they are. Tells who was new in it.
pub fn add_to_group(
    tx: &mut UnitOfWork<'_>,
    (organization, group): (OrganizationId, GroupId),
    accounts: &[AccountId],
    by: AddedBy,
) -> Result<Vec<AccountId>> {
    let (role, source) = match by {
        AddedBy::Manager { role } => (role, None),
        AddedBy::InviteCode(_) | AddedBy::Invitation => (GroupRole::Member, None),
        AddedBy::Rule(connection) => (GroupRole::Member, Some(SourceId::from(connection))),
    };
    let place = Place { role, source };
    let added = group_members::insert(tx.connection, (organization, group), accounts, place)?;
    if source.is_none() {
        group_members::keep_by_hand(tx.connection, organization, group, accounts)?;
    }
    let mut added: Vec<_> = added.into_iter().collect();
    added.sort_unstable();
    removed_members::delete_of_groups(tx.connection, &[group], accounts)?;
    if !added.is_empty() {
        let event = DomainEvent::Group {
            organization,
            group,
            event: GroupEvent::MembersAdded {
                accounts: added.clone(),
                by,
            },
        };
        events::publish(tx, event)?;
    }
    Ok(added)
}

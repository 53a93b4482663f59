//! Groups: created, listed, changed, deleted.

use std::collections::HashMap;

use super::authorization::{CreateGroup, GroupPermit, ManageGroup, Permit, SeeGroups};
use super::unit_of_work::UnitOfWork;
use super::{events, grants, invite_codes};
use crate::clock::new_id;
use crate::domain::events::{DomainEvent, GroupEvent};
use crate::domain::ids::{AccountId, GroupId};
use crate::domain::organization::GroupRole;
use crate::domain::search_key::{SearchWords, name_key, search_key};
use crate::error::{Code, Error, Result};
use crate::services::invite_codes::pending_joins;
use crate::store::group_members::Place;
use crate::store::groups::{self, Group, GroupChanges, GroupFilter};
use crate::store::invite_codes as code_store;
use crate::store::memberships;
use crate::store::{Page, group_members};

/// What a new group is to be.
#[derive(Clone, Debug)]
pub struct NewGroup {
    pub name: String,
    pub description: Option<String>,
}

/// A group as somebody sees it.
pub struct GroupView {
    pub group: Group,
    pub member_count: i64,
    /// As what the caller is in it.
    pub my_role: Option<GroupRole>,
}

/// Creates a group, which its creator manages if they are staff or an admin of the organization.
///
/// # Errors
/// `name_taken`: names are unique in an organization whatever their case.
pub fn create(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<CreateGroup>,
    new: NewGroup,
) -> Result<GroupView> {
    let organization = permit.organization.id;
    let group = Group {
        id: new_id::<GroupId>(),
        organization_id: organization,
        name_key: name_key(&new.name),
        search_key: search_key(&new.name),
        name: new.name,
        description: new.description,
        created_at: tx.now(),
    };
    tx.transaction(|tx| {
        if !groups::insert(tx.connection, &group)? {
            return Err(name_taken());
        }
        invite_codes::create(tx.connection, organization, Some(group.id), tx.now())?;
        let manager = add_manager(tx, permit, &group)?;
        let event = GroupEvent::Created {
            name: group.name.clone(),
            manager,
        };
        events::publish(tx, about(&group, event))?;
        Ok(manager)
    })
    .map(|manager| GroupView {
        group,
        member_count: manager.map_or(0, |_| 1),
        my_role: manager.map(|_| GroupRole::Manager),
    })
}

/// The refusal of a name that another group of the organization has.
pub fn name_taken() -> Error {
    Error::refused(
        Code::NameTaken,
        "The organization has a group of this name already.",
    )
}

/// Makes the creator the group's manager, where they may be; gives them then.
fn add_manager(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<CreateGroup>,
    group: &Group,
) -> Result<Option<AccountId>> {
    let organization = permit.organization.id;
    let Some(creator) = tx.account_id() else {
        return Ok(None);
    };
    let membership = memberships::find(tx.connection, organization, creator)?;
    if !membership.is_some_and(|membership| membership.may_manage_groups()) {
        return Ok(None);
    }
    let role = GroupRole::Manager;
    group_members::insert(
        tx.connection,
        (organization, group.id),
        &[creator],
        Place::by_hand(role),
    )?;
    Ok(Some(creator))
}

/// A page of groups: all for admins, one's own otherwise.
pub fn list(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<SeeGroups>,
    search: Option<SearchWords>,
    page: Page<GroupId>,
) -> Result<Vec<GroupView>> {
    let filter = GroupFilter {
        search,
        member: permit.restricted_to_manager(),
    };
    let found = groups::list(tx.connection, permit.organization.id, &filter, page)?;
    seen(tx, permit, found)
}

/// One group.
pub fn find(tx: &mut UnitOfWork<'_>, permit: &GroupPermit<SeeGroups>) -> Result<GroupView> {
    one(tx, &permit.permit, permit.group.clone())
}

fn one<A>(tx: &mut UnitOfWork<'_>, permit: &Permit<A>, group: Group) -> Result<GroupView> {
    let found = seen(tx, permit, vec![group])?.pop();
    found.ok_or_else(|| Error::not_found("group"))
}

fn seen<A>(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<A>,
    page: Vec<Group>,
) -> Result<Vec<GroupView>> {
    let organization = permit.organization.id;
    let ids: Vec<_> = page.iter().map(|group| group.id).collect();
    let counts: HashMap<GroupId, i64> = groups::member_counts(tx.connection, organization, &ids)?;
    let roles = match tx.account_id() {
        Some(account) => group_members::roles_of(tx.connection, organization, account, &ids)?,
        None => HashMap::new(),
    };
    Ok(page
        .into_iter()
        .map(|group| GroupView {
            member_count: counts.get(&group.id).copied().unwrap_or(0),
            my_role: roles.get(&group.id).copied(),
            group,
        })
        .collect())
}

/// Another name and description; an absent one stays, `Some(None)` takes a description away.
#[derive(Clone, Debug, Default)]
pub struct GroupUpdate {
    pub name: Option<String>,
    pub description: Option<Option<String>>,
}

/// Changes a group, and gives it as it is then.
///
/// # Errors
/// `name_taken`.
pub fn update(
    tx: &mut UnitOfWork<'_>,
    permit: &GroupPermit<ManageGroup>,
    new: GroupUpdate,
) -> Result<GroupView> {
    let (organization, id) = (permit.permit.organization.id, permit.group.id);
    let changes = GroupChanges {
        name_key: new.name.as_deref().map(name_key),
        search_key: new.name.as_deref().map(search_key),
        name: new.name,
        description: new.description,
    };
    if changes.name.is_none() && changes.description.is_none() {
        return one(tx, &permit.permit, permit.group.clone());
    }
    tx.transaction(|tx| {
        if !groups::update(tx.connection, organization, id, &changes)? {
            return Err(name_taken());
        }
        let event = GroupEvent::Updated {
            name: changes.name.clone(),
            description: changes.description.clone(),
        };
        events::publish(tx, about(&permit.group, event))?;
        let group = groups::find(tx.connection, organization, id)?;
        let group = group.ok_or_else(|| Error::not_found("group"))?;
        one(tx, &permit.permit, group)
    })
}

/// Deletes a group with its invite code and its grants; its people stay in the organization.
///
/// # Errors
/// `not_found` where somebody else was faster.
pub fn delete(tx: &mut UnitOfWork<'_>, permit: &GroupPermit<ManageGroup>) -> Result<()> {
    let (organization, id) = (permit.permit.organization.id, permit.group.id);
    tx.transaction(|tx| {
        // The code before its group, as whoever joins by it holds them.
        if let Some(code) = code_store::find(tx.connection, organization, Some(id))? {
            code_store::lock(tx.connection, code.id)?;
            pending_joins::end_of_code(tx, organization, code.id)?;
        }
        grants::revoke_all(tx, organization, id)?;
        if !groups::delete(tx.connection, organization, id)? {
            return Err(Error::not_found("group"));
        }
        let event = GroupEvent::Deleted {
            name: permit.group.name.clone(),
        };
        events::publish(tx, about(&permit.group, event))
    })
}

fn about(group: &Group, event: GroupEvent) -> DomainEvent {
    DomainEvent::Group {
        organization: group.organization_id,
        group: group.id,
        event,
    }
}

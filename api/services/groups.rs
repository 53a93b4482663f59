//! Groups: made, listed, changed, deleted (PRODUCT 3.8).

use std::collections::HashMap;

use serde_json::json;

use super::audit::{self, Event, Subject};
use super::authorization::{CreateGroup, GroupPermit, ManageGroup, Permit, SeeGroups};
use super::invite_codes;
use crate::clock::new_id;
use crate::domain::audit::AuditAction;
use crate::domain::ids::{GroupId, OrganizationId};
use crate::domain::organization::GroupRole;
use crate::domain::search_key::name_key;
use crate::error::{Code, Error, Result};
use crate::store::groups::{self, Group, GroupChanges, GroupFilter, GroupMembership};
use crate::store::invite_codes as code_store;
use crate::store::memberships;
use crate::store::{Connection, group_members, transaction};

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

/// Makes a group, which its maker manages if they are staff or an admin of the organization.
///
/// # Errors
/// `name_taken`: names are unique in an organization whatever their case.
pub fn create(
    connection: &mut Connection,
    permit: &Permit<CreateGroup>,
    new: NewGroup,
) -> Result<GroupView> {
    let organization = permit.organization.id;
    let group = Group {
        id: new_id::<GroupId>(),
        organization_id: organization,
        name_key: name_key(&new.name),
        name: new.name,
        description: new.description,
        created_at: permit.act.at,
    };
    transaction(connection, |connection| {
        if !groups::insert(connection, &group)? {
            return Err(name_taken());
        }
        invite_codes::make(connection, organization, Some(group.id), permit.act.at)?;
        let my_role = make_manager(connection, permit, &group)?;
        let details = json!({ "name": group.name });
        let event = Event::within(
            organization,
            AuditAction::GroupCreated,
            Subject::Group(group.id),
            details,
        );
        audit::record(connection, &permit.act, event)?;
        Ok(my_role)
    })
    .map(|my_role| GroupView {
        group,
        member_count: my_role.map_or(0, |_| 1),
        my_role,
    })
}

fn name_taken() -> Error {
    Error::refused(
        Code::NameTaken,
        "The organization has a group of this name already.",
    )
}

/// As what its maker is in it by that.
fn make_manager(
    connection: &mut Connection,
    permit: &Permit<CreateGroup>,
    group: &Group,
) -> Result<Option<GroupRole>> {
    let organization = permit.organization.id;
    let Some(maker) = permit.account_id else {
        return Ok(None);
    };
    let membership = memberships::find(connection, organization, maker)?;
    if !membership.is_some_and(|membership| membership.may_manage_groups()) {
        return Ok(None);
    }
    let manager = GroupMembership {
        group_id: group.id,
        organization_id: organization,
        account_id: maker,
        role: GroupRole::Manager,
    };
    groups::insert_memberships(connection, &[manager])?;
    Ok(Some(GroupRole::Manager))
}

/// A page of groups: all for admins, one's own otherwise.
pub fn list(
    connection: &mut Connection,
    permit: &Permit<SeeGroups>,
    search: Option<String>,
    after: Option<GroupId>,
    limit: i64,
) -> Result<Vec<GroupView>> {
    let filter = GroupFilter {
        search,
        member: permit.restricted_to_manager(),
    };
    let page = groups::list(connection, permit.organization.id, &filter, after, limit)?;
    seen(connection, permit, page)
}

/// One group.
pub fn find(connection: &mut Connection, permit: &GroupPermit<SeeGroups>) -> Result<GroupView> {
    one(connection, &permit.permit, permit.group.clone())
}

fn one<A>(connection: &mut Connection, permit: &Permit<A>, group: Group) -> Result<GroupView> {
    let found = seen(connection, permit, vec![group])?.pop();
    found.ok_or_else(|| Error::not_found("group"))
}

fn seen<A>(
    connection: &mut Connection,
    permit: &Permit<A>,
    page: Vec<Group>,
) -> Result<Vec<GroupView>> {
    let organization = permit.organization.id;
    let ids: Vec<_> = page.iter().map(|group| group.id).collect();
    let counts: HashMap<GroupId, i64> = groups::member_counts(connection, organization, &ids)?;
    let roles = match permit.account_id {
        Some(holder) => group_members::roles_of(connection, organization, holder, &ids)?,
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
    connection: &mut Connection,
    permit: &GroupPermit<ManageGroup>,
    new: GroupUpdate,
) -> Result<GroupView> {
    let (organization, id) = (permit.permit.organization.id, permit.group.id);
    let changes = GroupChanges {
        name_key: new.name.as_deref().map(name_key),
        name: new.name,
        description: new.description,
    };
    if changes.name.is_none() && changes.description.is_none() {
        return one(connection, &permit.permit, permit.group.clone());
    }
    transaction(connection, |connection| {
        if !groups::update(connection, organization, id, &changes)? {
            return Err(name_taken());
        }
        let mut details = serde_json::Map::new();
        if let Some(name) = &changes.name {
            details.insert("name".to_owned(), json!(name));
        }
        if let Some(description) = &changes.description {
            details.insert("description".to_owned(), json!(description));
        }
        let subject = Subject::Group(id);
        let event = Event::within(
            organization,
            AuditAction::GroupUpdated,
            subject,
            details.into(),
        );
        audit::record(connection, &permit.permit.act, event)?;
        let group = groups::find(connection, organization, id)?;
        let group = group.ok_or_else(|| Error::not_found("group"))?;
        one(connection, &permit.permit, group)
    })
}

/// Deletes a group with its invite code; its people stay in the organization.
///
/// # Errors
/// `not_found` where somebody else was faster.
pub fn delete(connection: &mut Connection, permit: &GroupPermit<ManageGroup>) -> Result<()> {
    let (organization, id) = (permit.permit.organization.id, permit.group.id);
    transaction(connection, |connection| {
        // The code before its group, as whoever joins by it holds them.
        if let Some(code) = code_store::find(connection, organization, Some(id))? {
            code_store::lock(connection, code.id)?;
        }
        if !groups::delete(connection, organization, id)? {
            return Err(Error::not_found("group"));
        }
        let details = json!({ "name": permit.group.name });
        let subject = Subject::Group(id);
        let event = Event::within(organization, AuditAction::GroupDeleted, subject, details);
        audit::record(connection, &permit.permit.act, event)
    })
}

/// Refuses groups that the organization does not have, naming the field of the request.
///
/// # Errors
/// `validation_failed`.
pub fn require_all(
    pointer: &'static str,
    connection: &mut Connection,
    organization: OrganizationId,
    ids: &[GroupId],
) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let existing = groups::existing(connection, organization, ids)?;
    match ids.iter().find(|id| !existing.contains(id)) {
        None => Ok(()),
        Some(missing) => Err(Error::invalid(
            pointer,
            "group_unknown",
            format!("This organization has no group {missing}."),
        )),
    }
}

//! Groups: made and listed (PRODUCT 3.8).

use std::collections::HashMap;

use serde_json::json;

use super::audit::{self, Event, Subject};
use super::authorization::{CreateGroup, Permit, SeeGroups};
use super::invite_codes;
use crate::domain::audit::Action;
use crate::domain::ids::{GroupId, OrganizationId};
use crate::domain::organization::GroupRole;
use crate::domain::search_key::name_key;
use crate::error::{Code, Error, Result};
use crate::store::groups::{self, Group, GroupMembership};
use crate::store::{Connection, memberships, transaction};

/// What a new group is to be.
#[derive(Clone, Debug)]
pub struct NewGroup {
    pub name: String,
    pub description: Option<String>,
}

/// Makes a group, which its maker manages if they are a member of the organization; gives it with
/// the number of its people.
///
/// # Errors
/// `name_taken`: names are unique in an organization whatever their case.
pub fn create(
    connection: &mut Connection,
    permit: &Permit<CreateGroup>,
    new: NewGroup,
) -> Result<(Group, i64)> {
    let organization = permit.organization.id;
    let group = Group {
        id: GroupId::new(),
        organization_id: organization,
        name_key: name_key(&new.name),
        name: new.name,
        description: new.description,
        created_at: permit.act.at,
    };
    transaction(connection, |connection| {
        if !groups::insert(connection, &group)? {
            return Err(Error::refused(
                Code::NameTaken,
                "The organization has a group of this name already.",
            ));
        }
        invite_codes::make(connection, organization, Some(group.id), permit.act.at)?;
        let member_count = make_manager(connection, permit, &group)?;
        let details = json!({ "name": group.name });
        let event = Event::within(
            organization,
            Action::GroupCreated,
            Subject::Group(group.id),
            details,
        );
        audit::record(connection, &permit.act, event)?;
        Ok(member_count)
    })
    .map(|member_count| (group, member_count))
}

/// How many people the group has by that.
fn make_manager(
    connection: &mut Connection,
    permit: &Permit<CreateGroup>,
    group: &Group,
) -> Result<i64> {
    let organization = permit.organization.id;
    let Some(maker) = permit.holder else {
        return Ok(0);
    };
    if memberships::find(connection, organization, maker)?.is_none() {
        return Ok(0);
    }
    let manager = GroupMembership {
        group_id: group.id,
        organization_id: organization,
        account_id: maker,
        role: GroupRole::Manager,
    };
    groups::insert_memberships(connection, &[manager])?;
    Ok(1)
}

/// A page of groups with the number of their people: all for admins, one's own otherwise.
pub fn list(
    connection: &mut Connection,
    permit: &Permit<SeeGroups>,
    after: Option<GroupId>,
    limit: i64,
) -> Result<Vec<(Group, i64)>> {
    let organization = permit.organization.id;
    let page = groups::list(connection, organization, permit.confined_to(), after, limit)?;
    let ids: Vec<_> = page.iter().map(|group| group.id).collect();
    let counts: HashMap<GroupId, i64> = groups::member_counts(connection, organization, &ids)?;
    Ok(page
        .into_iter()
        .map(|group| {
            let count = counts.get(&group.id).copied().unwrap_or(0);
            (group, count)
        })
        .collect())
}

/// Refuses groups that the organization does not have.
///
/// # Errors
/// `validation_failed`, naming each.
pub fn require_all(
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
            "/group_ids",
            "group_unknown",
            format!("This organization has no group {missing}."),
        )),
    }
}

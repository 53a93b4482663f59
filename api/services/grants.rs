//! Grants of resources to groups: set, listed, revoked (`docs/grants.md`).

use super::authorization::{GroupPermit, ManageGrants, ReadGrants};
use super::events;
use super::unit_of_work::UnitOfWork;
use crate::domain::events::{DomainEvent, GrantEvent};
use crate::domain::ids::{GroupId, OrganizationId};
use crate::domain::resource::{Resource, ResourceType};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::store::Page;
use crate::store::grants::{self, Grant};

/// The most grants that a group has, ended ones included.
const MAX_GRANTS: i64 = 10_000;

/// What a grant is to be.
#[derive(Clone, Debug)]
pub struct NewGrant {
    pub resource: Resource,
    /// The grant does not end where this is absent.
    pub expires_at: Option<Timestamp>,
}

/// Has a group open a resource, until this end; a grant that is there gets the end. Gives it as it is then.
///
/// # Errors
/// `validation_failed` for an end that is not ahead, or where the group has as many grants as it may have.
pub fn set(
    tx: &mut UnitOfWork<'_>,
    permit: &GroupPermit<ManageGrants>,
    new: NewGrant,
) -> Result<Grant> {
    if new.expires_at.is_some_and(|end| end <= tx.now()) {
        return Err(ends_in_the_past());
    }
    let NewGrant {
        resource,
        expires_at,
    } = new;
    let grant = Grant {
        organization_id: permit.permit.organization.id,
        group_id: permit.group.id,
        resource_type: resource.resource_type,
        resource_id: resource.id,
        expires_at,
        created_at: tx.now(),
    };
    tx.transaction(|tx| {
        if grants::insert(tx.connection, &grant)? {
            refuse_too_many(tx, &grant)?;
            publish(tx, &grant, GrantEvent::Created { expires_at })?;
        } else if grants::set_end(tx.connection, &grant)? {
            publish(tx, &grant, GrantEvent::Updated { expires_at })?;
        }
        let (organization, group) = (grant.organization_id, grant.group_id);
        let found = grants::find(tx.connection, organization, group, &grant.resource())?;
        found.ok_or_else(no_such_grant)
    })
}

/// The refusal of an end that is not ahead.
pub fn ends_in_the_past() -> Error {
    let detail = "This has to be in the future. To close the resource now, revoke the grant.";
    Error::invalid("/expires_at", "in_the_past", detail)
}

/// Counts with the new one: the organization is locked, so that nobody adds another meanwhile.
fn refuse_too_many(tx: &mut UnitOfWork<'_>, new: &Grant) -> Result<()> {
    if grants::count(tx.connection, new.organization_id, new.group_id)? <= MAX_GRANTS {
        return Ok(());
    }
    let detail = format!(
        "A group has at most {MAX_GRANTS} grants, ended ones included. Revoke those that have ended."
    );
    Err(Error::invalid("", "too_many", detail))
}

/// One grant, whether or not it has ended.
///
/// # Errors
/// `not_found` where the group has none of this resource.
pub fn find(
    tx: &mut UnitOfWork<'_>,
    permit: &GroupPermit<ReadGrants>,
    resource: &Resource,
) -> Result<Grant> {
    let (organization, group) = (permit.permit.organization.id, permit.group.id);
    let found = grants::find(tx.connection, organization, group, resource)?;
    found.ok_or_else(no_such_grant)
}

/// A page of a group's grants, ended ones included, in the order of types and ids.
pub fn list(
    tx: &mut UnitOfWork<'_>,
    permit: &GroupPermit<ReadGrants>,
    resource_type: Option<&ResourceType>,
    page: Page<Resource>,
) -> Result<Vec<Grant>> {
    let group = (permit.permit.organization.id, permit.group.id);
    grants::list(tx.connection, group, resource_type, page)
}

/// Takes a grant back: the group opens the resource no more.
///
/// # Errors
/// `not_found` where the group has none of this resource.
pub fn revoke(
    tx: &mut UnitOfWork<'_>,
    permit: &GroupPermit<ManageGrants>,
    resource: &Resource,
) -> Result<()> {
    let (organization, group) = (permit.permit.organization.id, permit.group.id);
    tx.transaction(|tx| {
        if !grants::delete(tx.connection, organization, group, resource)? {
            return Err(no_such_grant());
        }
        let event = event((organization, group), resource.clone(), GrantEvent::Revoked);
        events::publish(tx, event)
    })
}

/// Takes all grants to a group back, which is about to be deleted.
pub(super) fn revoke_all(
    tx: &mut UnitOfWork<'_>,
    organization: OrganizationId,
    group: GroupId,
) -> Result<()> {
    let revoked = grants::delete_all(tx.connection, organization, group)?;
    let events: Vec<_> = revoked
        .into_iter()
        .map(|resource| event((organization, group), resource, GrantEvent::Revoked))
        .collect();
    events::publish_all(tx, &events)
}

fn no_such_grant() -> Error {
    Error::not_found("grant")
}

fn publish(tx: &mut UnitOfWork<'_>, grant: &Grant, what: GrantEvent) -> Result<()> {
    let group = (grant.organization_id, grant.group_id);
    events::publish(tx, event(group, grant.resource(), what))
}

fn event(
    (organization, group): (OrganizationId, GroupId),
    resource: Resource,
    event: GrantEvent,
) -> DomainEvent {
    DomainEvent::Grant {
        organization,
        group,
        resource,
        event,
    }
}

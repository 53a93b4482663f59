//! Grants: resources of other systems that groups open.

use diesel::prelude::*;

use super::backend::each_backend;
use super::row_value::beyond;
use super::schema::grants;
use super::{Connection, Page};
use crate::domain::ids::{GroupId, OrganizationId};
use crate::domain::members::Direction;
use crate::domain::resource::{Resource, ResourceId, ResourceType};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

/// A grant as it is kept.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = grants, treat_none_as_default_value = false)]
pub struct Grant {
    pub organization_id: OrganizationId,
    pub group_id: GroupId,
    pub resource_type: ResourceType,
    #[diesel(column_name = resource)]
    pub resource_id: ResourceId,
    pub expires_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

impl Grant {
    /// What it opens.
    pub fn resource(&self) -> Resource {
        Resource {
            resource_type: self.resource_type.clone(),
            id: self.resource_id.clone(),
        }
    }
}

/// Adds a grant; `false`, and nothing changed, where the group has one of this resource.
pub fn insert(connection: &mut Connection, grant: &Grant) -> Result<bool> {
    let inserted = each_backend!(connection, c => diesel::insert_into(grants::table)
        .values(grant)
        .on_conflict_do_nothing()
        .execute(c))?;
    Ok(inserted == 1)
}

/// Gives the grant that is there the end of this one; `false` where it has that, or is not there.
pub fn set_end(connection: &mut Connection, grant: &Grant) -> Result<bool> {
    let group = (grant.organization_id, grant.group_id);
    let found = one(group, &grant.resource_type, &grant.resource_id);
    let end = grants::expires_at.eq(grant.expires_at);
    let updated = match grant.expires_at {
        None => diesel::update(found.filter(grants::expires_at.is_not_null()))
            .set(end)
            .execute(connection),
        Some(at) => {
            let has_another = grants::expires_at.is_null().or(grants::expires_at.ne(at));
            diesel::update(found.filter(has_another))
                .set(end)
                .execute(connection)
        }
    };
    Ok(updated? == 1)
}

/// The grant of a resource to a group of the organization.
pub fn find(
    connection: &mut Connection,
    organization: OrganizationId,
    group: GroupId,
    resource: &Resource,
) -> Result<Option<Grant>> {
    let Resource { resource_type, id } = resource;
    Ok(one((organization, group), resource_type, id)
        .select(Grant::as_select())
        .first(connection)
        .optional()?)
}

/// Deletes the grant of a resource to a group; `false` where there is none.
pub fn delete(
    connection: &mut Connection,
    organization: OrganizationId,
    group: GroupId,
    resource: &Resource,
) -> Result<bool> {
    let Resource { resource_type, id } = resource;
    let grant = one((organization, group), resource_type, id);
    Ok(diesel::delete(grant).execute(connection)? == 1)
}

#[diesel::dsl::auto_type]
fn one<'a>(
    group: (OrganizationId, GroupId),
    resource_type: &'a ResourceType,
    resource_id: &'a ResourceId,
) -> _ {
    let (organization, group): (OrganizationId, GroupId) = group;
    grants::table
        .filter(grants::organization_id.eq(organization))
        .filter(grants::group_id.eq(group))
        .filter(grants::resource_type.eq(resource_type))
        .filter(grants::resource.eq(resource_id))
}

/// Deletes all grants to a group, and tells what they opened.
pub fn delete_all(
    connection: &mut Connection,
    organization: OrganizationId,
    group: GroupId,
) -> Result<Vec<Resource>> {
    let of_group = grants::table
        .filter(grants::organization_id.eq(organization))
        .filter(grants::group_id.eq(group));
    let deleted: Vec<(ResourceType, ResourceId)> = diesel::delete(of_group)
        .returning((grants::resource_type, grants::resource))
        .get_results(connection)?;
    let resource = |(resource_type, id)| Resource { resource_type, id };
    Ok(deleted.into_iter().map(resource).collect())
}

/// How many grants a group has, ended ones included.
pub fn count(
    connection: &mut Connection,
    organization: OrganizationId,
    group: GroupId,
) -> Result<i64> {
    Ok(grants::table
        .filter(grants::organization_id.eq(organization))
        .filter(grants::group_id.eq(group))
        .count()
        .get_result(connection)?)
}

/// A page of a group's grants in the order of types and ids; those of one type only where it is given.
pub fn list(
    connection: &mut Connection,
    (organization, group): (OrganizationId, GroupId),
    resource_type: Option<&ResourceType>,
    page: Page<Resource>,
) -> Result<Vec<Grant>> {
    let mut query = grants::table
        .filter(grants::organization_id.eq(organization))
        .filter(grants::group_id.eq(group))
        .order((grants::resource_type.asc(), grants::resource.asc()))
        .limit(page.limit)
        .select(Grant::as_select())
        .into_boxed();
    if let Some(resource_type) = resource_type {
        query = query.filter(grants::resource_type.eq(resource_type));
    }
    if let Some(Resource {
        resource_type: of_type,
        id,
    }) = page.after
    {
        query = match resource_type {
            // Of one type, the index is in the order of the ids.
            Some(only) if *only == of_type => query.filter(grants::resource.gt(id)),
            Some(_) | None => {
                let columns = (grants::resource_type, grants::resource);
                query.filter(beyond(columns, (of_type, id), Direction::Ascending))
            }
        };
    }
    Ok(query.load(connection)?)
}

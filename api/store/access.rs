//! Whether an account may open resources: one statement, however many they are.

use std::collections::BTreeSet;

use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::Text;

use super::Connection;
use super::connection::MultiBackend;
use super::schema::{accounts, grants, group_memberships, groups, memberships};
use super::sql_expression::sql_expression;
use crate::domain::ids::{AccountId, GroupId, OrganizationId};
use crate::domain::organization::MembershipStatus;
use crate::domain::resource::{Resource, ResourceId, ResourceType};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};

/// What is asked: whether the account may open the resources at that time.
#[derive(Clone, Copy, Debug)]
pub struct AccessQuestion<'a> {
    pub account: AccountId,
    pub resources: &'a [Resource],
    pub at: Timestamp,
}

/// A grant that opens a resource, with the group that has it.
#[derive(Clone, Debug, PartialEq, Eq, Queryable)]
pub struct OpenGrant {
    pub resource_type: ResourceType,
    pub resource_id: ResourceId,
    pub expires_at: Option<Timestamp>,
    pub group: GroupId,
    pub group_name: String,
}

/// The grants that open these resources to the account, which is an active member of the organization and in
/// their groups.
pub fn open_grants(
    connection: &mut Connection,
    organization: OrganizationId,
    question: &AccessQuestion<'_>,
) -> Result<Vec<OpenGrant>> {
    let open = open_to(organization, question.account, question.at);
    match question.resources {
        [Resource { resource_type, id }] => Ok(open
            .filter(grants::resource_type.eq(resource_type))
            .filter(grants::resource.eq(id))
            .load(connection)?),
        several => Ok(open
            .filter(AmongResources::new(connection, several)?)
            .into_boxed()
            .load(connection)?),
    }
}

/// That a grant is of one of some resources. Types among types and ids among ids would be as many pairs as there are
/// of both.
struct AmongResources {
    /// An array of JSON, of a type and an id each.
    pairs: String,
    is_postgres: bool,
}

impl AmongResources {
    fn new(connection: &Connection, resources: &[Resource]) -> Result<Self> {
        let pairs: BTreeSet<(&str, &str)> = resources
            .iter()
            .map(|it| (it.resource_type.as_str(), it.id.as_str()))
            .collect();
        Ok(Self {
            pairs: serde_json::to_string(&pairs).map_err(Error::internal)?,
            is_postgres: matches!(connection, Connection::Postgres(_)),
        })
    }
}

impl QueryFragment<MultiBackend> for AmongResources {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        let (before, behind) = if self.is_postgres {
            (
                "SELECT pair ->> 0, pair ->> 1 FROM json_array_elements(",
                "::json) AS pair)",
            )
        } else {
            ("SELECT value ->> 0, value ->> 1 FROM json_each(", "))")
        };
        out.push_sql("(grants.resource_type, grants.resource) IN (");
        out.push_sql(before);
        out.push_bind_param::<Text, _>(&self.pairs)?;
        out.push_sql(behind);
        Ok(())
    }
}

sql_expression!(AmongResources);

#[diesel::dsl::auto_type]
fn open_to(organization: OrganizationId, account: AccountId, at: Timestamp) -> _ {
    let theirs: groups_of = groups_of(organization, account);
    let is_open = grants::expires_at.is_null().or(grants::expires_at.gt(at));
    grants::table
        .inner_join(groups::table.on(groups::id.eq(grants::group_id)))
        .filter(grants::organization_id.eq(organization))
        .filter(grants::group_id.eq_any(theirs))
        .filter(is_open)
        .select((
            grants::resource_type,
            grants::resource,
            grants::expires_at,
            groups::id,
            groups::name,
        ))
}

/// The groups that an active member is in. As a subquery they come before the grants: of an organization's
/// grants, SQLite would else read all.
#[diesel::dsl::auto_type]
fn groups_of(organization: OrganizationId, account: AccountId) -> _ {
    let active: MembershipStatus = MembershipStatus::Active;
    let membership = memberships::organization_id
        .eq(organization)
        .and(memberships::account_id.eq(account));
    group_memberships::table
        .inner_join(memberships::table.on(membership))
        .inner_join(accounts::table.on(accounts::id.eq(account)))
        .filter(group_memberships::organization_id.eq(organization))
        .filter(group_memberships::account_id.eq(account))
        .filter(memberships::status.eq(active))
        .filter(accounts::deactivated_at.is_null())
        .select(group_memberships::group_id)
}

//! Links by which whoever runs an identity provider sets a connection up.

use diesel::prelude::*;

use super::accounts::Account;
use super::schema::{accounts, setup_links};
use super::{Connection, Page};
use crate::crypto::token::TokenHash;
use crate::domain::email_address::EmailAddress;
use crate::domain::ids::{AccountId, ConnectionId, OrganizationId, SetupLinkId};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

/// A link as it is kept, but for the hash of its token.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = setup_links, treat_none_as_default_value = false)]
pub struct SetupLink {
    pub id: SetupLinkId,
    pub organization_id: OrganizationId,
    pub connection_id: ConnectionId,
    pub created_by_account_id: AccountId,
    pub name: String,
    pub email: Option<EmailAddress>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub used_at: Option<Timestamp>,
}

/// Adds a link.
pub fn insert(connection: &mut Connection, link: &SetupLink, hash: &TokenHash) -> Result<()> {
    diesel::insert_into(setup_links::table)
        .values((link, setup_links::token_hash.eq(hash.as_bytes())))
        .execute(connection)?;
    Ok(())
}

/// How many links of an organization are good.
pub fn count(
    connection: &mut Connection,
    organization: OrganizationId,
    now: Timestamp,
) -> Result<i64> {
    Ok(setup_links::table
        .filter(setup_links::organization_id.eq(organization))
        .filter(setup_links::expires_at.gt(now))
        .count()
        .get_result(connection)?)
}

/// The link with this token, where it is good, with whoever made it.
pub fn find_usable(
    connection: &mut Connection,
    hash: &TokenHash,
    now: Timestamp,
) -> Result<Option<(SetupLink, Account)>> {
    Ok(setup_links::table
        .inner_join(accounts::table)
        .filter(setup_links::token_hash.eq(hash.as_bytes()))
        .filter(setup_links::expires_at.gt(now))
        .filter(accounts::deactivated_at.is_null())
        .select((SetupLink::as_select(), Account::as_select()))
        .first(connection)
        .optional()?)
}

/// One of an organization's links, good or over, with whoever made it.
pub fn find_with_maker(
    connection: &mut Connection,
    organization: OrganizationId,
    id: SetupLinkId,
) -> Result<Option<(SetupLink, Account)>> {
    Ok(setup_links::table
        .inner_join(accounts::table)
        .filter(setup_links::id.eq(id))
        .filter(setup_links::organization_id.eq(organization))
        .select((SetupLink::as_select(), Account::as_select()))
        .first(connection)
        .optional()?)
}

/// A page of an organization's links that are good, the oldest first.
pub fn list(
    connection: &mut Connection,
    (organization, now): (OrganizationId, Timestamp),
    page: Page<SetupLinkId>,
) -> Result<Vec<SetupLink>> {
    let mut query = setup_links::table
        .filter(setup_links::organization_id.eq(organization))
        .filter(setup_links::expires_at.gt(now))
        .order(setup_links::id.asc())
        .limit(page.limit)
        .select(SetupLink::as_select())
        .into_boxed();
    if let Some(after) = page.after {
        query = query.filter(setup_links::id.gt(after));
    }
    Ok(query.load(connection)?)
}

/// One of an organization's links.
pub fn find(
    connection: &mut Connection,
    organization: OrganizationId,
    id: SetupLinkId,
) -> Result<Option<SetupLink>> {
    Ok(setup_links::table
        .find(id)
        .filter(setup_links::organization_id.eq(organization))
        .select(SetupLink::as_select())
        .first(connection)
        .optional()?)
}

/// Notes the first use of a link; `false` where there was one.
pub fn note_use(connection: &mut Connection, id: SetupLinkId, now: Timestamp) -> Result<bool> {
    let unused = setup_links::table
        .find(id)
        .filter(setup_links::used_at.is_null());
    let noted = diesel::update(unused)
        .set(setup_links::used_at.eq(now))
        .execute(connection)?;
    Ok(noted == 1)
}

/// Deletes a link; `false` where the organization has none with this id.
pub fn delete(
    connection: &mut Connection,
    organization: OrganizationId,
    id: SetupLinkId,
) -> Result<bool> {
    let row = setup_links::table
        .find(id)
        .filter(setup_links::organization_id.eq(organization));
    Ok(diesel::delete(row).execute(connection)? == 1)
}

/// Deletes links that are over.
pub fn delete_ended(connection: &mut Connection, now: Timestamp) -> Result<()> {
    diesel::delete(setup_links::table.filter(setup_links::expires_at.le(now)))
        .execute(connection)?;
    Ok(())
}

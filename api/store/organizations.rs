//! Organizations.

use diesel::prelude::*;

use super::backend::{each_backend, first_locked};
use super::schema::{memberships, organizations};
use super::{Connection, Page};
use crate::domain::ids::{AccountId, OrganizationId};
use crate::domain::organization::{AccountType, MembershipStatus, OrganizationKind};
use crate::domain::slug::Slug;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

/// An organization as it is kept.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = organizations)]
pub struct Organization {
    pub id: OrganizationId,
    pub name: String,
    pub kind: OrganizationKind,
    pub slug: Slug,
    pub default_account_type: AccountType,
    pub active_admins: i64,
    /// Its doors open only to sessions with its own proof.
    pub sso_required: bool,
    pub created_at: Timestamp,
}

/// What may change of an organization; absent fields stay.
#[derive(Clone, Debug, Default, AsChangeset)]
#[diesel(table_name = organizations)]
pub struct OrganizationChanges {
    pub name: Option<String>,
    pub slug: Option<Slug>,
    pub default_account_type: Option<AccountType>,
}

impl OrganizationChanges {
    /// Whether nothing is to change.
    pub fn is_empty(&self) -> bool {
        self.name.is_none() && self.slug.is_none() && self.default_account_type.is_none()
    }
}

/// Adds an organization; `false`, and nothing changed, where its slug is taken.
pub fn insert(connection: &mut Connection, organization: &Organization) -> Result<bool> {
    let inserted = each_backend!(connection, c => diesel::insert_into(organizations::table)
        .values(organization)
        .on_conflict(organizations::slug)
        .do_nothing()
        .execute(c))?;
    Ok(inserted == 1)
}

/// The organization with this id.
pub fn find(connection: &mut Connection, id: OrganizationId) -> Result<Option<Organization>> {
    Ok(organizations::table
        .find(id)
        .select(Organization::as_select())
        .first(connection)
        .optional()?)
}

/// The organization with this slug.
pub fn find_by_slug(connection: &mut Connection, slug: &Slug) -> Result<Option<Organization>> {
    Ok(organizations::table
        .filter(organizations::slug.eq(slug))
        .select(Organization::as_select())
        .first(connection)
        .optional()?)
}

/// Which organizations a list shows.
pub enum Visible {
    /// Every one: an operator looks.
    All,
    /// Those in which this account is active.
    Of(AccountId),
    /// Of these, those in which the account is active.
    Among(AccountId, Vec<OrganizationId>),
}

/// A page of organizations, the oldest first, at most `limit` after the one with id `after`.
pub fn list(
    connection: &mut Connection,
    visible: Visible,
    page: Page<OrganizationId>,
) -> Result<Vec<Organization>> {
    let mut query = organizations::table
        .order(organizations::id.asc())
        .limit(page.limit)
        .select(Organization::as_select())
        .into_boxed();
    if let Some(after) = page.after {
        query = query.filter(organizations::id.gt(after));
    }
    match visible {
        Visible::All => {}
        Visible::Of(account) => query = query.filter(organizations::id.eq_any(active_in(account))),
        Visible::Among(account, some) => {
            let theirs = organizations::id.eq_any(active_in(account));
            query = query.filter(theirs.and(organizations::id.eq_any(some)));
        }
    }
    Ok(query.load(connection)?)
}

#[diesel::dsl::auto_type]
fn active_in(account: AccountId) -> _ {
    let status: MembershipStatus = MembershipStatus::Active;
    memberships::table
        .filter(memberships::account_id.eq(account))
        .filter(memberships::status.eq(status))
        .select(memberships::organization_id)
}

/// Changes an organization; `false`, and the transaction spoiled, where its new slug is taken.
pub fn update(
    connection: &mut Connection,
    id: OrganizationId,
    changes: &OrganizationChanges,
) -> Result<bool> {
    let updated = diesel::update(organizations::table.find(id))
        .set(changes)
        .execute(connection);
    match updated {
        Err(error) if super::is_duplicate(&error) => Ok(false),
        updated => updated.map(|_| true).map_err(Into::into),
    }
}

/// Deletes an organization and all that is its own.
pub fn delete(connection: &mut Connection, id: OrganizationId) -> Result<bool> {
    Ok(diesel::delete(organizations::table.find(id)).execute(connection)? == 1)
}

/// Holds the organization's memberships as they are until the transaction ends, and gives the organization as it is then:
/// whoever changes one holds the organization first.
pub fn lock(connection: &mut Connection, id: OrganizationId) -> Result<Option<Organization>> {
    let organization = organizations::table.find(id);
    Ok(first_locked!(
        connection,
        organization.select(Organization::as_select())
    )?)
}

/// One active admin more.
pub fn add_admin(connection: &mut Connection, id: OrganizationId) -> Result<()> {
    diesel::update(organizations::table.find(id))
        .set(organizations::active_admins.eq(organizations::active_admins + 1))
        .execute(connection)?;
    Ok(())
}

/// One active admin less; `false`, and nothing changed, where that was the last one.
pub fn remove_admin(connection: &mut Connection, id: OrganizationId) -> Result<bool> {
    let has_another = organizations::table
        .find(id)
        .filter(organizations::active_admins.gt(1));
    let changed = diesel::update(has_another)
        .set(organizations::active_admins.eq(organizations::active_admins - 1))
        .execute(connection)?;
    Ok(changed == 1)
}

/// Whether the organization requires single sign-on; `false` where it is gone.
pub fn requires_sso(connection: &mut Connection, id: OrganizationId) -> Result<bool> {
    let required = organizations::table
        .find(id)
        .select(organizations::sso_required)
        .first(connection)
        .optional()?;
    Ok(required.unwrap_or(false))
}

/// Has the organization require single sign-on, or require it no more.
pub fn set_sso_required(
    connection: &mut Connection,
    id: OrganizationId,
    required: bool,
) -> Result<()> {
    diesel::update(organizations::table.find(id))
        .set(organizations::sso_required.eq(required))
        .execute(connection)?;
    Ok(())
}

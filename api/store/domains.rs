//! Email domains of organizations, and how far each is proven.

use diesel::prelude::*;

use super::backend::each_backend;
use super::organizations::Organization;
use super::schema::{domains, organizations};
use super::sso_connections::SsoConnection;
use super::{Connection, Page};
use crate::domain::domains::{DomainStatus, Joining};
use crate::domain::email_domain::EmailDomain;
use crate::domain::ids::{ConnectionId, DomainId, OrganizationId};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};

/// A domain as it is kept.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = domains, treat_none_as_default_value = false)]
pub struct Domain {
    pub id: DomainId,
    pub organization_id: OrganizationId,
    pub domain: EmailDomain,
    pub challenge: String,
    pub status: DomainStatus,
    pub joining: Joining,
    pub vouched: bool,
    pub checked_at: Option<Timestamp>,
    /// Since when its record is gone, where it is proven.
    pub missing_since: Option<Timestamp>,
    pub proven_at: Option<Timestamp>,
    /// Of which connection whoever has a setup link added it: there alone it counts, until an admin changes or checks it.
    pub counts_only_at: Option<ConnectionId>,
    pub created_at: Timestamp,
}

impl Domain {
    /// Whether people come in by it at a connection of its organization, where it is proven.
    pub fn counts_at(&self, connection: ConnectionId) -> bool {
        self.counts_only_at.is_none_or(|only| only == connection)
    }
}

/// Adds a domain; `false`, and nothing changed, where the organization has it.
pub fn insert(connection: &mut Connection, domain: &Domain) -> Result<bool> {
    let inserted = each_backend!(connection, c => diesel::insert_into(domains::table)
        .values(domain)
        .on_conflict_do_nothing()
        .execute(c))?;
    Ok(inserted == 1)
}

/// How many domains an organization has.
pub fn count(connection: &mut Connection, organization: OrganizationId) -> Result<i64> {
    Ok(domains::table
        .filter(domains::organization_id.eq(organization))
        .count()
        .get_result(connection)?)
}

/// A domain of the organization.
pub fn find(
    connection: &mut Connection,
    organization: OrganizationId,
    id: DomainId,
) -> Result<Option<Domain>> {
    Ok(domains::table
        .filter(domains::organization_id.eq(organization))
        .filter(domains::id.eq(id))
        .select(Domain::as_select())
        .first(connection)
        .optional()?)
}

/// The domain that a job is about, whichever organization has it.
pub fn find_of_any(connection: &mut Connection, id: DomainId) -> Result<Option<Domain>> {
    Ok(domains::table
        .find(id)
        .select(Domain::as_select())
        .first(connection)
        .optional()?)
}

/// The organization that has proven a domain, with what it says of it.
pub fn find_proven(
    connection: &mut Connection,
    domain: &EmailDomain,
) -> Result<Option<(Domain, Organization)>> {
    Ok(domains::table
        .inner_join(organizations::table)
        .filter(domains::domain.eq(domain))
        .filter(domains::status.eq(DomainStatus::Proven))
        .select((Domain::as_select(), Organization::as_select()))
        .first(connection)
        .optional()?)
}

/// The domains that an organization has proven and that count at a connection, with those that have lapsed since.
pub fn ever_proven_at(
    connection: &mut Connection,
    provider: &SsoConnection,
) -> Result<Vec<String>> {
    let proven: Vec<Domain> = domains::table
        .filter(domains::organization_id.eq(provider.organization_id))
        .filter(domains::status.eq_any([DomainStatus::Proven, DomainStatus::Lapsed]))
        .select(Domain::as_select())
        .load(connection)?;
    let counting = proven.iter().filter(|one| one.counts_at(provider.id));
    Ok(counting.map(|one| one.domain.to_string()).collect())
}

/// The domain of an organization that lapsed first, where one has.
pub fn lapsed_of(
    connection: &mut Connection,
    organization: OrganizationId,
) -> Result<Option<Domain>> {
    Ok(domains::table
        .filter(domains::organization_id.eq(organization))
        .filter(domains::status.eq(DomainStatus::Lapsed))
        .order((domains::missing_since.asc(), domains::id.asc()))
        .select(Domain::as_select())
        .first(connection)
        .optional()?)
}

/// A page of an organization's domains, in the order in which they were added.
pub fn list(
    connection: &mut Connection,
    organization: OrganizationId,
    page: Page<DomainId>,
) -> Result<Vec<Domain>> {
    let mut query = domains::table
        .filter(domains::organization_id.eq(organization))
        .order(domains::id.asc())
        .limit(page.limit)
        .select(Domain::as_select())
        .into_boxed();
    if let Some(after) = page.after {
        query = query.filter(domains::id.gt(after));
    }
    Ok(query.load(connection)?)
}

/// Puts what `new` says of a domain in the place of what `known` says; `false`, and the transaction spoiled, where it
/// is to be proven and another organization has proven it.
///
/// # Errors
/// `unavailable` where its status has changed meanwhile, or it is gone.
pub fn replace(connection: &mut Connection, known: &Domain, new: &Domain) -> Result<bool> {
    let same = domains::table
        .filter(domains::organization_id.eq(known.organization_id))
        .filter(domains::id.eq(known.id))
        .filter(domains::status.eq(known.status));
    let replaced = diesel::update(same)
        .set((
            domains::status.eq(new.status),
            domains::joining.eq(new.joining),
            domains::vouched.eq(new.vouched),
            domains::checked_at.eq(new.checked_at),
            domains::missing_since.eq(new.missing_since),
            domains::proven_at.eq(new.proven_at),
            domains::counts_only_at.eq(new.counts_only_at),
        ))
        .execute(connection);
    match replaced {
        Err(error) if super::is_duplicate(&error) => Ok(false),
        Ok(0) => Err(Error::conflict("the domain was changed at the same moment")),
        replaced => replaced.map(|_| true).map_err(Into::into),
    }
}

/// Deletes a domain of the organization; `false` where it is gone.
pub fn delete(
    connection: &mut Connection,
    organization: OrganizationId,
    id: DomainId,
) -> Result<bool> {
    let domain = domains::table
        .filter(domains::organization_id.eq(organization))
        .filter(domains::id.eq(id));
    Ok(diesel::delete(domain).execute(connection)? == 1)
}

//! How the people of an organization sign in.

use crate::domain::email_address::EmailAddress;
use crate::domain::email_domain::EmailDomain;
use crate::domain::slug::Slug;
use crate::error::{Error, Result};
use crate::services::unit_of_work::UnitOfWork;
use crate::store::domains;
use crate::store::organizations::{self, Organization};
use crate::store::sso_connections::{self, SsoConnection};

/// The active connections of an organization.
///
/// # Errors
/// `not_found`.
pub fn of_organization(
    tx: &mut UnitOfWork<'_>,
    slug: &Slug,
) -> Result<(Organization, Vec<SsoConnection>)> {
    let found = organizations::find_by_slug(tx.connection, slug)?;
    let organization = found.ok_or_else(|| Error::not_found("organization"))?;
    let connections = sso_connections::active_of(tx.connection, organization.id)?;
    Ok((organization, connections))
}

/// The active connections of the organization that has proven the domain of an address, whether or not anybody has the
/// address.
pub fn of_address(
    tx: &mut UnitOfWork<'_>,
    email: &EmailAddress,
) -> Result<Option<(Organization, Vec<SsoConnection>)>> {
    let Ok(domain) = EmailDomain::parse(email.domain()) else {
        return Ok(None);
    };
    let Some((_, organization)) = domains::find_proven(tx.connection, &domain)? else {
        return Ok(None);
    };
    let connections = sso_connections::active_of(tx.connection, organization.id)?;
    Ok(Some((organization, connections)))
}

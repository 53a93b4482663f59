//! How the people of an organization sign in.

use crate::domain::email_address::EmailAddress;
use crate::domain::email_domain::EmailDomain;
use crate::domain::sign_in_policy::SignInConnection;
use crate::domain::slug::Slug;
use crate::error::{Error, Result};
use crate::services::sign_on_requirement::ways_in;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::domains;
use crate::store::organizations::{self, Organization};

/// The active connections of an organization.
///
/// # Errors
/// `not_found`.
pub fn of_organization(
    tx: &mut UnitOfWork<'_>,
    slug: &Slug,
) -> Result<(Organization, Vec<SignInConnection>)> {
    let found = organizations::find_by_slug(tx.connection, slug)?;
    let organization = found.ok_or_else(|| Error::not_found("organization"))?;
    let connections = ways_in(tx, &organization)?;
    Ok((organization, connections))
}

/// The active connections of the organization that has proven the domain of an address, whether or not anybody has the
/// address.
pub fn of_address(
    tx: &mut UnitOfWork<'_>,
    email: &EmailAddress,
) -> Result<Option<(Organization, Vec<SignInConnection>)>> {
    let Ok(domain) = EmailDomain::parse(email.domain()) else {
        return Ok(None);
    };
    let Some((_, organization)) = domains::find_proven(tx.connection, &domain)? else {
        return Ok(None);
    };
    let connections = ways_in(tx, &organization)?;
    Ok(Some((organization, connections)))
}

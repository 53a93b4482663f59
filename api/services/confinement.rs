//! What a session opens for which an organization's identity provider vouches (`docs/sso.md#sessions`): the organization
//! whose connection made it, and those whose proof was added to it.

use super::authentication::session_confined;
use super::unit_of_work::UnitOfWork;
use crate::domain::ids::OrganizationId;
use crate::error::Result;
use crate::store::session_proofs;

/// Refuses a confined session in an organization that neither made it nor has its proof. Another organization's
/// connection never vouches here.
///
/// # Errors
/// `session_confined`.
pub fn require_opened(tx: &mut UnitOfWork<'_>, organization: OrganizationId) -> Result<()> {
    let principal = &tx.context.principal;
    if principal
        .confined_to()
        .is_none_or(|own| own == organization)
    {
        return Ok(());
    }
    let (session, now) = (principal.session()?.session, tx.now());
    if session_proofs::is_proven(tx.connection, organization, session, now)? {
        return Ok(());
    }
    Err(session_confined())
}

/// The only organizations that a confined session opens; `None` for everybody else.
pub fn opened_organizations(tx: &mut UnitOfWork<'_>) -> Result<Option<Vec<OrganizationId>>> {
    let principal = &tx.context.principal;
    let Some(own) = principal.confined_to() else {
        return Ok(None);
    };
    let (session, now) = (principal.session()?.session, tx.now());
    let mut opened = session_proofs::proven_organizations(tx.connection, session, now)?;
    opened.push(own);
    Ok(Some(opened))
}

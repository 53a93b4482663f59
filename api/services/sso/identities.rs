//! Identities of an account: listed, unlinked.

use super::entry::lock_organization;
use crate::domain::events::{DomainEvent, IdentityEvent};
use crate::domain::ids::{AccountId, IdentityId, OrganizationId};
use crate::error::{Code, Error, Result};
use crate::services::authentication::require_own_proof;
use crate::services::authorization::{ManageConnections, Permit};
use crate::services::confinement::opened_organizations;
use crate::services::events;
use crate::services::sign_on_requirement::require_proof;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::accounts;
use crate::store::identities::{self, IdentityView};
use crate::store::{Page, memberships, session_proofs};

/// A page of the signed-in person's identities; in a confined session, those of the organizations that it opens.
pub fn list_own(tx: &mut UnitOfWork<'_>, page: Page<IdentityId>) -> Result<Vec<IdentityView>> {
    let account = tx.context.principal.session()?.account.id;
    let opened = opened_organizations(tx)?;
    identities::list(tx.connection, (account, opened), page)
}

/// A page of a member's identities in the organization.
///
/// # Errors
/// `not_found` where the account is no member.
pub fn list_of_member(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageConnections>,
    account: AccountId,
    page: Page<IdentityId>,
) -> Result<Vec<IdentityView>> {
    let organization = permit.organization.id;
    require_member(tx, organization, account)?;
    identities::list(tx.connection, (account, Some(vec![organization])), page)
}

fn require_member(
    tx: &mut UnitOfWork<'_>,
    organization: OrganizationId,
    account: AccountId,
) -> Result<()> {
    let membership = memberships::find(tx.connection, organization, account)?;
    membership
        .map(drop)
        .ok_or_else(|| Error::not_found("member"))
}

/// Has an identity of the signed-in person open their account no more; it ends the sessions that it made.
///
/// # Errors
/// `not_found`; `session_confined` in a session that was made by an identity provider; `sso_required` where the
/// organization requires a proof that the session has not, or who knows the password alone could link somebody else;
/// `last_sign_in_method` where the account has neither a password nor another identity at an active connection.
pub fn unlink_own(tx: &mut UnitOfWork<'_>, id: IdentityId) -> Result<()> {
    require_own_proof(tx)?;
    let account = tx.context.principal.session()?.account.id;
    tx.transaction(|tx| {
        let found = identities::find(tx.connection, (account, None), id)?;
        let identity = found.ok_or_else(no_such_identity)?;
        let organization = lock_organization(tx, identity.organization_id)?;
        require_proof(tx, &organization)?;
        unlink(tx, (account, None), id)
    })
}

/// Has an identity of a member in the organization open their account no more: the person has come under another
/// account, or is to be asked again who they are. It ends the sessions that it made.
///
/// # Errors
/// `not_found`; `last_sign_in_method` as in [`unlink_own`].
pub fn unlink_of_member(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageConnections>,
    (account, id): (AccountId, IdentityId),
) -> Result<()> {
    let organization = permit.organization.id;
    tx.transaction(|tx| {
        lock_organization(tx, organization)?;
        require_member(tx, organization, account)?;
        unlink(tx, (account, Some(organization)), id)
    })
}

fn unlink(
    tx: &mut UnitOfWork<'_>,
    (account, organization): (AccountId, Option<OrganizationId>),
    id: IdentityId,
) -> Result<()> {
    let owner = accounts::lock(tx.connection, account)?.ok_or_else(no_such_identity)?;
    let found = identities::find(tx.connection, (account, organization), id)?;
    let identity = found.ok_or_else(no_such_identity)?;
    if owner.password_hash.is_none() && !identities::has_other_way_in(tx.connection, account, id)? {
        return Err(last_way_in());
    }
    if !identities::delete(tx.connection, identity.organization_id, id)? {
        return Err(no_such_identity());
    }
    let of = (identity.organization_id, identity.connection_id);
    session_proofs::revoke(tx.connection, account, of)?;
    let event = DomainEvent::Identity {
        organization: identity.organization_id,
        account,
        event: IdentityEvent::Unlinked {
            identity: id,
            connection: identity.connection_id,
        },
    };
    events::publish(tx, event)
}

fn no_such_identity() -> Error {
    Error::not_found("identity")
}

/// The refusal to take the last way in.
pub fn last_way_in() -> Error {
    Error::refused(
        Code::LastSignInMethod,
        "Without this identity nothing opens the account: it has no password, and no identity at another connection that \
         signs people in. Set a password by a mailed link first.",
    )
}

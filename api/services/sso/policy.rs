//! The sign-in policy of an organization: whether single sign-on is required, and who may come without.

use std::time::Duration;

use crate::domain::events::{DomainEvent, SignInPolicyEvent};
use crate::domain::ids::{AccountId, OrganizationId};
use crate::domain::sign_in_policy::SignInPolicy;
use crate::error::{Code, Error, FieldError, Result};
use crate::services::authorization::{ManageSignInPolicy, Permit};
use crate::services::events;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::{emergency_admins, organizations, sso_connections};

/// How long ago an emergency admin may have used their password: who has not used it for longer may not know it.
const PASSWORD_USE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The policy as it is.
pub fn find(tx: &mut UnitOfWork<'_>, permit: &Permit<ManageSignInPolicy>) -> Result<SignInPolicy> {
    let organization = &permit.organization;
    Ok(SignInPolicy {
        required: organization.sso_required,
        emergency_admins: emergency_admins::list(tx.connection, organization.id)?,
    })
}

/// Puts a policy in the place of the one that is there. Call it while the organization is locked.
///
/// # Errors
/// `validation_failed` for somebody who is no active admin; where single sign-on is to be required,
/// `connection_not_active`, `connection_not_tested`, `emergency_admin_required`.
pub fn set(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageSignInPolicy>,
    mut new: SignInPolicy,
) -> Result<SignInPolicy> {
    new.emergency_admins.sort_unstable();
    new.emergency_admins.dedup();
    let organization = permit.organization.id;
    tx.transaction(|tx| {
        let any_used = require_admins(tx, organization, &new.emergency_admins)?;
        if new.required {
            require_tested_connection(tx, organization)?;
            if !any_used {
                return Err(no_emergency_admin());
            }
        }
        if find(tx, permit)? == new {
            return Ok(new);
        }
        organizations::set_sso_required(tx.connection, organization, new.required)?;
        emergency_admins::replace(tx.connection, organization, &new.emergency_admins)?;
        let event = SignInPolicyEvent::Changed(new.clone());
        events::publish(
            tx,
            DomainEvent::SignInPolicy {
                organization,
                event,
            },
        )?;
        Ok(new)
    })
}

/// Refuses emergency admins who are no active admins; tells whether one of them has used their password lately.
fn require_admins(
    tx: &mut UnitOfWork<'_>,
    organization: OrganizationId,
    ids: &[AccountId],
) -> Result<bool> {
    let admins = emergency_admins::candidates(tx.connection, organization, ids)?;
    let is_admin = |id: &AccountId| admins.iter().any(|(admin, _)| admin == id);
    let others: Vec<_> = ids
        .iter()
        .filter(|id| !is_admin(id))
        .map(not_an_admin)
        .collect();
    if !others.is_empty() {
        return Err(Error::invalid_fields(others));
    }
    let since = tx.now().minus(PASSWORD_USE);
    let is_recent = |used: &Option<_>| used.is_some_and(|used_at| used_at >= since);
    Ok(admins.iter().any(|(_, used)| is_recent(used)))
}

/// The fault of an emergency admin who is no admin.
pub fn not_an_admin(id: &AccountId) -> FieldError {
    let detail = format!("{id} is no active admin of this organization.");
    FieldError::new("/emergency_admins", "not_an_admin", detail)
}

fn require_tested_connection(tx: &mut UnitOfWork<'_>, organization: OrganizationId) -> Result<()> {
    let active = sso_connections::active_of(tx.connection, organization)?;
    if active.is_empty() {
        return Err(no_active_connection());
    }
    if active
        .iter()
        .all(|connection| connection.tested_at.is_none())
    {
        return Err(no_tested_connection());
    }
    Ok(())
}

/// The refusal of requiring what nobody can sign in by.
pub fn no_active_connection() -> Error {
    Error::refused(
        Code::ConnectionNotActive,
        "No connection is active, so that nobody could sign in. Test and activate one first.",
    )
}

/// The refusal of requiring what nobody has tried since it was changed.
pub fn no_tested_connection() -> Error {
    Error::refused(
        Code::ConnectionNotTested,
        "No test of an active connection has passed since its settings changed. Test it first.",
    )
}

/// The refusal of requiring single sign-on where nobody could come without.
pub fn no_emergency_admin() -> Error {
    Error::refused(
        Code::EmergencyAdminRequired,
        "Name at least one admin who has signed in with a password within the last 30 days: with it they come in when \
         the identity provider does not answer.",
    )
}

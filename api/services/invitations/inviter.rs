//! Who an invitation comes from, as its mail names them.

use crate::domain::ids::AccountId;
use crate::domain::sign_in_policy::SignInConnection;
use crate::error::{Error, Result};
use crate::services::sign_on_requirement::only_ways_in;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::invitations::Invitation;
use crate::store::organizations::Organization;
use crate::store::{Connection, accounts, organizations};

/// The organization that invites, and the person who does it for the organization.
pub(super) struct Inviter {
    pub organization: Organization,
    /// None for the command line, and for an account that is deleted.
    pub username: Option<String>,
    /// The connections by which alone the organization opens; none where it requires no single sign-on.
    pub connections: Vec<SignInConnection>,
}

impl Inviter {
    /// The inviter of a stored invitation.
    ///
    /// # Errors
    /// `not_found` where the organization is deleted.
    pub(super) fn of(tx: &mut UnitOfWork<'_>, invitation: &Invitation) -> Result<Self> {
        let organization = organizations::find(tx.connection, invitation.organization_id)?;
        let organization = organization.ok_or_else(|| Error::not_found("organization"))?;
        Ok(Self {
            username: username_of_inviter(tx.connection, invitation)?,
            connections: only_ways_in(tx, &organization)?,
            organization,
        })
    }
}

/// The username of the person who sent an invitation; none for the command line, and for an account
/// that is deleted.
pub(super) fn username_of_inviter(
    connection: &mut Connection,
    invitation: &Invitation,
) -> Result<Option<String>> {
    let inviters: Vec<AccountId> = invitation.invited_by_account_id.into_iter().collect();
    let names = accounts::usernames(connection, &inviters)?;
    Ok(names.into_values().next().map(|name| name.to_string()))
}

//! What an organization may do to the accounts that it created and no other organization has a share in
//! (`docs/members.md#managed-accounts`). Each condition says whose account it is: an organization
//! never reaches another's, or an operator's.

use diesel::prelude::*;

use super::Connection;
use super::schema::accounts;
use crate::domain::ids::{AccountId, OrganizationId};
use crate::domain::password::PasswordOrigin;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

/// Closes the account as a whole: it opens nothing, anywhere. `false` where it is not this
/// organization's, or closed already.
pub fn deactivate(
    connection: &mut Connection,
    organization: OrganizationId,
    account: AccountId,
    at: Timestamp,
) -> Result<bool> {
    let open = theirs(organization, account);
    let closed = diesel::update(open.filter(accounts::deactivated_at.is_null()))
        .set(accounts::deactivated_at.eq(at))
        .execute(connection)?;
    Ok(closed == 1)
}

/// Opens the account again; `false` where it is not this organization's, or open already.
pub fn reactivate(
    connection: &mut Connection,
    organization: OrganizationId,
    account: AccountId,
) -> Result<bool> {
    let closed = theirs(organization, account);
    let opened = diesel::update(closed.filter(accounts::deactivated_at.is_not_null()))
        .set(accounts::deactivated_at.eq(None::<Timestamp>))
        .execute(connection)?;
    Ok(opened == 1)
}

/// Makes the account its owner's own, and open: nobody could look after it any more.
pub fn release(
    connection: &mut Connection,
    organization: OrganizationId,
    account: AccountId,
) -> Result<()> {
    diesel::update(theirs(organization, account))
        .set((
            accounts::managed_by_organization_id.eq(None::<OrganizationId>),
            accounts::deactivated_at.eq(None::<Timestamp>),
        ))
        .execute(connection)?;
    Ok(())
}

/// Makes accounts that other organizations manage their owners' own, for good; `false` where one of them is
/// closed. Their rows are locked: whoever manages them acts before, or finds that it is over.
pub fn release_from_others(
    connection: &mut Connection,
    organization: OrganizationId,
    ids: &[AccountId],
) -> Result<bool> {
    let open_elsewhere = accounts::table
        .filter(accounts::id.eq_any(ids))
        .filter(accounts::managed_by_organization_id.ne(organization))
        .filter(accounts::deactivated_at.is_null());
    diesel::update(open_elsewhere)
        .set(accounts::managed_by_organization_id.eq(None::<OrganizationId>))
        .execute(connection)?;
    let closed: i64 = accounts::table
        .filter(accounts::id.eq_any(ids))
        .filter(accounts::deactivated_at.is_not_null())
        .count()
        .get_result(connection)?;
    Ok(closed == 0)
}

/// Makes all of an organization's accounts their owners' own, and open.
pub fn release_all(connection: &mut Connection, organization: OrganizationId) -> Result<()> {
    let all = accounts::table.filter(accounts::managed_by_organization_id.eq(organization));
    diesel::update(all)
        .set((
            accounts::managed_by_organization_id.eq(None::<OrganizationId>),
            accounts::deactivated_at.eq(None::<Timestamp>),
        ))
        .execute(connection)?;
    Ok(())
}

/// The hash of a password that the organization sets.
pub struct NewPasswordHash<'a> {
    pub hash: &'a str,
    /// Whether the owner has to choose another.
    pub must_change: bool,
}

/// Sets the account's password; `false` where it is not this organization's.
pub fn set_password(
    connection: &mut Connection,
    organization: OrganizationId,
    account: AccountId,
    password: &NewPasswordHash<'_>,
) -> Result<bool> {
    let set = diesel::update(theirs(organization, account))
        .set((
            accounts::password_hash.eq(password.hash),
            accounts::password_origin.eq(PasswordOrigin::Assigned),
            accounts::password_used_at.eq(None::<Timestamp>),
            accounts::must_change_password.eq(password.must_change),
        ))
        .execute(connection)?;
    Ok(set == 1)
}

#[diesel::dsl::auto_type]
fn theirs(organization: OrganizationId, account: AccountId) -> _ {
    accounts::table
        .filter(accounts::id.eq(account))
        .filter(accounts::managed_by_organization_id.eq(organization))
        .filter(accounts::operator.eq(false))
}

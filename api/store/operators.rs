//! The operators of the installation.

use diesel::prelude::*;

use super::Connection;
use super::accounts::Account;
use super::schema::accounts;
use crate::domain::ids::{AccountId, OrganizationId};
use crate::domain::password::PasswordOrigin;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

/// Makes an account an operator's own: open, with this password, managed by no organization, and registered by
/// the command line, not by whoever had typed the address.
pub fn promote(connection: &mut Connection, id: AccountId, password_hash: &str) -> Result<()> {
    diesel::update(accounts::table.find(id))
        .set((
            accounts::operator.eq(true),
            accounts::password_hash.eq(password_hash),
            accounts::password_origin.eq(PasswordOrigin::Owner),
            accounts::must_change_password.eq(false),
            accounts::managed_by_organization_id.eq(None::<OrganizationId>),
            accounts::deactivated_at.eq(None::<Timestamp>),
            accounts::self_registered.eq(false),
        ))
        .execute(connection)?;
    Ok(())
}

/// Takes an operator's right away; `false` where the account is no operator's.
pub fn revoke(connection: &mut Connection, id: AccountId) -> Result<bool> {
    let operator = accounts::table.find(id).filter(accounts::operator.eq(true));
    let revoked = diesel::update(operator)
        .set(accounts::operator.eq(false))
        .execute(connection)?;
    Ok(revoked == 1)
}

/// The operators of the installation, by their addresses.
pub fn list(connection: &mut Connection) -> Result<Vec<Account>> {
    Ok(accounts::table
        .filter(accounts::operator.eq(true))
        .order(accounts::email.asc())
        .select(Account::as_select())
        .load(connection)?)
}

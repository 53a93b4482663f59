//! Admins who may come with a password although their organization requires single sign-on.

use diesel::prelude::*;

use super::Connection;
use super::backend::each_backend;
use super::schema::{
    accounts, connections, emergency_admins, identities, memberships, organizations,
};
use crate::domain::connections::ConnectionStatus;
use crate::domain::ids::{AccountId, OrganizationId};
use crate::domain::organization::{MembershipStatus, Role};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

/// The emergency admins of an organization, in the order of their ids.
pub fn list(connection: &mut Connection, organization: OrganizationId) -> Result<Vec<AccountId>> {
    Ok(emergency_admins::table
        .filter(emergency_admins::organization_id.eq(organization))
        .order(emergency_admins::account_id.asc())
        .select(emergency_admins::account_id)
        .load(connection)?)
}

/// Whether an account is one of them.
pub fn contains(
    connection: &mut Connection,
    organization: OrganizationId,
    account: AccountId,
) -> Result<bool> {
    let row = emergency_admins::table.find((organization, account));
    Ok(diesel::select(diesel::dsl::exists(row)).get_result(connection)?)
}

/// Whether an account is one of any organization's.
pub fn is_any(connection: &mut Connection, account: AccountId) -> Result<bool> {
    let rows = emergency_admins::table.filter(emergency_admins::account_id.eq(account));
    Ok(diesel::select(diesel::dsl::exists(rows)).get_result(connection)?)
}

/// Whether an account is one of them, or an identity at an active connection of the organization opens it: it can come where
/// single sign-on is required.
pub fn contains_or_is_linked(
    connection: &mut Connection,
    organization: OrganizationId,
    account: AccountId,
) -> Result<bool> {
    let row = emergency_admins::table.find((organization, account));
    let linked = identities::table
        .inner_join(connections::table)
        .filter(identities::organization_id.eq(organization))
        .filter(identities::account_id.eq(account))
        .filter(connections::subject_issuer.eq(identities::subject_issuer.nullable()))
        .filter(connections::status.eq(ConnectionStatus::Active));
    let either = diesel::dsl::exists(row).or(diesel::dsl::exists(linked));
    Ok(diesel::select(either).get_result(connection)?)
}

/// Puts these in the place of all that an organization has.
pub fn replace(
    connection: &mut Connection,
    organization: OrganizationId,
    admins: &[AccountId],
) -> Result<()> {
    let theirs = emergency_admins::table.filter(emergency_admins::organization_id.eq(organization));
    diesel::delete(theirs).execute(connection)?;
    let rows: Vec<_> = admins
        .iter()
        .map(|admin| {
            (
                emergency_admins::organization_id.eq(organization),
                emergency_admins::account_id.eq(*admin),
            )
        })
        .collect();
    each_backend!(connection, c => diesel::insert_into(emergency_admins::table)
        .values(&rows)
        .execute(c))?;
    Ok(())
}

/// Has an account be none of them any more; `false` where it was none.
pub fn delete(
    connection: &mut Connection,
    organization: OrganizationId,
    account: AccountId,
) -> Result<bool> {
    let row = emergency_admins::table.find((organization, account));
    Ok(diesel::delete(row).execute(connection)? == 1)
}

/// Whether an organization has one whom a password opens the account of.
pub fn any_with_password(
    connection: &mut Connection,
    organization: OrganizationId,
) -> Result<bool> {
    let able = emergency_admins::table
        .inner_join(accounts::table)
        .filter(emergency_admins::organization_id.eq(organization))
        .filter(accounts::password_hash.is_not_null());
    Ok(diesel::select(diesel::dsl::exists(able)).get_result(connection)?)
}

/// The organizations that require single sign-on and have this account as an emergency admin.
pub fn requiring_of(
    connection: &mut Connection,
    account: AccountId,
) -> Result<Vec<OrganizationId>> {
    Ok(emergency_admins::table
        .inner_join(organizations::table)
        .filter(emergency_admins::account_id.eq(account))
        .filter(organizations::sso_required.eq(true))
        .order(organizations::id.asc())
        .select(organizations::id)
        .load(connection)?)
}

/// Those of these accounts that are active admins of the organization, with when they last signed in by their password.
pub fn candidates(
    connection: &mut Connection,
    organization: OrganizationId,
    ids: &[AccountId],
) -> Result<Vec<(AccountId, Option<Timestamp>)>> {
    Ok(memberships::table
        .inner_join(accounts::table)
        .filter(memberships::organization_id.eq(organization))
        .filter(memberships::account_id.eq_any(ids))
        .filter(memberships::role.eq(Role::Admin))
        .filter(memberships::status.eq(MembershipStatus::Active))
        .select((accounts::id, accounts::password_used_at))
        .load(connection)?)
}

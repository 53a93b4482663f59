//! How accounts end: alone, with their organization, or in the transaction that added them.

use diesel::prelude::*;

use super::Connection;
use super::schema::{accounts, invitations, mailed_tokens, memberships, pending_joins};
use crate::domain::email_address::EmailAddress;
use crate::domain::ids::{AccountId, InviteCodeId, OrganizationId};
use crate::domain::invitations::InvitationStatus;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

/// Deletes accounts that were added in the same transaction.
pub fn delete_new(connection: &mut Connection, ids: &[AccountId]) -> Result<()> {
    diesel::delete(accounts::table.filter(accounts::id.eq_any(ids))).execute(connection)?;
    Ok(())
}

/// Deletes an account that nobody has used and in which no other organization has a share. `false`, and
/// nothing changed, where it is not so.
pub fn delete_unused(
    connection: &mut Connection,
    id: AccountId,
    organization: OrganizationId,
) -> Result<bool> {
    let unused = managed_only_by(organization)
        .filter(accounts::id.eq(id))
        .filter(accounts::password_hash.is_null())
        .filter(accounts::last_active_at.eq(Timestamp::EPOCH))
        .filter(accounts::email_verified_at.is_null());
    Ok(diesel::delete(unused).execute(connection)? == 1)
}

/// Deletes the accounts that only wait for this code of the organization, which manages them, to take effect: nobody has
/// shown whose they are, no password opens them, and nothing else leads to them. Lock the code first.
pub fn delete_waiting(
    connection: &mut Connection,
    organization: OrganizationId,
    code: InviteCodeId,
) -> Result<()> {
    let of_account = pending_joins::table.filter(pending_joins::account_id.eq(accounts::id));
    let for_this = of_account.filter(pending_joins::invite_code_id.eq(code));
    let for_others = of_account.filter(pending_joins::invite_code_id.ne(code));
    let joined = memberships::table.filter(memberships::account_id.eq(accounts::id));
    let invited = invitations::table
        .filter(invitations::account_id.eq(accounts::id.nullable()))
        .filter(invitations::status.eq(InvitationStatus::Pending));
    let waiting = managed_only_by(organization)
        .filter(accounts::password_hash.is_null())
        .filter(accounts::email_verified_at.is_null())
        .filter(diesel::dsl::exists(for_this))
        .filter(diesel::dsl::not(diesel::dsl::exists(for_others)))
        .filter(diesel::dsl::not(diesel::dsl::exists(joined)))
        .filter(diesel::dsl::not(diesel::dsl::exists(invited)));
    diesel::delete(waiting).execute(connection)?;
    Ok(())
}

/// Frees the address of an account that is to be deleted in the same transaction. The id takes its place: it
/// is no address, so that nobody can have registered it.
pub fn free_address(connection: &mut Connection, id: AccountId) -> Result<()> {
    diesel::update(accounts::table.find(id))
        .set((
            accounts::email.eq(id.to_string()),
            accounts::subaddress_of.eq(None::<String>),
        ))
        .execute(connection)?;
    Ok(())
}

/// Locks the account so that nothing new can refer to it, such as another membership, until the
/// transaction ends; `false` where it is gone. SQLite runs one write transaction at a time.
pub fn lock_for_deletion(connection: &mut Connection, id: AccountId) -> Result<bool> {
    let account = accounts::table.find(id).select(accounts::id);
    let found: Option<AccountId> = match connection {
        Connection::Sqlite(sqlite) => account.first(sqlite).optional()?,
        Connection::Postgres(postgres) => account.for_update().first(postgres).optional()?,
    };
    Ok(found.is_some())
}

/// Deletes an account with everything that belongs to it.
pub fn delete(connection: &mut Connection, id: AccountId) -> Result<()> {
    diesel::delete(accounts::table.find(id)).execute(connection)?;
    Ok(())
}

/// At most `limit` accounts behind `after` that nobody has ever used and no organization manages, and to which nothing
/// leads any more: no membership, no pending invitation, no pending join, no mailed link, expired or not.
pub fn unclaimed(
    connection: &mut Connection,
    after: Option<AccountId>,
    limit: i64,
) -> Result<Vec<AccountId>> {
    let mut query = is_unclaimed()
        .order(accounts::id.asc())
        .limit(limit)
        .select(accounts::id)
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(accounts::id.gt(after));
    }
    Ok(query.load(connection)?)
}

/// Deletes an account if it still is one of [`unclaimed`]; `false`, and nothing changed, where it is not. Lock it
/// first: the condition is evaluated once.
pub fn delete_unclaimed(connection: &mut Connection, id: AccountId) -> Result<bool> {
    let account = is_unclaimed().filter(accounts::id.eq(id));
    Ok(diesel::delete(account).execute(connection)? == 1)
}

#[diesel::dsl::auto_type]
fn is_unclaimed() -> _ {
    let pending: InvitationStatus = InvitationStatus::Pending;
    let never: Timestamp = Timestamp::EPOCH;
    let joined = memberships::table.filter(memberships::account_id.eq(accounts::id));
    let joins = pending_joins::table.filter(pending_joins::account_id.eq(accounts::id));
    let links = mailed_tokens::table.filter(mailed_tokens::account_id.eq(accounts::id));
    let invited = invitations::table
        .filter(invitations::account_id.eq(accounts::id.nullable()))
        .filter(invitations::status.eq(pending));
    accounts::table
        .filter(accounts::password_hash.is_null())
        .filter(accounts::managed_by_organization_id.is_null())
        .filter(accounts::email_verified_at.is_null())
        .filter(accounts::last_active_at.eq(never))
        .filter(accounts::operator.eq(false))
        .filter(diesel::dsl::not(diesel::dsl::exists(joined)))
        .filter(diesel::dsl::not(diesel::dsl::exists(invited)))
        .filter(diesel::dsl::not(diesel::dsl::exists(joins)))
        .filter(diesel::dsl::not(diesel::dsl::exists(links)))
}

/// Locks the accounts that the organization manages, so that nobody can let them in elsewhere until the
/// transaction ends. SQLite runs one write transaction at a time.
pub fn lock_managed_for_deletion(
    connection: &mut Connection,
    organization: OrganizationId,
) -> Result<()> {
    let managed = accounts::table
        .filter(accounts::managed_by_organization_id.eq(organization))
        .order(accounts::id.asc())
        .select(accounts::id);
    match connection {
        Connection::Sqlite(_) => {}
        Connection::Postgres(postgres) => {
            managed.for_update().load::<AccountId>(postgres)?;
        }
    }
    Ok(())
}

/// The accounts that [`delete_managed_only_here`] deletes, with their addresses. Lock them first.
pub fn managed_only_here(
    connection: &mut Connection,
    organization: OrganizationId,
) -> Result<Vec<(AccountId, EmailAddress)>> {
    Ok(managed_only_by(organization)
        .order(accounts::id.asc())
        .select((accounts::id, accounts::email))
        .load(connection)?)
}

/// Deletes the accounts that the organization manages and in which no other has a share. Lock them first:
/// the condition is evaluated once.
pub fn delete_managed_only_here(
    connection: &mut Connection,
    organization: OrganizationId,
) -> Result<()> {
    diesel::delete(managed_only_by(organization)).execute(connection)?;
    Ok(())
}

/// The accounts that the organization manages and in which no other has a share: no membership, no
/// pending invitation.
#[diesel::dsl::auto_type]
fn managed_only_by(organization: OrganizationId) -> _ {
    let pending: InvitationStatus = InvitationStatus::Pending;
    let elsewhere = memberships::table
        .filter(memberships::account_id.eq(accounts::id))
        .filter(memberships::organization_id.ne(organization));
    let invited_elsewhere = invitations::table
        .filter(invitations::account_id.eq(accounts::id.nullable()))
        .filter(invitations::organization_id.ne(organization))
        .filter(invitations::status.eq(pending));
    accounts::table
        .filter(accounts::managed_by_organization_id.eq(organization))
        .filter(accounts::operator.eq(false))
        .filter(diesel::dsl::not(diesel::dsl::exists(elsewhere)))
        .filter(diesel::dsl::not(diesel::dsl::exists(invited_elsewhere)))
}

//! Passwords that their owners set, change and lose. Those that an organization sets are
//! `managed_accounts`'.

use diesel::prelude::*;

use super::Connection;
use super::accounts::Account;
use super::schema::accounts;
use crate::domain::ids::AccountId;
use crate::domain::password::PasswordOrigin;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

/// Puts a new hash in the place of `known`; `false` where another change was faster.
pub fn replace_hash(
    connection: &mut Connection,
    id: AccountId,
    known: &str,
    new: &str,
) -> Result<bool> {
    let account = accounts::table
        .find(id)
        .filter(accounts::password_hash.eq(known));
    let changed = diesel::update(account)
        .set(accounts::password_hash.eq(new))
        .execute(connection)?;
    Ok(changed == 1)
}

/// Notes that somebody signs in by the password with this hash; `false` where it is not the account's any more. The
/// account is locked until the transaction ends.
pub fn note_use(
    connection: &mut Connection,
    id: AccountId,
    hash: &str,
    now: Timestamp,
) -> Result<bool> {
    let account = accounts::table
        .find(id)
        .filter(accounts::password_hash.eq(hash));
    let noted = diesel::update(account)
        .set(accounts::password_used_at.eq(now))
        .execute(connection)?;
    Ok(noted == 1)
}

/// Puts the hash of a password that its bearer has chosen in the place of the one they know; `false` where
/// another change was faster.
pub fn change(connection: &mut Connection, known: &Account, new: &str) -> Result<bool> {
    let account = accounts::table
        .find(known.id)
        .filter(accounts::password_hash.eq(&known.password_hash));
    let changed = diesel::update(account)
        .set((
            accounts::password_hash.eq(new),
            accounts::password_origin.eq(known.password_origin.of_next()),
            accounts::must_change_password.eq(false),
        ))
        .execute(connection)?;
    Ok(changed == 1)
}

/// Gives the account a password that its owner has just chosen, whatever was there before; `false`
/// where the account is gone or deactivated.
pub fn set_own(connection: &mut Connection, id: AccountId, hash: &str) -> Result<bool> {
    let active = accounts::table
        .find(id)
        .filter(accounts::deactivated_at.is_null());
    let changed = diesel::update(active)
        .set((
            accounts::password_hash.eq(hash),
            accounts::password_origin.eq(PasswordOrigin::Owner),
            accounts::password_used_at.eq(None::<Timestamp>),
            accounts::must_change_password.eq(false),
        ))
        .execute(connection)?;
    Ok(changed == 1)
}

/// Takes the password away: nobody signs in by one until the owner of the mailbox has set another. Nobody else's is left.
pub fn remove(connection: &mut Connection, id: AccountId) -> Result<()> {
    diesel::update(accounts::table.find(id))
        .set((
            accounts::password_hash.eq(None::<String>),
            accounts::password_origin.eq(PasswordOrigin::Owner),
            accounts::password_used_at.eq(None::<Timestamp>),
            accounts::must_change_password.eq(false),
        ))
        .execute(connection)?;
    Ok(())
}

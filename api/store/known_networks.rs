//! The networks that people have signed in from, as keyed hashes.

use diesel::dsl::not;
use diesel::prelude::*;

use super::Connection;
use super::backend::each_backend;
use super::schema::known_networks;
use crate::domain::ids::AccountId;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

/// The networks of an account that were used since then.
pub fn of_account(
    connection: &mut Connection,
    account: AccountId,
    since: Timestamp,
) -> Result<Vec<Vec<u8>>> {
    Ok(known_networks::table
        .filter(known_networks::account_id.eq(account))
        .filter(known_networks::last_used_at.gt(since))
        .select(known_networks::network)
        .load(connection)?)
}

/// Notes that a network of an account is used now.
pub fn upsert(
    connection: &mut Connection,
    account: AccountId,
    network: &[u8],
    now: Timestamp,
) -> Result<()> {
    each_backend!(connection, c => diesel::insert_into(known_networks::table)
        .values((
            known_networks::account_id.eq(account),
            known_networks::network.eq(network),
            known_networks::last_used_at.eq(now),
        ))
        .on_conflict((known_networks::account_id, known_networks::network))
        .do_update()
        .set(known_networks::last_used_at.eq(now))
        .execute(c))?;
    Ok(())
}

/// Forgets all networks of an account but those that were used last, so many of them.
pub fn keep_latest(connection: &mut Connection, account: AccountId, many: i64) -> Result<()> {
    let latest: Vec<Vec<u8>> = known_networks::table
        .filter(known_networks::account_id.eq(account))
        .order((
            known_networks::last_used_at.desc(),
            known_networks::network.asc(),
        ))
        .limit(many)
        .select(known_networks::network)
        .load(connection)?;
    let others = known_networks::table
        .filter(known_networks::account_id.eq(account))
        .filter(not(known_networks::network.eq_any(latest)));
    diesel::delete(others).execute(connection)?;
    Ok(())
}

/// Forgets networks that nobody has used since then.
pub fn delete_unused_since(connection: &mut Connection, since: Timestamp) -> Result<()> {
    let unused = known_networks::table.filter(known_networks::last_used_at.le(since));
    diesel::delete(unused).execute(connection)?;
    Ok(())
}

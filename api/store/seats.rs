//! The seat ledger. Every claim is one conditional update, so that no limit is ever passed however
//! many claim at once (`docs/organizations.md#seats`).
//!
//! Each change touches two lines, the total and the account type's, and always in that order, so
//! that two claims in one organization never deadlock. Whoever changes the seats of several
//! organizations locks them in the order of the organizations ([`lock_all`]).

use diesel::prelude::*;

use super::Connection;
use super::backend::{each_backend, first_locked};
use super::schema::seats;
use crate::domain::ids::OrganizationId;
use crate::domain::organization::AccountType;
use crate::domain::seats::{SeatCount, SeatPool};
use crate::error::{Error, Result};

/// Opens an organization's ledger: unlimited, nothing taken.
pub fn insert(
    connection: &mut Connection,
    organization: OrganizationId,
    account_types: &[AccountType],
) -> Result<()> {
    let pools =
        std::iter::once(SeatPool::Total).chain(account_types.iter().copied().map(SeatPool::from));
    let lines: Vec<_> = pools
        .map(|pool| {
            (
                seats::organization_id.eq(organization),
                seats::pool.eq(pool),
                seats::used.eq(0_i64),
                seats::reserved.eq(0_i64),
            )
        })
        .collect();
    each_backend!(connection, c => diesel::insert_into(seats::table).values(&lines).execute(c))?;
    Ok(())
}

/// An organization's ledger.
pub fn list(
    connection: &mut Connection,
    organization: OrganizationId,
) -> Result<Vec<(SeatPool, SeatCount)>> {
    let lines: Vec<(SeatPool, Option<i64>, i64, i64)> = seats::table
        .filter(seats::organization_id.eq(organization))
        .select((seats::pool, seats::seat_limit, seats::used, seats::reserved))
        .load(connection)?;
    Ok(lines
        .into_iter()
        .map(|(pool, limit, used, reserved)| (pool, SeatCount::new(limit, used, reserved)))
        .collect())
}

/// Sets one limit; `None` lifts it. A limit below what is taken stands: it lets nobody new in.
pub fn set_limit(
    connection: &mut Connection,
    organization: OrganizationId,
    pool: SeatPool,
    limit: Option<i64>,
) -> Result<()> {
    diesel::update(seats::table.find((organization, pool)))
        .set(seats::seat_limit.eq(limit))
        .execute(connection)?;
    Ok(())
}

/// Takes `count` seats for active members; `false`, with nothing taken, where fewer are free. Call
/// it in a transaction that a refusal rolls back.
pub fn claim(
    connection: &mut Connection,
    organization: OrganizationId,
    account_type: AccountType,
    count: i64,
) -> Result<bool> {
    for pool in [SeatPool::Total, account_type.into()] {
        let has_room = seats::table
            .find((organization, pool))
            .filter(room_for(count));
        let claimed = diesel::update(has_room)
            .set(seats::used.eq(seats::used + count))
            .execute(connection)?;
        if claimed == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Moves taken seats from one account type to another: as many as the other has free, at most
/// `wanted`; tells how many. The total stays, even where it is over its limit.
pub fn change_type(
    connection: &mut Connection,
    organization: OrganizationId,
    (from, to): (AccountType, AccountType),
    wanted: i64,
) -> Result<i64> {
    // Whoever touches the lines of types holds that of the total first.
    lock(connection, organization, SeatPool::Total)?;
    let free = lock(connection, organization, to.into())?;
    let moved = free.map_or(wanted, |free| wanted.min(free));
    for (account_type, more) in [(to, moved), (from, moved.saturating_neg())] {
        diesel::update(seats::table.find((organization, SeatPool::from(account_type))))
            .set(seats::used.eq(seats::used + more))
            .execute(connection)?;
    }
    Ok(moved)
}

/// Unlimited, or so many free.
#[diesel::dsl::auto_type]
fn room_for(count: i64) -> _ {
    seats::seat_limit
        .is_null()
        .or((seats::used + seats::reserved + count)
            .nullable()
            .le(seats::seat_limit))
}

/// Gives `count` seats of active members back.
pub fn release(
    connection: &mut Connection,
    organization: OrganizationId,
    account_type: AccountType,
    count: i64,
) -> Result<()> {
    for pool in [SeatPool::Total, account_type.into()] {
        diesel::update(seats::table.find((organization, pool)))
            .set(seats::used.eq(seats::used - count))
            .execute(connection)?;
    }
    Ok(())
}

/// Reserves as many seats as are free, at most `wanted`, and tells how many. The lines stay locked
/// until the transaction ends, so nobody takes them in between.
pub fn reserve_up_to(
    connection: &mut Connection,
    organization: OrganizationId,
    account_type: AccountType,
    wanted: i64,
) -> Result<i64> {
    let mut granted = wanted;
    for pool in [SeatPool::Total, account_type.into()] {
        let free = lock(connection, organization, pool)?;
        granted = free.map_or(granted, |free| granted.min(free));
    }
    if granted > 0 {
        move_reserved(connection, organization, account_type, granted)?;
    }
    Ok(granted)
}

/// Gives `count` reserved seats back.
pub fn release_reserved(
    connection: &mut Connection,
    organization: OrganizationId,
    account_type: AccountType,
    count: i64,
) -> Result<()> {
    if count == 0 {
        return Ok(());
    }
    let released = count
        .checked_neg()
        .ok_or_else(|| Error::internal("seat count overflow"))?;
    move_reserved(connection, organization, account_type, released)
}

/// Turns `count` reserved seats into taken ones.
pub fn take_reserved(
    connection: &mut Connection,
    organization: OrganizationId,
    account_type: AccountType,
    count: i64,
) -> Result<()> {
    for pool in [SeatPool::Total, account_type.into()] {
        diesel::update(seats::table.find((organization, pool)))
            .set((
                seats::used.eq(seats::used + count),
                seats::reserved.eq(seats::reserved - count),
            ))
            .execute(connection)?;
    }
    Ok(())
}

/// Locks an organization's ledger until the transaction ends.
pub fn lock_all(connection: &mut Connection, organization: OrganizationId) -> Result<()> {
    lock(connection, organization, SeatPool::Total)?;
    Ok(())
}

/// Locks a line until the transaction ends and tells how many seats it has free; `None` is
/// unlimited.
fn lock(
    connection: &mut Connection,
    organization: OrganizationId,
    pool: SeatPool,
) -> Result<Option<i64>> {
    let line = seats::table.find((organization, pool)).select((
        seats::seat_limit,
        seats::used,
        seats::reserved,
    ));
    let found: Option<(Option<i64>, i64, i64)> = first_locked!(connection, line)?;
    let (limit, used, reserved) = found.ok_or(diesel::NotFound)?;
    Ok(SeatCount::new(limit, used, reserved).free)
}

fn move_reserved(
    connection: &mut Connection,
    organization: OrganizationId,
    account_type: AccountType,
    count: i64,
) -> Result<()> {
    for pool in [SeatPool::Total, account_type.into()] {
        diesel::update(seats::table.find((organization, pool)))
            .set(seats::reserved.eq(seats::reserved + count))
            .execute(connection)?;
    }
    Ok(())
}

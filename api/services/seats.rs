//! The seat ledger, read and limited (`docs/organizations.md`).

use std::collections::BTreeMap;

use super::authorization::{Permit, ReadSeats, SetSeatLimits};
use super::events;
use super::unit_of_work::UnitOfWork;
use crate::domain::events::{DomainEvent, OrganizationEvent};
use crate::domain::organization::AccountType;
use crate::domain::seats::{SeatCount, SeatPool};
use crate::error::{Error, FieldError, Result};
use crate::services::admission::require_account_type;
use crate::store::organizations::Organization;
use crate::store::seats;

/// An organization's ledger.
#[derive(Clone, Debug)]
pub struct Ledger {
    pub total: SeatCount,
    pub by_account_type: BTreeMap<AccountType, SeatCount>,
}

/// The limits that were asked for: numbers, or unlimited.
#[derive(Clone, Debug)]
pub struct RequestedLimits {
    pub total: Option<Option<i64>>,
    pub by_account_type: BTreeMap<AccountType, Option<i64>>,
}

/// The ledger as it is now.
pub fn ledger(tx: &mut UnitOfWork<'_>, permit: &Permit<ReadSeats>) -> Result<Ledger> {
    load(tx, &permit.organization)
}

fn load(tx: &mut UnitOfWork<'_>, organization: &Organization) -> Result<Ledger> {
    let lines: BTreeMap<SeatPool, SeatCount> = seats::list(tx.connection, organization.id)?
        .into_iter()
        .collect();
    let line = |pool: SeatPool| {
        lines
            .get(&pool)
            .copied()
            .ok_or_else(|| Error::internal(format!("the ledger has no line for {pool}")))
    };
    let mut by_account_type = BTreeMap::new();
    for account_type in organization.kind.account_types() {
        by_account_type.insert(account_type, line(account_type.into())?);
    }
    Ok(Ledger {
        total: line(SeatPool::Total)?,
        by_account_type,
    })
}

/// Sets all limits at once and gives the ledger as it is then.
///
/// # Errors
/// `account_type_not_in_kind` for a type of the other kind, `validation_failed` where a limit is absent.
pub fn set_limits(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<SetSeatLimits>,
    requested: &RequestedLimits,
) -> Result<Ledger> {
    let organization = &permit.organization;
    for account_type in requested.by_account_type.keys() {
        require_account_type(organization, *account_type)?;
    }
    let limits = complete(organization, requested)?;
    tx.transaction(|tx| {
        for (pool, limit) in limits {
            seats::set_limit(tx.connection, organization.id, pool, limit)?;
        }
        let event = OrganizationEvent::SeatLimitsSet {
            total: requested.total.flatten(),
            by_account_type: requested.by_account_type.clone(),
        };
        let organization_id = organization.id;
        events::publish(
            tx,
            DomainEvent::Organization {
                organization: organization_id,
                event,
            },
        )?;
        load(tx, organization)
    })
}

/// The limit of every pool of the organization.
fn complete(
    organization: &Organization,
    requested: &RequestedLimits,
) -> Result<Vec<(SeatPool, Option<i64>)>> {
    let total = (SeatPool::Total, requested.total);
    let of_type = |account_type: AccountType| {
        let limit = requested.by_account_type.get(&account_type).copied();
        (SeatPool::from(account_type), limit)
    };
    let pools: Vec<_> = std::iter::once(total)
        .chain(organization.kind.account_types().map(of_type))
        .collect();
    let given = |(pool, limit): (SeatPool, Option<Option<i64>>)| limit.map(|limit| (pool, limit));
    let limits: Vec<_> = pools.iter().copied().filter_map(given).collect();
    if limits.len() == pools.len() {
        return Ok(limits);
    }
    let absent = pools.into_iter().filter(|(_, limit)| limit.is_none());
    let absent: Vec<_> = absent.map(|(pool, _)| pool).collect();
    Err(missing_limits(&absent))
}

/// The refusal of a request that leaves out the limits of these pools.
pub fn missing_limits(pools: &[SeatPool]) -> Error {
    let missing = |pool: &SeatPool| {
        let detail = "Name every limit, or null for unlimited.";
        FieldError::new(pointer_of(*pool), "missing", detail)
    };
    Error::invalid_fields(pools.iter().map(missing).collect())
}

/// Where a request names the limit of a pool.
pub fn pointer_of(pool: SeatPool) -> String {
    match pool {
        SeatPool::Total => "/total".to_owned(),
        SeatPool::Student | SeatPool::Teacher | SeatPool::Learner | SeatPool::Creator => {
            format!("/by_account_type/{pool}")
        }
    }
}

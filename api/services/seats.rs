//! The seat ledger, read and limited (`docs/organizations.md`).

use std::collections::BTreeMap;

use super::authorization::{Permit, ReadSeats, SetSeatLimits};
use super::events;
use super::unit_of_work::UnitOfWork;
use crate::domain::events::{DomainEvent, OrganizationEvent};
use crate::domain::organization::AccountType;
use crate::domain::seats::{SeatCount, SeatPool};
use crate::error::{Error, Result};
use crate::services::admission::require_account_type;
use crate::store::organizations::Organization;
use crate::store::seats;

/// An organization's ledger.
#[derive(Clone, Debug)]
pub struct Ledger {
    pub total: SeatCount,
    pub by_account_type: BTreeMap<AccountType, SeatCount>,
}

/// The limits of a licence; absent ones are unlimited.
#[derive(Clone, Debug)]
pub struct Limits {
    pub total: Option<i64>,
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
/// `account_type_not_in_kind` for a type of the other kind.
pub fn set_limits(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<SetSeatLimits>,
    limits: &Limits,
) -> Result<Ledger> {
    let organization = &permit.organization;
    for account_type in limits.by_account_type.keys() {
        require_account_type(organization, *account_type)?;
    }
    tx.transaction(|tx| {
        seats::set_limit(
            tx.connection,
            organization.id,
            SeatPool::Total,
            limits.total,
        )?;
        for account_type in organization.kind.account_types() {
            let limit = limits.by_account_type.get(&account_type).copied().flatten();
            seats::set_limit(tx.connection, organization.id, account_type.into(), limit)?;
        }
        let event = OrganizationEvent::SeatLimitsSet {
            total: limits.total,
            by_account_type: limits.by_account_type.clone(),
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

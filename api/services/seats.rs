//! The seat ledger, read and limited (PRODUCT 3.1).

use std::collections::BTreeMap;

use serde_json::json;

use super::audit::{self, Event, Subject};
use super::authorization::{Permit, ReadSeats, SetSeatLimits};
use crate::domain::audit::AuditAction;
use crate::domain::organization::AccountType;
use crate::domain::seats::{SeatCount, SeatPool};
use crate::error::{Error, Result};
use crate::services::organizations::require_account_type;
use crate::store::organizations::Organization;
use crate::store::{Connection, seats, transaction};

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

/// The ledger as it stands.
pub fn ledger(connection: &mut Connection, permit: &Permit<ReadSeats>) -> Result<Ledger> {
    load(connection, &permit.organization)
}

fn load(connection: &mut Connection, organization: &Organization) -> Result<Ledger> {
    let lines: BTreeMap<SeatPool, SeatCount> = seats::list(connection, organization.id)?
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
    connection: &mut Connection,
    permit: &Permit<SetSeatLimits>,
    limits: &Limits,
) -> Result<Ledger> {
    let organization = &permit.organization;
    for account_type in limits.by_account_type.keys() {
        require_account_type(organization, *account_type)?;
    }
    transaction(connection, |connection| {
        seats::set_limit(connection, organization.id, SeatPool::Total, limits.total)?;
        for account_type in organization.kind.account_types() {
            let limit = limits.by_account_type.get(&account_type).copied().flatten();
            seats::set_limit(connection, organization.id, account_type.into(), limit)?;
        }
        audit::record(
            connection,
            &permit.act,
            Event::within(
                organization.id,
                AuditAction::SeatLimitsSet,
                Subject::Organization(organization.id),
                json!({ "total": limits.total, "by_account_type": limits.by_account_type }),
            ),
        )?;
        load(connection, organization)
    })
}

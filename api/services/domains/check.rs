//! Checks that are asked for: the record is looked up between two transactions.

use super::lookup::RecordAnswer;
use super::manage::find;
use super::proof::{self, Checked};
use crate::domain::ids::DomainId;
use crate::error::Result;
use crate::services::authorization::{ManageDomains, Permit};
use crate::services::limits::{self, Limit, LimitRequest};
use crate::services::unit_of_work::UnitOfWork;
use crate::store::domains::Domain;

/// Begins a check that was asked for, and gives the domain whose record is to be looked up. One that an operator
/// vouches for needs no record, and uses nothing up.
///
/// # Errors
/// `not_found`, `rate_limited`.
pub fn begin_check(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageDomains>,
    id: DomainId,
) -> Result<Domain> {
    let domain = find(tx, permit, id)?;
    if !domain.vouched {
        // By its name: who removes a domain and adds it again has no more.
        let subject = format!("{} {}", domain.organization_id, domain.domain);
        limits::take(tx, &[LimitRequest::one(Limit::DomainCheck, subject)])?;
    }
    Ok(domain)
}

/// Ends a check with what name servers said: notes it, and tells what came of it.
///
/// # Errors
/// `not_found` where the domain was removed meanwhile.
pub fn finish_check(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageDomains>,
    (id, answer): (DomainId, &RecordAnswer),
) -> Result<Checked> {
    tx.transaction(|tx| {
        let mut known = find(tx, permit, id)?;
        if tx.context.principal.setup_link().is_err() {
            known.counts_only_at = None;
        }
        proof::note(tx, &known, answer)
    })
}

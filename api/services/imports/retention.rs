//! How long the results of an import can be read, and their end.

use super::{load, publish};
use crate::domain::events::ImportEvent;
use crate::domain::ids::{ImportId, OrganizationId};
use crate::domain::timestamp::Timestamp;
use crate::error::{Code, Error, Result};
use crate::services::authorization::{ManageImports, Permit};
use crate::services::unit_of_work::UnitOfWork;
use crate::store::imports::Import;
use crate::store::{import_rows, imports};

/// Refuses results that cannot be read.
///
/// # Errors
/// `import_not_ready`, `results_expired`.
pub(super) fn require_readable(import: &Import, now: Timestamp) -> Result<()> {
    if !import.status.is_finished() {
        return Err(not_ready());
    }
    let expired = import.results_expire_at.is_some_and(|at| at <= now);
    if expired || import.results_discarded_at.is_some() {
        return Err(results_are_gone());
    }
    Ok(())
}

/// The refusal of the results of an import that has not ended.
pub fn not_ready() -> Error {
    Error::refused(
        Code::ImportNotReady,
        "This import has not ended yet. Watch its status, and come back when it has.",
    )
}

/// The refusal of results that have expired, or were discarded.
pub fn results_are_gone() -> Error {
    Error::refused(
        Code::ResultsExpired,
        "The results of this import are gone, and the passwords with them. Who has no password gets a \
         new one by a reset.",
    )
}

/// Deletes the passwords and original cells of an import before their time.
///
/// # Errors
/// `import_not_ready`, `results_expired` where they are gone already, `not_found`.
pub fn discard(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageImports>,
    id: ImportId,
) -> Result<()> {
    tx.transaction(|tx| {
        let import = load(tx, permit, id)?;
        require_readable(&import, tx.now())?;
        // Somebody else may have discarded them since they were read.
        if !erase(tx, import.organization_id, id)? {
            return Err(results_are_gone());
        }
        publish(tx, &import, ImportEvent::ResultsDiscarded)
    })
}

/// Deletes results that have expired, until there are none or `stop` says so. Results that cannot be
/// deleted do not keep the others waiting.
///
/// # Errors
/// The first that any of them met.
pub fn erase_expired(tx: &mut UnitOfWork<'_>, stop: &dyn Fn() -> bool) -> Result<()> {
    const AT_ONCE: i64 = 20;
    let (mut after, mut erased) = (None, Ok(()));
    while !stop() {
        let page = imports::with_expired_results(tx.connection, tx.now(), (after, AT_ONCE))?;
        let Some((_, last)) = page.last() else {
            break;
        };
        after = Some(*last);
        for (organization, id) in page {
            if let Err(error) = tx.transaction(|tx| erase(tx, organization, id)) {
                tracing::error!(%error, import = %id, "results that have expired are not erased");
                erased = erased.and(Err(error));
            }
        }
    }
    erased
}

/// Deletes the results; `false` where they were gone already.
fn erase(tx: &mut UnitOfWork<'_>, organization: OrganizationId, id: ImportId) -> Result<bool> {
    let are_there = imports::discard_results(tx.connection, organization, id, tx.now())?;
    if are_there {
        import_rows::erase_sealed(tx.connection, id)?;
    }
    Ok(are_there)
}

//! The audit log, as those who may see it read it (`docs/audit-log.md`).

use super::authorization::{Permit, ReadAudit};
use super::unit_of_work::UnitOfWork;
use crate::domain::ids::AuditEventId;
use crate::error::Result;
use crate::store::Page;
use crate::store::audit_events::{self, AuditEvent, AuditFilter};

/// Deletes events that the log has kept for as long as the configuration says, until `stop` says that the
/// process is stopping.
pub fn delete_old(tx: &mut UnitOfWork<'_>, stop: &dyn Fn() -> bool) -> Result<()> {
    let before = tx.now().minus(tx.services.config.audit_kept);
    while !stop() && audit_events::delete_some_before(tx.connection, before)? {}
    Ok(())
}

/// A page of the organization's events, the newest first.
pub fn list(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ReadAudit>,
    filter: &AuditFilter,
    page: Page<AuditEventId>,
) -> Result<Vec<AuditEvent>> {
    audit_events::list(tx.connection, permit.organization.id, filter, page)
}

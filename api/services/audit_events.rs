//! The audit log, as those who may see it read it (`docs/audit-log.md`).

use super::authorization::{Permit, ReadAudit};
use super::unit_of_work::UnitOfWork;
use crate::domain::ids::AuditEventId;
use crate::error::Result;
use crate::store::Page;
use crate::store::audit_events::{self, AuditEvent, AuditFilter};

/// A page of the organization's events, the newest first.
pub fn list(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ReadAudit>,
    filter: &AuditFilter,
    page: Page<AuditEventId>,
) -> Result<Vec<AuditEvent>> {
    audit_events::list(tx.connection, permit.organization.id, filter, page)
}

//! The job that looks each day at a connection, or at an operator's app.

use std::time::Duration;

use uuid::Uuid;

use crate::domain::ids::{AppId, JobSubject, OrganizationId};
use crate::domain::jobs::{JobKind, Priority};
use crate::error::Result;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::jobs::{self, Lease, NewJob, Schedule};
use crate::store::sso_connections::SsoConnection;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What is looked at.
pub(super) struct DailyCheck {
    kind: JobKind,
    tenant: Option<OrganizationId>,
    subject: JobSubject,
}

impl DailyCheck {
    pub fn of_connection(connection: &SsoConnection) -> Self {
        Self {
            kind: JobKind::ConnectionCheck,
            tenant: Some(connection.organization_id),
            subject: Uuid::from(connection.id).into(),
        }
    }

    pub fn of_app(id: AppId) -> Self {
        Self {
            kind: JobKind::AppCheck,
            tenant: None,
            subject: Uuid::from(id).into(),
        }
    }

    /// Queues the first look, for tomorrow.
    pub fn queue(&self, tx: &mut UnitOfWork<'_>) -> Result<()> {
        let job = NewJob {
            kind: self.kind,
            priority: Priority::Bulk,
            tenant: self.tenant,
            subject: self.subject,
            part: 0,
        };
        let tomorrow = Schedule::after(tx.now(), DAY);
        jobs::enqueue_each(tx.connection, &[(job, tomorrow)])
    }

    /// Takes the job away, of what is deleted.
    pub fn delete(&self, tx: &mut UnitOfWork<'_>) -> Result<()> {
        jobs::delete(tx.connection, self.kind, self.subject)
    }
}

/// Looks at what was found, and puts the job off until tomorrow; that of what is gone is done. `false` where another
/// worker has taken it over.
pub(super) fn again<T>(
    tx: &mut UnitOfWork<'_>,
    lease: &Lease,
    found: Option<T>,
    look: impl FnOnce(&mut UnitOfWork<'_>, T) -> Result<()>,
) -> Result<bool> {
    let Some(found) = found else {
        return jobs::finish(tx.connection, lease);
    };
    let tomorrow = Schedule::after(tx.now(), DAY);
    if !jobs::defer(tx.connection, lease, tomorrow)? {
        return Ok(false);
    }
    look(tx, found)?;
    Ok(true)
}

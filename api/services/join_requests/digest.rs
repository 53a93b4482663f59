//! The mail that tells admins of requests to join: at once, then once a day at most. While its job is there, they have
//! been told within the last day.

use std::time::Duration;

use uuid::Uuid;

use crate::domain::ids::OrganizationId;
use crate::domain::jobs::{JobKind, Priority};
use crate::error::Result;
use crate::mail::MailContent;
use crate::services::admin_notices;
use crate::services::unit_of_work::{Services, UnitOfWork};
use crate::store::jobs::{self, Lease, NewJob, Schedule};
use crate::store::join_requests;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Has admins told of a request: now, or a day after they were told last.
pub(super) fn queue(tx: &mut UnitOfWork<'_>, organization: OrganizationId) -> Result<()> {
    tx.queue_jobs(&[NewJob {
        kind: JobKind::JoinRequestDigest,
        priority: Priority::Bulk,
        tenant: Some(organization),
        subject: Uuid::from(organization).into(),
        part: 0,
    }])
}

/// Tells admins where there are requests that they do not know of, and looks again in a day; where there are none, the
/// job is done. `false` where another worker has taken it over.
///
/// # Errors
/// The store's own.
pub fn send(services: &Services, lease: &Lease) -> Result<bool> {
    let organization = OrganizationId::from(Uuid::from(lease.job.subject));
    services.run_as_system(|tx| {
        tx.transaction(|tx| {
            if !join_requests::mark_told(tx.connection, organization)? {
                return jobs::finish(tx.connection, lease);
            }
            let open = join_requests::count_open(tx.connection, organization)?;
            let cause = format!("join requests to {organization} at {}", tx.now());
            admin_notices::queue(tx, organization, &cause, |organization| {
                MailContent::JoinRequestsWaiting {
                    organization,
                    facts: vec![("requests".to_owned(), open)],
                }
            })?;
            let tomorrow = Schedule::after(tx.now(), DAY);
            jobs::defer(tx.connection, lease, tomorrow)
        })
    })
}

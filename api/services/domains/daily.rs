//! The daily look at the record of each domain, as a job that comes again.

use std::time::Duration;

use uuid::Uuid;

use super::lookup::RecordAnswer;
use super::proof;
use crate::domain::ids::{DomainId, JobSubject};
use crate::domain::jobs::{JobKind, Priority};
use crate::error::Result;
use crate::services::unit_of_work::{Services, UnitOfWork};
use crate::store::domains::{self, Domain};
use crate::store::jobs::{self, Lease, NewJob, Schedule};
use crate::store::organizations;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Queues the first look, for tomorrow: until then whoever added the domain asks for checks.
pub(super) fn queue(tx: &mut UnitOfWork<'_>, domain: &Domain) -> Result<()> {
    let job = NewJob {
        kind: JobKind::DomainCheck,
        priority: Priority::Bulk,
        tenant: Some(domain.organization_id),
        subject: subject_of(domain.id),
        part: 0,
    };
    let tomorrow = Schedule::after(tx.now(), DAY);
    jobs::enqueue_each(tx.connection, &[(job, tomorrow)])
}

/// Takes the job of a domain away that is removed.
pub(super) fn delete(tx: &mut UnitOfWork<'_>, id: DomainId) -> Result<()> {
    jobs::delete(tx.connection, JobKind::DomainCheck, subject_of(id))
}

fn subject_of(id: DomainId) -> JobSubject {
    Uuid::from(id).into()
}

/// Looks once by `look_up`, notes what name servers say, and puts the job off until tomorrow; `false` where another
/// worker has taken it over. The job of a domain that is gone is done.
///
/// # Errors
/// The store's own. That nobody answers is none.
pub fn check(
    services: &Services,
    lease: &Lease,
    look_up: impl FnOnce(&Domain) -> Result<RecordAnswer>,
) -> Result<bool> {
    let id = DomainId::from(Uuid::from(lease.job.subject));
    let found = services.run_as_system(|tx| domains::find_of_any(tx.connection, id))?;
    let Some(domain) = found else {
        return services.run_as_system(|tx| jobs::finish(tx.connection, lease));
    };
    if domain.vouched {
        return services.run_as_system(|tx| put_off(tx, lease));
    }
    let answer = look_up(&domain)?;
    services.run_as_system(|tx| {
        tx.transaction(|tx| {
            let organization = domain.organization_id;
            organizations::lock(tx.connection, organization)?;
            // It may have been changed or removed while name servers were asked.
            if let Some(known) = domains::find(tx.connection, organization, id)? {
                proof::note(tx, &known, &answer)?;
            }
            put_off(tx, lease)
        })
    })
}

fn put_off(tx: &mut UnitOfWork<'_>, lease: &Lease) -> Result<bool> {
    let tomorrow = Schedule::after(tx.now(), DAY);
    jobs::defer(tx.connection, lease, tomorrow)
}

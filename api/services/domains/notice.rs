//! What the admins of an organization are told of a domain.

use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::mail::MailContent;
use crate::services::admin_notices;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::domains::Domain;

/// Queues the mail that the record of a proven domain is gone, and when the domain lapses.
pub(super) fn queue_missing(
    tx: &mut UnitOfWork<'_>,
    domain: &Domain,
    lapses_at: Timestamp,
) -> Result<()> {
    let cause = format!("record of domain {} gone, lapses {lapses_at}", domain.id);
    let name = domain.domain.to_string();
    admin_notices::queue(tx, domain.organization_id, &cause, |organization| {
        MailContent::DomainRecordMissing {
            organization,
            domain: name,
            lapses_at,
        }
    })
}

/// Queues the mail that a domain has lapsed.
pub(super) fn queue_lapsed(tx: &mut UnitOfWork<'_>, domain: &Domain) -> Result<()> {
    let cause = format!("domain {} lapsed {}", domain.id, tx.now());
    let name = domain.domain.to_string();
    admin_notices::queue(tx, domain.organization_id, &cause, |organization| {
        MailContent::DomainLapsed {
            organization,
            domain: name,
        }
    })
}

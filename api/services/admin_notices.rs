//! Mail that tells the admins of an organization of something that they have to see to.

use super::unit_of_work::UnitOfWork;
use crate::domain::ids::OrganizationId;
use crate::error::{Error, Result};
use crate::mail::MailContent;
use crate::mail::outbox::QueuedMail;
use crate::store::accounts::Account;
use crate::store::{memberships, organizations};

/// The most admins that are written to: those who have been members the longest.
const MAX_ADMINS: i64 = 20;

/// Queues a mail to each active admin with a mailbox, in the transaction of what it tells of. `content` takes the
/// name of the organization. A second mail with the same cause is not queued.
pub(super) fn queue(
    tx: &mut UnitOfWork<'_>,
    organization: OrganizationId,
    cause: &str,
    content: impl FnOnce(String) -> MailContent,
) -> Result<()> {
    let mail_leaves = tx.services.config.mail_leaves();
    let found = organizations::find(tx.connection, organization)?;
    let name = found.ok_or_else(|| Error::not_found("organization"))?.name;
    let content = content(name);
    let admins = memberships::active_admins(tx.connection, organization, MAX_ADMINS)?;
    let mails: Vec<_> = admins
        .iter()
        .filter(|admin| may_be_written_to(admin, mail_leaves))
        .map(|admin| QueuedMail {
            to: admin,
            language: None,
            priority: None,
            organization: Some(organization),
            cause: format!("{cause}, to {}", admin.id),
            content: content.clone(),
        })
        .collect();
    tx.queue_mails(&mails)?;
    Ok(())
}

/// Where mail leaves, a stranger may have the mailbox of an address that nobody has verified.
fn may_be_written_to(admin: &Account, mail_leaves: bool) -> bool {
    let is_verified = admin.email_verified_at.is_some();
    !admin.generated_address && (is_verified || !mail_leaves)
}

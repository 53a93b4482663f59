//! Mail that tells the admins of an organization, or the operators of the installation, of something that they have to see
//! to.

use super::unit_of_work::UnitOfWork;
use crate::domain::ids::OrganizationId;
use crate::error::{Error, Result};
use crate::mail::MailContent;
use crate::mail::outbox::QueuedMail;
use crate::store::accounts::Account;
use crate::store::{memberships, operators, organizations};

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
    let found = organizations::find(tx.connection, organization)?;
    let name = found.ok_or_else(|| Error::not_found("organization"))?.name;
    let content = content(name);
    let admins = memberships::active_admins(tx.connection, organization, MAX_ADMINS)?;
    queue_to(tx, &admins, Some(organization), (cause, &content))
}

/// Queues a mail to each active operator with a mailbox, as [`queue`] does to admins.
pub(super) fn queue_for_operators(
    tx: &mut UnitOfWork<'_>,
    cause: &str,
    content: &MailContent,
) -> Result<()> {
    let mut all = operators::list(tx.connection)?;
    all.retain(|operator| operator.deactivated_at.is_none());
    queue_to(tx, &all, None, (cause, content))
}

fn queue_to(
    tx: &mut UnitOfWork<'_>,
    accounts: &[Account],
    organization: Option<OrganizationId>,
    (cause, content): (&str, &MailContent),
) -> Result<()> {
    let mail_leaves = tx.services.config.mail_leaves();
    let mails: Vec<_> = accounts
        .iter()
        .filter(|account| may_be_written_to(account, mail_leaves))
        .map(|account| QueuedMail {
            to: account,
            language: None,
            priority: None,
            organization,
            cause: format!("{cause}, to {}", account.id),
            content: content.clone(),
        })
        .collect();
    tx.queue_mails(&mails)?;
    Ok(())
}

/// Where mail leaves, a stranger may have the mailbox of an address that nobody has verified.
fn may_be_written_to(account: &Account, mail_leaves: bool) -> bool {
    let is_verified = account.email_verified_at.is_some();
    !account.generated_address && (is_verified || !mail_leaves)
}

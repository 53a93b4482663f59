//! The mail that tells whoever made an import that it has ended (`docs/imports.md`).

use super::with_counts;
use crate::domain::imports::ImportStatus;
use crate::domain::organization::MembershipStatus;
use crate::error::{Error, Result};
use crate::mail::MailContent;
use crate::mail::mailbox_limit::SendTime;
use crate::mail::outbox::QueuedMail;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::accounts::{self, Account};
use crate::store::imports::Import;
use crate::store::{memberships, organizations};

/// Queues the mail in the transaction in which the import ends. Nothing is queued where the import has
/// not ended, where somebody cancelled it and so knows, or where its maker has left or has not verified their
/// address.
pub(super) fn queue(tx: &mut UnitOfWork<'_>, import: &Import) -> Result<()> {
    match import.status {
        ImportStatus::Completed | ImportStatus::Failed => {}
        ImportStatus::Staging
        | ImportStatus::Queued
        | ImportStatus::Running
        | ImportStatus::Cancelled => return Ok(()),
    }
    let Some(maker) = maker(tx, import)? else {
        return Ok(());
    };
    let mail = QueuedMail {
        to: &maker,
        language: None,
        priority: None,
        organization: Some(import.organization_id),
        cause: format!("import {} finished", import.id),
        content: content(tx, import)?,
    };
    if maker.email_verified_at.is_some() {
        // The owner has started it: it needs no place among what others send.
        tx.queue_limited_mail(&mail, SendTime::Now)?;
    } else {
        tx.queue_mail(&mail)?;
    }
    Ok(())
}

/// Finds whoever made the import, if they still belong to the organization or to the installation.
fn maker(tx: &mut UnitOfWork<'_>, import: &Import) -> Result<Option<Account>> {
    let Some(id) = import.created_by_account_id else {
        return Ok(None);
    };
    let account = accounts::find(tx.connection, id)?;
    let mail_leaves = tx.services.config.mail_leaves();
    let Some(account) = account.filter(|account| may_be_written_to(account, mail_leaves)) else {
        return Ok(None);
    };
    let membership = memberships::find(tx.connection, import.organization_id, id)?;
    let is_here = membership.is_some_and(|found| found.status == MembershipStatus::Active);
    Ok((is_here || account.operator).then_some(account))
}

/// Whether the notice reaches its maker. Where mail leaves, a stranger may have the mailbox of an address that
/// nobody has verified, and the notice has the name of an organization in it.
fn may_be_written_to(account: &Account, mail_leaves: bool) -> bool {
    let is_verified = account.email_verified_at.is_some();
    account.deactivated_at.is_none() && !account.generated_address && (is_verified || !mail_leaves)
}

fn content(tx: &mut UnitOfWork<'_>, import: &Import) -> Result<MailContent> {
    let organization = organizations::find(tx.connection, import.organization_id)?
        .ok_or_else(|| Error::not_found("organization"))?;
    let ended = with_counts(tx, import.clone())?;
    let facts = [
        ("rows", import.rows_total),
        ("created", ended.created()),
        ("failed", ended.failed()),
        ("cancelled", ended.cancelled()),
    ];
    Ok(MailContent::ImportFinished {
        organization: organization.name,
        facts: facts.map(|(name, count)| (name.to_owned(), count)).into(),
        results_expire_at: import.results_expire_at.unwrap_or_else(|| tx.now()),
    })
}

//! The mail that tells whoever made an import that it has ended (`docs/imports.md`).

use super::with_counts;
use crate::domain::imports::ImportStatus;
use crate::domain::limits::Limit;
use crate::domain::organization::MembershipStatus;
use crate::error::{Code, Error, Result};
use crate::mail::MailContent;
use crate::mail::outbox::QueuedMail;
use crate::services::context::RequestContext;
use crate::services::limits::{self, LimitRequest};
use crate::services::unit_of_work::UnitOfWork;
use crate::store::accounts::{self, Account};
use crate::store::imports::Import;
use crate::store::{memberships, organizations};

/// Queues the mail in the transaction in which the import ends. Nothing is queued where the import has
/// not ended, where somebody cancelled it and so knows, or where its maker has left.
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
    if !may_write_to(tx, &maker)? {
        return Ok(());
    }
    let mail = QueuedMail {
        to: &maker,
        language: None,
        organization: Some(import.organization_id),
        cause: format!("import {} finished", import.id),
        content: content(tx, import)?,
    };
    tx.queue_mail(&mail)?;
    Ok(())
}

/// Limits these mails to an address that nobody has verified, which may be anybody's, as all mails that
/// strangers can cause. The limit is not the sender's, so it is kept out of their response headers.
fn may_write_to(tx: &mut UnitOfWork<'_>, maker: &Account) -> Result<bool> {
    if maker.email_verified_at.is_some() {
        return Ok(true);
    }
    let wanted = [LimitRequest::one(
        Limit::MailToAddress,
        format!("import {}", maker.email),
    )];
    let context = RequestContext::system(tx.now());
    let mut tx = UnitOfWork::new(tx.connection, tx.services, &context);
    match limits::take(&mut tx, &wanted) {
        Err(error) if error.code() == Code::RateLimited => Ok(false),
        taken => taken.map(|()| true),
    }
}

/// Finds whoever made the import, if they still belong to the organization or to the installation.
fn maker(tx: &mut UnitOfWork<'_>, import: &Import) -> Result<Option<Account>> {
    let Some(id) = import.created_by_account_id else {
        return Ok(None);
    };
    let account = accounts::find(tx.connection, id)?;
    let Some(account) = account.filter(has_mailbox) else {
        return Ok(None);
    };
    let membership = memberships::find(tx.connection, import.organization_id, id)?;
    let is_here = membership.is_some_and(|found| found.status == MembershipStatus::Active);
    Ok((is_here || account.operator).then_some(account))
}

fn has_mailbox(account: &Account) -> bool {
    account.deactivated_at.is_none() && !account.generated_address
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

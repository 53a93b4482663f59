//! The mail that tells whoever made an import that it has ended (PRODUCT 3.10).

use std::collections::BTreeMap;

use crate::domain::imports::{ImportStatus, RowOutcome};
use crate::domain::limits::Limit;
use crate::domain::organization::MembershipStatus;
use crate::domain::timestamp::Timestamp;
use crate::error::{Code, Result};
use crate::mail::MailContent;
use crate::mail::outbox::QueuedMail;
use crate::services::context::RequestContext;
use crate::services::limits::{self, LimitRequest};
use crate::services::unit_of_work::{Services, UnitOfWork};
use crate::store::accounts::{self, Account};
use crate::store::imports::Import;
use crate::store::{Connection, import_outcomes, memberships, organizations};

use super::ImportWithCounts;

/// Queues it in the transaction in which the import ends; nothing where it has not ended, or was
/// cancelled by somebody who so knows, or where its maker is not here any more.
pub(super) fn queue(
    connection: &mut Connection,
    services: &Services,
    import: &Import,
    now: Timestamp,
) -> Result<()> {
    if !matches!(
        import.status,
        ImportStatus::Completed | ImportStatus::Failed
    ) {
        return Ok(());
    }
    let Some(maker) = maker(connection, import)? else {
        return Ok(());
    };
    if !may_write_to(connection, services, &maker, now)? {
        return Ok(());
    }
    let mail = QueuedMail {
        to: &maker,
        language: None,
        organization: Some(import.organization_id),
        cause: format!("import {} finished", import.id),
        content: content(connection, import, now)?,
    };
    services.outbox.queue(connection, &mail, now)?;
    Ok(())
}

/// An address that nobody has proved to be theirs may be anybody's: it gets no more of these mails than
/// of others that strangers can cause.
fn may_write_to(
    connection: &mut Connection,
    services: &Services,
    maker: &Account,
    now: Timestamp,
) -> Result<bool> {
    if maker.email_verified_at.is_some() {
        return Ok(true);
    }
    let wanted = [LimitRequest::one(
        Limit::MailToAddress,
        format!("import {}", maker.email),
    )];
    let context = RequestContext::system(now);
    let mut tx = UnitOfWork::new(connection, services, &context);
    match limits::take(&mut tx, &wanted) {
        Err(error) if error.code() == Code::RateLimited => Ok(false),
        taken => taken.map(|()| true),
    }
}

/// Who made the import, if they still belong to the organization or to the installation.
fn maker(connection: &mut Connection, import: &Import) -> Result<Option<Account>> {
    let Some(id) = import.created_by_account_id else {
        return Ok(None);
    };
    let account = accounts::find(connection, id)?;
    let Some(account) = account.filter(has_mailbox) else {
        return Ok(None);
    };
    let membership = memberships::find(connection, import.organization_id, id)?;
    let is_here = membership.is_some_and(|found| found.status == MembershipStatus::Active);
    Ok((is_here || account.operator).then_some(account))
}

fn has_mailbox(account: &Account) -> bool {
    account.deactivated_at.is_none() && !account.generated_address
}

fn content(connection: &mut Connection, import: &Import, now: Timestamp) -> Result<MailContent> {
    let organization = organizations::find(connection, import.organization_id)?;
    let counts = import_outcomes::of_imports(connection, &[import.id])?;
    let by_outcome: BTreeMap<RowOutcome, i64> = counts
        .into_iter()
        .map(|(_, outcome, count)| (outcome, count))
        .collect();
    let ended = ImportWithCounts {
        import: import.clone(),
        by_outcome,
    };
    Ok(MailContent::ImportFinished {
        organization: organization.map(|found| found.name).unwrap_or_default(),
        rows: import.rows_total,
        created: ended.created(),
        failed: ended.failed(),
        cancelled: ended.ended() - ended.created() - ended.failed(),
        results_expire_at: import.results_expire_at.unwrap_or(now),
    })
}

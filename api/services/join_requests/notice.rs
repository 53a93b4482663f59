//! What people are told whose request was decided.

use crate::error::Result;
use crate::mail::MailContent;
use crate::mail::outbox::QueuedMail;
use crate::services::sign_on_requirement::{names_of, only_ways_in};
use crate::services::unit_of_work::UnitOfWork;
use crate::store::join_requests::WithNames;

/// Queues the mail that somebody is a member now.
pub(super) fn queue_approved(tx: &mut UnitOfWork<'_>, decided: &WithNames) -> Result<()> {
    let connections = only_ways_in(tx, &decided.2)?;
    let content = MailContent::JoinRequestApproved {
        organization: decided.2.name.clone(),
        connections: names_of(&connections),
    };
    queue(tx, decided, content)
}

/// Queues the mail that somebody was not let in.
pub(super) fn queue_declined(tx: &mut UnitOfWork<'_>, decided: &WithNames) -> Result<()> {
    let organization = decided.2.name.clone();
    queue(
        tx,
        decided,
        MailContent::JoinRequestDeclined { organization },
    )
}

fn queue(
    tx: &mut UnitOfWork<'_>,
    (request, account, _): &WithNames,
    content: MailContent,
) -> Result<()> {
    let mail = QueuedMail {
        to: account,
        language: None,
        priority: None,
        organization: Some(request.organization_id),
        cause: format!("join request {} decided", request.id),
        content,
    };
    tx.queue_mail(&mail)?;
    Ok(())
}

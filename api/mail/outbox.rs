//! The outbox: services queue mail in the transaction of what it tells of, and never wait for a mail
//! server.

use std::sync::Arc;

use super::content::MailContent;
use super::links::Links;
use super::mailbox_limit::{Allowance, MailboxLimit, SendTime};
use crate::clock::new_id;
use crate::crypto::sealing::SealingKeys;
use crate::domain::ids::{MailId, OrganizationId};
use crate::domain::jobs::Priority;
use crate::domain::language::Language;
use crate::domain::limits::Quota;
use crate::domain::mail::MailStatus;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::store::Connection;
use crate::store::accounts::Account;
use crate::store::mails::{self, Mail};

/// Queues mail.
#[derive(Clone)]
pub struct Outbox {
    keys: Arc<SealingKeys>,
    /// None: mailboxes get whatever others have them sent.
    mailbox_limit: Option<MailboxLimit>,
    pub links: Links,
}

/// Who causes a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The owner of the mailbox, who gets as much mail as they ask for.
    Owner,
    /// Anybody else, or who has not proved to be the owner.
    Others,
    /// Anybody, within a limit of the mail's own, which lets it leave then.
    Limited(SendTime),
    /// Anybody, for one of the subaddresses that they may have invented.
    OfSubaddress,
}

/// A mail to be queued.
pub struct QueuedMail<'a> {
    pub to: &'a Account,
    /// The account's language where none is given.
    pub language: Option<Language>,
    /// That of its kind where none is given.
    pub priority: Option<Priority>,
    /// The organization that causes it; none for what concerns a person alone.
    pub organization: Option<OrganizationId>,
    /// Unique in the installation: a second mail with the same cause is not queued.
    pub cause: String,
    pub content: MailContent,
}

impl Outbox {
    /// An outbox whose mail is sealed with these keys, and whose mailboxes have this quota.
    pub fn new(keys: Arc<SealingKeys>, links: Links, of_mailbox: Option<Quota>) -> Self {
        Self {
            keys,
            mailbox_limit: of_mailbox.map(MailboxLimit::new),
            links,
        }
    }

    /// Queues a mail; call it in the transaction of what the mail tells of. Gives its id, or nothing
    /// where Rollcall generated the address, to which it never sends mail (`docs/mail.md`), or where
    /// the cause has had its mail. A mail over the limit of its mailbox waits, or is given up at once.
    ///
    /// # Errors
    /// `internal` where the content cannot be sealed.
    pub fn queue(
        &self,
        connection: &mut Connection,
        mail: &QueuedMail<'_>,
        (caused_by, now): (Cause, Timestamp),
    ) -> Result<Option<MailId>> {
        if mail.to.generated_address {
            return Ok(None);
        }
        let (id, kind) = (new_id::<MailId>(), mail.content.kind());
        let send_time = self.send_time(connection, mail, (caused_by, now))?;
        let priority = mail.priority.unwrap_or(kind.priority());
        let queued = Mail {
            id,
            organization_id: mail.organization,
            account_id: mail.to.id,
            kind,
            cause: mail.cause.clone(),
            recipient: mail.to.email.clone(),
            language: mail.language.unwrap_or(mail.to.language),
            sealed: Some(self.seal(id, &mail.content)?),
            status: MailStatus::Queued,
            attempts: 0,
            last_error: None,
            handed_over_at: None,
            created_at: now,
            sent_at: None,
        };
        let inserted = match send_time {
            SendTime::Now => mails::insert(connection, &queued, (priority, now)),
            SendTime::At(then) => {
                let deferred = Mail {
                    status: MailStatus::Deferred,
                    last_error: Some(format!("{MAILBOX_IS_FULL} It is sent at {then}.")),
                    ..queued
                };
                mails::insert(connection, &deferred, (priority, then))
            }
            SendTime::Never => {
                let given_up = Mail {
                    status: MailStatus::Failed,
                    last_error: Some(format!("{MAILBOX_IS_FULL} {TOO_MANY_WAIT}")),
                    sealed: None,
                    ..queued
                };
                mails::insert_given_up(connection, &given_up)
            }
        };
        Ok(inserted?.then_some(id))
    }

    fn send_time(
        &self,
        connection: &mut Connection,
        mail: &QueuedMail<'_>,
        (caused_by, now): (Cause, Timestamp),
    ) -> Result<SendTime> {
        let allowance = match caused_by {
            Cause::Owner => return Ok(SendTime::Now),
            Cause::Limited(send_time) => return Ok(send_time),
            Cause::Others => Allowance::Shared,
            Cause::OfSubaddress => Allowance::Links(mail.content.kind()),
        };
        match self.mailbox_limit {
            Some(limit) => limit.take(connection, (&mail.to.email, allowance), now),
            None => Ok(SendTime::Now),
        }
    }

    /// Takes mails back that nobody has begun to send; their mailboxes get the places back.
    ///
    /// # Errors
    /// `unavailable` where the database is away.
    pub fn withdraw(
        &self,
        connection: &mut Connection,
        ids: &[MailId],
        now: Timestamp,
    ) -> Result<()> {
        let recipients = mails::withdraw(connection, ids)?;
        if let Some(limit) = self.mailbox_limit {
            for recipient in recipients {
                limit.refund(connection, &recipient, now)?;
            }
        }
        Ok(())
    }

    fn seal(&self, id: MailId, content: &MailContent) -> Result<Vec<u8>> {
        let plain = serde_json::to_vec(content).map_err(Error::internal)?;
        self.keys.seal(&place(id), &plain)
    }

    /// Opens the content of a mail.
    ///
    /// # Errors
    /// Where the key is gone, or it was sealed for another place.
    pub fn open(&self, id: MailId, sealed: &[u8]) -> Result<MailContent> {
        let plain = self.keys.open(&place(id), sealed)?;
        serde_json::from_slice(&plain).map_err(Error::internal)
    }
}

const MAILBOX_IS_FULL: &str =
    "This mailbox has had as many mails as others may have sent to it within that time.";

const TOO_MANY_WAIT: &str =
    "As many more wait for it that this one was not taken. Send it again later.";

/// What a mail's content is bound to.
pub fn place(id: MailId) -> Vec<u8> {
    format!("mail {id}").into_bytes()
}

//! The outbox: services queue mail in the transaction of what it tells of, and never wait for a mail
//! server.

use std::sync::Arc;

use super::content::MailContent;
use super::links::Links;
use super::mailbox_limit::{Allowance, LimitedMail, MailboxLimit, SendTime};
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
use crate::store::mails::{self, Mail, NewMail};

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

    /// Queues one mail, as [`Outbox::queue_all`] does.
    ///
    /// # Errors
    /// As there.
    pub fn queue(
        &self,
        connection: &mut Connection,
        mail: &QueuedMail<'_>,
        (caused_by, now): (Cause, Timestamp),
    ) -> Result<Option<MailId>> {
        let ids = self.queue_all(connection, &[(mail, caused_by)], now)?;
        Ok(ids.into_iter().next().flatten())
    }

    /// Queues mails; call it in the transaction of what they tell of. Gives the id of each, or nothing
    /// where Rollcall generated the address, to which it never sends mail (`docs/mail.md`), or where
    /// the cause has had its mail. A mail over the limit of its mailbox waits, or is given up at once.
    ///
    /// # Errors
    /// `internal` where the content cannot be sealed.
    pub fn queue_all(
        &self,
        connection: &mut Connection,
        mails: &[(&QueuedMail<'_>, Cause)],
        now: Timestamp,
    ) -> Result<Vec<Option<MailId>>> {
        let send_times = self.send_times(connection, mails, now)?;
        let new = mails.iter().zip(send_times).map(|((mail, _), send_time)| {
            let new = send_time.map(|send_time| self.new_mail(mail, send_time, now));
            new.transpose()
        });
        let new: Vec<Option<NewMail>> = new.collect::<Result<_>>()?;
        let ids: Vec<Option<MailId>> = new.iter().map(|new| Some(new.as_ref()?.mail.id)).collect();
        let new: Vec<NewMail> = new.into_iter().flatten().collect();
        let inserted = mails::insert_all(connection, &new)?;
        let kept = ids.into_iter();
        Ok(kept
            .map(|id| id.filter(|id| inserted.contains(id)))
            .collect())
    }

    fn new_mail(
        &self,
        mail: &QueuedMail<'_>,
        send_time: SendTime,
        now: Timestamp,
    ) -> Result<NewMail> {
        let (id, kind) = (new_id::<MailId>(), mail.content.kind());
        let (status, last_error, due_at) = match send_time {
            SendTime::Now => (MailStatus::Queued, None, Some(now)),
            SendTime::At(then) => {
                let reason = format!("{MAILBOX_IS_FULL} It is sent at {then}.");
                (MailStatus::Deferred, Some(reason), Some(then))
            }
            SendTime::Never => {
                let reason = format!("{MAILBOX_IS_FULL} {TOO_MANY_WAIT}");
                (MailStatus::Failed, Some(reason), None)
            }
        };
        let sealed = due_at.map(|_| self.seal(id, &mail.content)).transpose()?;
        let kept = Mail {
            id,
            organization_id: mail.organization,
            account_id: mail.to.id,
            kind,
            cause: mail.cause.clone(),
            recipient: mail.to.email.clone(),
            language: mail.language.unwrap_or(mail.to.language),
            sealed,
            status,
            attempts: 0,
            last_error,
            handed_over_at: None,
            created_at: now,
            sent_at: None,
        };
        Ok(NewMail {
            mail: kept,
            priority: mail.priority.unwrap_or(kind.priority()),
            due_at,
        })
    }

    /// When each mail may leave; `None` where it is none, since Rollcall generated its address.
    fn send_times(
        &self,
        connection: &mut Connection,
        mails: &[(&QueuedMail<'_>, Cause)],
        now: Timestamp,
    ) -> Result<Vec<Option<SendTime>>> {
        let settled: Vec<Settled> = mails
            .iter()
            .map(|(mail, caused_by)| settled(mail, *caused_by))
            .collect();
        let limited: Vec<LimitedMail<'_>> = mails
            .iter()
            .zip(&settled)
            .filter_map(|((mail, _), settled)| match settled {
                Settled::Never | Settled::At(_) => None,
                Settled::By(allowance) => Some(LimitedMail {
                    to: &mail.to.email,
                    allowance: *allowance,
                    link_holds_until: mail.content.link_holds_until(),
                }),
            })
            .collect();
        let mut places = match self.mailbox_limit {
            Some(limit) => limit.take_each(connection, &limited, now)?,
            None => vec![SendTime::Now; limited.len()],
        }
        .into_iter();
        let send_times = settled.into_iter().map(|settled| match settled {
            Settled::Never => None,
            Settled::At(send_time) => Some(send_time),
            Settled::By(_) => places.next(),
        });
        Ok(send_times.collect())
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

/// What decides when a mail leaves.
enum Settled {
    Never,
    At(SendTime),
    By(Allowance),
}

fn settled(mail: &QueuedMail<'_>, caused_by: Cause) -> Settled {
    if mail.to.generated_address {
        return Settled::Never;
    }
    match caused_by {
        Cause::Owner => Settled::At(SendTime::Now),
        Cause::Limited(send_time) => Settled::At(send_time),
        Cause::Others => Settled::By(Allowance::Shared),
        Cause::OfSubaddress => Settled::By(Allowance::Links(mail.content.kind())),
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

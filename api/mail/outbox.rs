//! The outbox: services queue mail in the transaction of what it tells of, and never wait for a mail
//! server.

use std::sync::Arc;

use super::content::MailContent;
use super::links::Links;
use crate::clock::new_id;
use crate::crypto::sealing::SealingKeys;
use crate::domain::ids::{MailId, OrganizationId};
use crate::domain::language::Language;
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
    pub links: Links,
}

/// A mail to be queued.
pub struct QueuedMail<'a> {
    pub to: &'a Account,
    /// The account's language where none is given.
    pub language: Option<Language>,
    /// The organization that causes it; none for what concerns a person alone.
    pub organization: Option<OrganizationId>,
    /// Unique in the installation: a second mail with the same cause is not queued.
    pub cause: String,
    pub content: MailContent,
}

impl Outbox {
    /// An outbox whose mail is sealed with these keys.
    pub fn new(keys: Arc<SealingKeys>, links: Links) -> Self {
        Self { keys, links }
    }

    /// Queues a mail; call it in the transaction of what the mail tells of. Gives its id, or nothing
    /// where Rollcall generated the address, to which it never sends mail (`docs/mail.md`), or where
    /// the cause has had its mail.
    ///
    /// # Errors
    /// `internal` where the content cannot be sealed.
    pub fn queue(
        &self,
        connection: &mut Connection,
        mail: &QueuedMail<'_>,
        now: Timestamp,
    ) -> Result<Option<MailId>> {
        if mail.to.generated_address {
            return Ok(None);
        }
        let (id, kind) = (new_id::<MailId>(), mail.content.kind());
        let mail = Mail {
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
        Ok(mails::insert(connection, &mail, kind.priority())?.then_some(id))
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

fn place(id: MailId) -> Vec<u8> {
    format!("mail {id}").into_bytes()
}

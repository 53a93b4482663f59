//! The turn of a mail: taken from the queue under a lease, written out, handed to the transport.
//!
//! No mail is sent twice, whatever dies when. Right before the text goes to a mail server, the
//! hand-over is committed; a worker that dies after that leaves a mail of which nobody knows whether
//! it was taken, and which is given up and says so. A connection that breaks in a living process has
//! not acknowledged the mail, so it is tried again (RFC 5321, 4.2.5).

use std::sync::Arc;
use std::time::Duration;

use super::content::MailContent;
use super::message::{MailHeaders, Recipient, compose};
use super::outbox::Outbox;
use super::send_rate::SendRate;
use super::templates;
use super::transport::{DeliveryError, RenderedMail, Smtp, SmtpSession, Transport};
use crate::clock::Clock;
use crate::clock::new_id;
use crate::config::Config;
use crate::domain::ids::{MailId, WorkerId};
use crate::domain::mail::Sender;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::store::accounts;
use crate::store::mails::{self, Lease, Mail};
use crate::store::transaction::with_retries;
use crate::store::{Connection, Pool};

/// How long a mail is tried before it is given up.
const GIVE_UP_AFTER: Duration = Duration::from_secs(48 * 60 * 60);

/// How many mails a worker looks at to find one that no other takes.
const LOOK_AT: i64 = 16;

/// What is said of a mail whose worker died right when it handed it over.
const LOST: &str = "Sending was interrupted while the mail server had the mail: it may have arrived. \
                    Send it again if it did not.";

/// Somebody who takes mail from the queue to the transport. Each thread has its own.
pub struct MailSender {
    pool: Pool,
    clock: Clock,
    outbox: Arc<Outbox>,
    transport: Arc<Transport>,
    from: Sender,
    send_rate: SendRate,
    lease: Duration,
    worker: WorkerId,
    /// To the mail server, while a run of mails lasts.
    session: Option<SmtpSession>,
}

/// What became of a turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// No mail is due.
    Idle,
    /// Mail is due, and the sending rate lets the next leave after this.
    Wait(Duration),
    /// Others took what was due, or it was withdrawn.
    Taken,
    /// A mail left.
    Sent,
    /// A mail did not leave.
    NotSent(DeliveryError),
}

impl MailSender {
    /// One with nothing in hand.
    pub fn new(
        pool: Pool,
        clock: Clock,
        outbox: Arc<Outbox>,
        transport: Arc<Transport>,
        config: &Config,
    ) -> Self {
        Self {
            pool,
            clock,
            outbox,
            transport,
            from: config.mail_from.clone(),
            send_rate: SendRate::per_minute(config.mail_per_minute),
            lease: config.mail_lease,
            worker: new_id::<WorkerId>(),
            session: None,
        }
    }

    /// Lets go of the mail server: there is nothing to send for now.
    pub fn rest(&mut self) {
        if let Some(session) = self.session.take() {
            session.close();
        }
    }

    /// Sends the next mail that is due, if its turn has come.
    ///
    /// # Errors
    /// Where the database is away.
    pub fn next_turn(&mut self) -> Result<Step> {
        let mut connection = self.pool.get()?;
        let now = self.clock.now();
        let due = mails::claimable(&mut connection, now, LOOK_AT)?;
        if due.is_empty() {
            return Ok(Step::Idle);
        }
        if let Some(wait) = self.send_rate.take(&mut connection, now)? {
            return Ok(Step::Wait(wait));
        }
        let Some(mail) = self.claim_one(&mut connection, &due, now)? else {
            self.send_rate.refund(&mut connection, now)?;
            return Ok(Step::Taken);
        };
        drop(connection);
        self.carry(&mail)
    }

    /// Sends the next mail that is due, whatever the rate; `None` where none is.
    ///
    /// # Errors
    /// Where the database is away.
    pub fn next_at_once(&mut self) -> Result<Option<Step>> {
        let mut connection = self.pool.get()?;
        let now = self.clock.now();
        let due = mails::claimable(&mut connection, now, LOOK_AT)?;
        if due.is_empty() {
            return Ok(None);
        }
        let claimed = self.claim_one(&mut connection, &due, now)?;
        drop(connection);
        match claimed {
            Some(mail) => self.carry(&mail).map(Some),
            None => Ok(Some(Step::Taken)),
        }
    }

    fn claim_one(
        &self,
        connection: &mut Connection,
        due: &[MailId],
        now: Timestamp,
    ) -> Result<Option<Mail>> {
        for id in due {
            let claimed = mails::claim(connection, self.lease_of(*id), now, now.plus(self.lease))?;
            if claimed.is_some() {
                return Ok(claimed);
            }
        }
        Ok(None)
    }

    const fn lease_of(&self, mail: MailId) -> Lease {
        Lease {
            mail,
            worker: self.worker,
        }
    }

    /// Brings a mail that is in hand on its way, and notes what became of it.
    fn carry(&mut self, mail: &Mail) -> Result<Step> {
        let ended = match self.write_out(mail)? {
            Ok(rendered) => self.deliver(mail.id, &rendered)?,
            Err(delivery_error) => Delivered::NotSent(delivery_error),
        };
        let lease = self.lease_of(mail.id);
        // What became of it is known here only, so a database that is busy is asked again.
        match ended {
            Delivered::Sent => {
                let now = self.clock.now();
                with_retries(|| mails::mark_sent(&mut *self.pool.get()?, lease, now))?;
                tracing::info!(mail = %mail.id, kind = %mail.kind, "mail sent");
                Ok(Step::Sent)
            }
            Delivered::NotSent(delivery_error) => {
                with_retries(|| self.settle(mail, lease, &delivery_error))?;
                Ok(Step::NotSent(delivery_error))
            }
            Delivered::Lost => Ok(Step::Taken),
        }
    }

    fn deliver(&mut self, mail: MailId, rendered: &RenderedMail) -> Result<Delivered> {
        let transport = self.transport.clone();
        match &*transport {
            Transport::Folder(folder) => Ok(folder.deliver(rendered).into()),
            Transport::Smtp(smtp) => self.deliver_to(smtp, mail, rendered),
        }
    }

    fn deliver_to(
        &mut self,
        smtp: &Smtp,
        mail: MailId,
        rendered: &RenderedMail,
    ) -> Result<Delivered> {
        if let Err(delivery_error) = smtp.offer(&mut self.session, rendered) {
            return Ok(Delivered::NotSent(delivery_error));
        }
        let lease = self.lease_of(mail);
        match self.note_hand_over(lease) {
            Ok(true) => Ok(smtp.hand_over(&mut self.session, rendered).into()),
            // The server waits for a text that it will not get: the line ends here.
            Ok(false) => {
                self.session = None;
                Ok(Delivered::Lost)
            }
            Err(error) => {
                self.session = None;
                Err(error)
            }
        }
    }

    fn note_hand_over(&self, lease: Lease) -> Result<bool> {
        let now = self.clock.now();
        mails::hand_over(&mut *self.pool.get()?, lease, now, now.plus(self.lease))
    }

    /// The mail as it travels.
    fn write_out(&self, mail: &Mail) -> Result<std::result::Result<RenderedMail, DeliveryError>> {
        let content = match self.open(mail) {
            Ok(content) => content,
            Err(delivery_error) => return Ok(Err(delivery_error)),
        };
        let account = accounts::find(&mut *self.pool.get()?, mail.account_id)?;
        let name = account.map(|account| account.username.as_str().to_owned());
        let to = Recipient {
            name: name.as_deref().unwrap_or_default(),
            address: &mail.recipient,
        };
        let written =
            templates::write(&content, mail.language, &to, &self.from, &self.outbox.links)?;
        let headers = MailHeaders {
            id: mail.id,
            language: mail.language,
            created_at: mail.created_at,
        };
        compose(&headers, &written, &self.from, &to)
    }

    fn open(&self, mail: &Mail) -> std::result::Result<MailContent, DeliveryError> {
        let Some(sealed) = &mail.sealed else {
            return Err(DeliveryError::Permanent("its content is gone".to_owned()));
        };
        let content = self.outbox.open(mail.id, sealed).map_err(|error| {
            // The key may be on its way to this replica.
            DeliveryError::Transient(format!("it cannot be opened: {error}"))
        })?;
        match content.link_holds_until() {
            Some(end) if end <= self.clock.now() => {
                let reason = "its link ran out before it could be sent".to_owned();
                Err(DeliveryError::Permanent(reason))
            }
            _ => Ok(content),
        }
    }

    fn settle(&self, mail: &Mail, lease: Lease, delivery_error: &DeliveryError) -> Result<()> {
        let now = self.clock.now();
        let (next, reason) = (now.plus(pause_after(mail)), delivery_error.reason());
        let last_try = mail.created_at.plus(GIVE_UP_AFTER);
        let connection = &mut *self.pool.get()?;
        if matches!(delivery_error, DeliveryError::Permanent(_)) || next > last_try {
            mails::fail(connection, lease, reason)?;
            tracing::warn!(mail = %mail.id, kind = %mail.kind, reason, "mail given up");
        } else {
            mails::defer(connection, lease, next, reason)?;
            tracing::warn!(mail = %mail.id, kind = %mail.kind, reason, "mail deferred");
        }
        Ok(())
    }
}

/// What became of a mail that was in hand.
enum Delivered {
    Sent,
    NotSent(DeliveryError),
    /// It was withdrawn, or the lease ran out, before the server had the text.
    Lost,
}

impl From<std::result::Result<(), DeliveryError>> for Delivered {
    fn from(delivered: std::result::Result<(), DeliveryError>) -> Self {
        match delivered {
            Ok(()) => Self::Sent,
            Err(delivery_error) => Self::NotSent(delivery_error),
        }
    }
}

/// How long a mail waits for its next try: longer each time, and not all mails equally long.
fn pause_after(mail: &Mail) -> Duration {
    const MINUTES: [u64; 4] = [1, 5, 15, 60];
    const THEN: u64 = 180;
    let tried = usize::try_from(mail.attempts).unwrap_or(0);
    let minutes = MINUTES.get(tried.saturating_sub(1)).unwrap_or(&THEN);
    let seconds = minutes * 60;
    let spread = u64::from(mail.id.digits() % 200);
    Duration::from_secs(seconds + seconds * spread / 1000)
}

/// Gives up what a worker handed over before it died.
///
/// # Errors
/// Where the database is away.
pub fn give_up_lost(connection: &mut Connection, now: Timestamp) -> Result<()> {
    for mail in mails::fail_lost(connection, now, LOST)? {
        tracing::warn!(%mail, "mail given up: its worker died while the mail server had it");
    }
    Ok(())
}

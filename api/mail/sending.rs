//! The sending of a mail, under a lease on its job: written out, handed to the transport.
//!
//! No mail is sent twice, whatever dies when. Right before the text goes to a mail server, the
//! hand-over is committed; a worker that dies after that leaves a mail of which nobody knows whether
//! it was taken, and which is given up and says so. A connection that breaks in a living process has
//! not acknowledged the mail, so it is tried again (RFC 5321, 4.2.5).

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::content::{MailContent, Recipient};
use super::message::{MailHeaders, compose};
use super::outbox::Outbox;
use super::send_rate::SendRate;
use super::templates::{self, Origin};
use super::transport::{DeliveryError, Reason, RenderedMail, Smtp, SmtpSession, Transport};
use crate::clock::Clock;
use crate::domain::ids::MailId;
use crate::domain::mail::Mailbox;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::store::jobs::{self, Lease, Schedule};
use crate::store::mails::{self, Mail};
use crate::store::transaction::with_retries;
use crate::store::{Connection, Pool, accounts, transaction};
use crate::telemetry::{MailOutcome, Metrics};

/// How long a mail is tried before it is given up.
const GIVE_UP_AFTER: Duration = Duration::from_secs(48 * 60 * 60);

/// What is said of a mail whose worker died right when it handed it over.
const LOST: &str = "Sending was interrupted while the mail server had the mail: it may have arrived. \
                    Send it again if it did not.";

/// What a mail needs on its way.
#[derive(Clone)]
pub struct MailRoute {
    pub pool: Pool,
    pub clock: Clock,
    pub outbox: Arc<Outbox>,
    pub transport: Arc<Transport>,
    pub metrics: Arc<Metrics>,
    pub from: Mailbox,
}

/// Takes mail from the queue to the transport. Each thread has its own.
pub struct MailSender {
    route: MailRoute,
    /// None: as fast as the mail server takes it.
    send_rate: Option<SendRate>,
    /// To the mail server, while a run of mails lasts.
    session: Option<SmtpSession>,
}

/// What became of a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendOutcome {
    /// It left.
    Sent,
    /// It did not leave: it is deferred or given up.
    NotSent(DeliveryError),
    /// It was withdrawn, was sent already, or is in another worker's hands: the mail server did not
    /// get the text from here.
    Lost,
}

impl From<std::result::Result<(), DeliveryError>> for SendOutcome {
    fn from(delivered: std::result::Result<(), DeliveryError>) -> Self {
        match delivered {
            Ok(()) => Self::Sent,
            Err(delivery_error) => Self::NotSent(delivery_error),
        }
    }
}

impl MailSender {
    /// Makes one with nothing in hand.
    pub const fn new(route: MailRoute, send_rate: Option<SendRate>) -> Self {
        Self {
            route,
            send_rate,
            session: None,
        }
    }

    /// Closes the connection to the mail server: there is nothing to send for now.
    pub fn rest(&mut self) {
        if let Some(session) = self.session.take() {
            session.close();
        }
    }

    /// Takes one mail of the sending rate, or tells how long to wait for it.
    ///
    /// # Errors
    /// The store's own.
    pub fn take_rate(&self, connection: &mut Connection) -> Result<Option<Duration>> {
        match self.send_rate {
            Some(rate) => rate.take(connection, self.route.clock.now()),
            None => Ok(None),
        }
    }

    /// Gives one mail of the sending rate back, because none was sent.
    ///
    /// # Errors
    /// The store's own.
    pub fn refund_rate(&self, connection: &mut Connection) -> Result<()> {
        match self.send_rate {
            Some(rate) => rate.refund(connection, self.route.clock.now()),
            None => Ok(()),
        }
    }

    /// Sends the mail of this job, and notes what became of it.
    ///
    /// # Errors
    /// Where the database stays away, or the mail cannot be written out: it may be tried again.
    pub fn send(&mut self, lease: &Lease) -> Result<SendOutcome> {
        let Some(mail) = with_retries(|| self.begin(lease))? else {
            return Ok(SendOutcome::Lost);
        };
        let outcome = match self.write_out(&mail)? {
            Ok(rendered) => self.deliver(lease, &rendered)?,
            Err(delivery_error) => SendOutcome::NotSent(delivery_error),
        };
        // What became of it is known here only, so a database that is busy is asked again.
        match &outcome {
            SendOutcome::Sent => {
                with_retries(|| self.note_sent(lease, &mail))?;
                self.count(&mail, MailOutcome::Sent);
                tracing::info!(mail = %mail.id, kind = %mail.kind, "mail sent");
            }
            SendOutcome::NotSent(delivery_error) => {
                with_retries(|| self.note_not_sent(lease, &mail, delivery_error))?;
            }
            SendOutcome::Lost => {}
        }
        Ok(outcome)
    }

    /// The mail to be sent; `None`, with the job deleted, where there is nothing to send any more, or
    /// where a worker died in the hand-over.
    fn begin(&self, lease: &Lease) -> Result<Option<Mail>> {
        let connection = &mut *self.route.pool.get()?;
        let id = mail_of(lease);
        transaction(connection, |connection| {
            if !jobs::renew(connection, lease, self.route.clock.now())? {
                return Ok(None);
            }
            let mail = mails::find_unsent(connection, id)?;
            if mail.is_some() && mails::begin(connection, id, lease.job.attempts)? {
                return Ok(mail);
            }
            jobs::finish(connection, lease)?;
            if mail.is_some() {
                mails::fail(connection, id, LOST)?;
                tracing::warn!(mail = %id, "mail given up: its worker died while the mail server had it");
            }
            Ok(None)
        })
    }

    fn deliver(&mut self, lease: &Lease, rendered: &RenderedMail) -> Result<SendOutcome> {
        let transport = self.route.transport.clone();
        match &*transport {
            Transport::Folder(folder) => Ok(folder.deliver(rendered).into()),
            Transport::Smtp(smtp) => self.deliver_to(smtp, lease, rendered),
        }
    }

    fn deliver_to(
        &mut self,
        smtp: &Smtp,
        lease: &Lease,
        rendered: &RenderedMail,
    ) -> Result<SendOutcome> {
        if let Err(delivery_error) = smtp.offer(&mut self.session, rendered) {
            return Ok(SendOutcome::NotSent(delivery_error));
        }
        match self.note_hand_over(lease) {
            Ok(true) => Ok(smtp.hand_over(&mut self.session, rendered).into()),
            // The server waits for a text that it will not get: the session ends here.
            Ok(false) => {
                self.session = None;
                Ok(SendOutcome::Lost)
            }
            Err(error) => {
                self.session = None;
                Err(error)
            }
        }
    }

    fn note_hand_over(&self, lease: &Lease) -> Result<bool> {
        hand_over(&mut *self.route.pool.get()?, lease, self.route.clock.now())
    }

    /// The mail as it travels.
    fn write_out(&self, mail: &Mail) -> Result<std::result::Result<RenderedMail, DeliveryError>> {
        let content = match self.open(mail) {
            Ok(content) => content,
            Err(delivery_error) => return Ok(Err(delivery_error)),
        };
        let account = accounts::find(&mut *self.route.pool.get()?, mail.account_id)?
            .filter(|account| account.email_verified_at.is_some())
            // One who has a mail sent to an address without an account is not whom it greets.
            .filter(|account| account.email == mail.recipient);
        // Whoever registered an address that nobody has verified would have their words sent to a stranger.
        let name = account.map(|account| account.username.as_str().to_owned());
        let to = Recipient {
            name: name.as_deref(),
            address: &mail.recipient,
        };
        let origin = Origin {
            from: &self.route.from,
            links: &self.route.outbox.links,
        };
        let written = templates::write(&content, mail.language, &to, &origin)?;
        let headers = MailHeaders {
            id: mail.id,
            language: mail.language,
            created_at: mail.created_at,
        };
        compose(&headers, &written, &self.route.from, &to)
    }

    fn open(&self, mail: &Mail) -> std::result::Result<MailContent, DeliveryError> {
        let Some(sealed) = &mail.sealed else {
            return Err(DeliveryError::Permanent(Reason::own("its content is gone")));
        };
        let content = self.route.outbox.open(mail.id, sealed).map_err(|error| {
            // The key may be on its way to this replica.
            DeliveryError::Transient(Reason::own(format!("it cannot be opened: {error}")))
        })?;
        match content.link_holds_until() {
            Some(end) if end <= self.route.clock.now() => {
                let reason = "its link ran out before it could be sent";
                Err(DeliveryError::Permanent(Reason::own(reason)))
            }
            _ => Ok(content),
        }
    }

    fn count(&self, mail: &Mail, outcome: MailOutcome) {
        let kind = mail.kind.to_string();
        self.route.metrics.count_mail(&kind, outcome);
    }

    fn note_sent(&self, lease: &Lease, mail: &Mail) -> Result<()> {
        let now = self.route.clock.now();
        transaction(&mut *self.route.pool.get()?, |connection| {
            // Whoever sent it knows, even where the lease is lost.
            jobs::finish(connection, lease)?;
            mails::mark_sent(connection, mail.id, now)?;
            Ok(())
        })
    }

    fn note_not_sent(
        &self,
        lease: &Lease,
        mail: &Mail,
        delivery_error: &DeliveryError,
    ) -> Result<()> {
        let pause = pause_after(mail.id, lease.job.attempts);
        let next = Schedule::after(self.route.clock.now(), pause);
        let is_last = next.due_at > mail.created_at.plus(GIVE_UP_AFTER);
        let reason = delivery_error.reason().text();
        let gives_up = match delivery_error {
            DeliveryError::Permanent(_) => true,
            DeliveryError::Transient(_) | DeliveryError::Unavailable(_) => is_last,
        };
        transaction(&mut *self.route.pool.get()?, |connection| {
            if !gives_up && jobs::defer(connection, lease, next)? {
                log_not_sent(mail, delivery_error, "mail deferred");
                self.count(mail, MailOutcome::Deferred);
                mails::defer(connection, mail.id, reason)?;
            } else if gives_up && jobs::finish(connection, lease)? {
                log_not_sent(mail, delivery_error, "mail given up");
                self.count(mail, MailOutcome::Failed);
                mails::fail(connection, mail.id, reason)?;
            }
            Ok(())
        })
    }
}

/// Logs what became of a mail, without the words of the mail server: they often name the recipient.
fn log_not_sent(mail: &Mail, delivery_error: &DeliveryError, message: &str) {
    tracing::warn!(
        mail = %mail.id,
        kind = %mail.kind,
        error = delivery_error.kind(),
        reason = delivery_error.reason().loggable(),
        "{message}"
    );
}

/// The mail that a job is about.
fn mail_of(lease: &Lease) -> MailId {
    Uuid::from(lease.job.subject).into()
}

/// Commits that the text goes to the mail server now, and extends the lease; `false` where the lease
/// has run out or the mail was withdrawn.
///
/// # Errors
/// The store's own.
pub fn hand_over(connection: &mut Connection, lease: &Lease, now: Timestamp) -> Result<bool> {
    transaction(connection, |connection| {
        Ok(jobs::renew_in_time(connection, lease, now)?
            && mails::hand_over(connection, mail_of(lease), now)?)
    })
}

/// How long a mail waits for its next try: longer each time, and not all mails equally long.
fn pause_after(mail: MailId, attempts: i64) -> Duration {
    const MINUTES: [u64; 4] = [1, 5, 15, 60];
    const THEN: u64 = 180;
    let tried = usize::try_from(attempts).unwrap_or(0);
    let minutes = MINUTES.get(tried.saturating_sub(1)).unwrap_or(&THEN);
    let seconds = minutes * 60;
    let spread = u64::from(mail.digits() % 200);
    Duration::from_secs(seconds + seconds * spread / 1000)
}

/// Gives up the mail of a job that always fails, and says so.
///
/// # Errors
/// The store's own.
pub fn give_up(connection: &mut Connection, lease: &Lease) -> Result<()> {
    const FAULT: &str = "A fault of Rollcall kept it from being sent: its log tells which.";
    transaction(connection, |connection| {
        let id = mail_of(lease);
        if !jobs::finish(connection, lease)? {
            return Ok(());
        }
        let reason = if mails::was_handed_over(connection, id)? {
            LOST
        } else {
            FAULT
        };
        mails::fail(connection, id, reason)
    })
}

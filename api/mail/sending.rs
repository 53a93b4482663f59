//! The turn of a mail: taken from the queue under a lease, written out, handed to the transport.
//!
//! No mail is sent twice, whatever dies when. Right before the text goes to a mail server, the
//! hand-over is committed; a worker that dies after that leaves a mail of which nobody knows whether
//! it was taken, and which is given up and says so. A connection that breaks in a living process has
//! not acknowledged the mail, so it is tried again (RFC 5321, 4.2.5).

use std::sync::Arc;
use std::time::Duration;

use super::message::{Recipient, compose};
use super::outbox::Outbox;
use super::pace::Pace;
use super::templates;
use super::transport::{Parcel, Setback, Transport};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::ids::{MailId, WorkerId};
use crate::domain::instant::Instant;
use crate::domain::mail::Sender;
use crate::error::Result;
use crate::store::accounts;
use crate::store::mails::{self, Lease, Mail};
use crate::store::{Connection, Pool};

/// How long a mail is tried before it is given up.
const GIVE_UP_AFTER: Duration = Duration::from_secs(48 * 60 * 60);

/// How many mails a worker looks at to find one that no other takes.
const LOOK_AT: i64 = 16;

/// What is said of a mail whose worker died right when it handed it over.
const LOST: &str = "Sending was interrupted while the mail server had the mail: it may have arrived. \
                    Send it again if it did not.";

/// Somebody who takes mail from the queue to the transport. Each thread has its own.
pub struct Courier {
    pool: Pool,
    clock: Clock,
    outbox: Arc<Outbox>,
    transport: Arc<Transport>,
    from: Sender,
    pace: Pace,
    lease: Duration,
    worker: WorkerId,
}

/// What became of a turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// No mail is due.
    Idle,
    /// Mail is due, and the sending rate lets the next leave after this.
    Wait(Duration),
    /// Others took what was due.
    Taken,
    /// A mail left.
    Sent,
    /// A mail did not leave.
    NotSent(Setback),
}

impl Courier {
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
            pace: Pace::per_minute(config.mail_per_minute),
            lease: config.mail_lease,
            worker: WorkerId::new(),
        }
    }

    /// Sends the next mail that is due, if its turn has come.
    ///
    /// # Errors
    /// Where the database is away.
    pub fn next_turn(&mut self) -> Result<Turn> {
        let mut connection = self.pool.get()?;
        let now = self.clock.now();
        let due = mails::claimable(&mut connection, now, LOOK_AT)?;
        if due.is_empty() {
            return Ok(Turn::Idle);
        }
        if let Some(wait) = self.pace.take(&mut connection, now)? {
            return Ok(Turn::Wait(wait));
        }
        let Some(mail) = self.claim_one(&mut connection, &due, now)? else {
            self.pace.give_back(&mut connection, now)?;
            return Ok(Turn::Taken);
        };
        drop(connection);
        self.carry(&mail)
    }

    /// Sends the next mail that is due, whatever the rate; `None` where none is.
    ///
    /// # Errors
    /// Where the database is away.
    pub fn next_at_once(&mut self) -> Result<Option<Turn>> {
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
            None => Ok(Some(Turn::Taken)),
        }
    }

    fn claim_one(
        &self,
        connection: &mut Connection,
        due: &[MailId],
        now: Instant,
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
    fn carry(&mut self, mail: &Mail) -> Result<Turn> {
        let ended = match self.write_out(mail)? {
            Ok(parcel) => self.deliver(&parcel),
            Err(setback) => Err(setback),
        };
        let mut connection = self.pool.get()?;
        let (lease, now) = (self.lease_of(mail.id), self.clock.now());
        match ended {
            Ok(()) => {
                mails::mark_sent(&mut connection, lease, now)?;
                tracing::info!(mail = %mail.id, kind = %mail.kind, "mail sent");
                Ok(Turn::Sent)
            }
            Err(setback) => {
                settle(&mut connection, mail, lease, now, &setback)?;
                Ok(Turn::NotSent(setback))
            }
        }
    }

    fn deliver(&mut self, parcel: &Parcel) -> std::result::Result<(), Setback> {
        match &*self.transport {
            Transport::Folder(folder) => folder.deliver(parcel),
        }
    }

    /// The mail as it travels.
    fn write_out(&self, mail: &Mail) -> Result<std::result::Result<Parcel, Setback>> {
        let Some(sealed) = &mail.sealed else {
            return Ok(Err(Setback::Final("its content is gone".to_owned())));
        };
        let letter = match self.outbox.open(mail.id, sealed) {
            Ok(letter) => letter,
            // The key may be on its way to this replica.
            Err(error) => {
                return Ok(Err(Setback::Passing(format!(
                    "it cannot be opened: {error}"
                ))));
            }
        };
        let account = accounts::find(&mut *self.pool.get()?, mail.account_id)?;
        let name = account.map(|account| account.username.as_str().to_owned());
        let to = Recipient {
            name: name.as_deref().unwrap_or_default(),
            address: &mail.recipient,
        };
        let written =
            templates::write(&letter, mail.language, &to, &self.from, &self.outbox.links)?;
        compose(mail, &written, &self.from, &to)
    }
}

fn settle(
    connection: &mut Connection,
    mail: &Mail,
    lease: Lease,
    now: Instant,
    setback: &Setback,
) -> Result<()> {
    let next = now.plus(pause_after(mail));
    let last_try = mail.created_at.plus(GIVE_UP_AFTER);
    if matches!(setback, Setback::Final(_)) || next > last_try {
        mails::fail(connection, lease, setback.reason())?;
        tracing::warn!(mail = %mail.id, kind = %mail.kind, reason = setback.reason(), "mail given up");
    } else {
        mails::defer(connection, lease, next, setback.reason())?;
        tracing::warn!(mail = %mail.id, kind = %mail.kind, reason = setback.reason(), "mail deferred");
    }
    Ok(())
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
pub fn give_up_lost(connection: &mut Connection, now: Instant) -> Result<()> {
    for mail in mails::fail_lost(connection, now, LOST)? {
        tracing::warn!(%mail, "mail given up: its worker died while the mail server had it");
    }
    Ok(())
}

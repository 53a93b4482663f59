//! One unit of work: what every service takes as its first argument.

use std::sync::Arc;
use std::time::Instant;

use super::context::{Principal, RequestContext};
use super::work_signal::WorkSignal;
use crate::clock::Clock;
use crate::config::Config;
use crate::crypto::hasher::Hasher;
use crate::crypto::sealing::SealingKeys;
use crate::domain::ids::{AccountId, MailId};
use crate::domain::jobs::JobKind;
use crate::domain::mail::MailKind;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::mail::Outbox;
use crate::mail::mailbox_limit::SendTime;
use crate::mail::outbox::{Cause, QueuedMail};
use crate::store::accounts;
use crate::store::jobs::{self, NewJob};
use crate::store::pool::TIMEOUT;
use crate::store::transaction::repeat_on_conflict;
use crate::store::{self, Attempt, Connection, Pool};
use crate::telemetry::Metrics;

/// What services need besides a connection. Clones share it.
#[derive(Clone)]
pub struct Services {
    pub config: Arc<Config>,
    pub clock: Clock,
    pub pool: Pool,
    pub hasher: Hasher,
    pub sealing: Arc<SealingKeys>,
    /// Where mail is queued.
    pub outbox: Arc<Outbox>,
    /// Tells the workers of this process that there is work.
    pub signal: WorkSignal,
    pub metrics: Arc<Metrics>,
}

impl Services {
    /// Runs `work` on a connection of its own.
    ///
    /// # Errors
    /// The work's own, or `unavailable` where no connection is to be had.
    pub fn run<T>(
        &self,
        context: &RequestContext,
        work: impl FnOnce(&mut UnitOfWork<'_>) -> Result<T>,
    ) -> Result<T> {
        self.run_until(Instant::now() + TIMEOUT, context, work)
    }

    /// As [`Services::run`], waiting for a connection until the deadline. Workers are told of what was queued
    /// when the work has ended, committed or not: they look for themselves.
    ///
    /// # Errors
    /// As there.
    pub fn run_until<T>(
        &self,
        deadline: Instant,
        context: &RequestContext,
        work: impl FnOnce(&mut UnitOfWork<'_>) -> Result<T>,
    ) -> Result<T> {
        let began = Instant::now();
        let connection = self.pool.get_until(deadline);
        self.metrics.observe_connection_wait(began.elapsed());
        let mut connection = connection?;
        let result = work(&mut UnitOfWork::new(&mut connection, self, context));
        let queued = context.queued.take();
        if !queued.is_empty() {
            self.signal.notify(queued);
        }
        if result.as_ref().is_err_and(store::is_lock_timeout) {
            self.metrics.count_lock_timeout();
        }
        result
    }

    /// Runs `work` as a step that Rollcall takes by itself, at this moment.
    ///
    /// # Errors
    /// As [`Services::run`].
    pub fn run_as_system<T>(
        &self,
        work: impl FnOnce(&mut UnitOfWork<'_>) -> Result<T>,
    ) -> Result<T> {
        self.run(&RequestContext::system(self.clock.now()), work)
    }
}

/// How many unverified subaddresses of a mailbox, the oldest ones, get a new password whatever is sent to the others.
const EARLY_SUBADDRESSES: i64 = 3;

/// A connection, what services need, and the request that is being served.
pub struct UnitOfWork<'a> {
    pub connection: &'a mut Connection,
    pub services: &'a Services,
    pub context: &'a RequestContext,
}

impl<'a> UnitOfWork<'a> {
    /// Begins a unit of work on a connection.
    pub const fn new(
        connection: &'a mut Connection,
        services: &'a Services,
        context: &'a RequestContext,
    ) -> Self {
        Self {
            connection,
            services,
            context,
        }
    }

    /// The time of the request.
    pub const fn now(&self) -> Timestamp {
        self.context.now
    }

    /// The account that acts, or for which an API key acts.
    pub fn account_id(&self) -> Option<AccountId> {
        self.context.principal.account_id()
    }

    /// Queues a mail in this transaction, as [`Outbox::queue`] does, and has a worker look for it.
    ///
    /// # Errors
    /// As there.
    pub fn queue_mail(&mut self, mail: &QueuedMail<'_>) -> Result<Option<MailId>> {
        self.queue_mail_by(mail, self.cause(mail))
    }

    /// Queues mails in this transaction, as [`Outbox::queue_all`] does, and has a worker look for them.
    ///
    /// # Errors
    /// As there.
    pub fn queue_mails(&mut self, mails: &[QueuedMail<'_>]) -> Result<Vec<Option<MailId>>> {
        let mails: Vec<_> = mails.iter().map(|mail| (mail, self.cause(mail))).collect();
        let (outbox, now) = (&self.services.outbox, self.now());
        let queued = outbox.queue_all(self.connection, &mails, now)?;
        self.context.queued.add(JobKind::Mail);
        Ok(queued)
    }

    fn cause(&self, mail: &QueuedMail<'_>) -> Cause {
        let is_by_recipient = self.account_id() == Some(mail.to.id);
        // Whoever has not verified the address may not be its owner.
        let is_by_owner = is_by_recipient && mail.to.email_verified_at.is_some();
        if is_by_owner {
            Cause::Owner
        } else {
            Cause::Others
        }
    }

    /// Queues a mail as [`UnitOfWork::queue_mail`] does, which has a limit of its own for each address and
    /// leaves whatever else the mailbox gets. Subaddresses are as many as somebody invents, so that those
    /// which nobody has verified share an allowance of their mailbox for mails of this kind; the oldest of them get
    /// links for a new password by their own limit.
    ///
    /// # Errors
    /// As there.
    pub fn queue_limited_mail(
        &mut self,
        mail: &QueuedMail<'_>,
        send_time: SendTime,
    ) -> Result<Option<MailId>> {
        let cause = if self.is_limited_alone(mail)? {
            Cause::Limited(send_time)
        } else {
            Cause::OfSubaddress
        };
        self.queue_mail_by(mail, cause)
    }

    /// Whether strangers who invent subaddresses take no places of the mail: where somebody has verified the address,
    /// where it has none, or where it asks for a new password and is older than those that they invented since.
    fn is_limited_alone(&mut self, mail: &QueuedMail<'_>) -> Result<bool> {
        if mail.to.email_verified_at.is_some() || !mail.to.email.has_subaddress() {
            return Ok(true);
        }
        if mail.content.kind() != MailKind::PasswordReset {
            return Ok(false);
        }
        accounts::is_early_subaddress(self.connection, mail.to, EARLY_SUBADDRESSES)
    }

    fn queue_mail_by(&mut self, mail: &QueuedMail<'_>, cause: Cause) -> Result<Option<MailId>> {
        let by_whom_and_when = (cause, self.now());
        let outbox = &self.services.outbox;
        let queued = outbox.queue(self.connection, mail, by_whom_and_when)?;
        self.context.queued.add(JobKind::Mail);
        Ok(queued)
    }

    /// Takes mails back, as [`Outbox::withdraw`] does.
    ///
    /// # Errors
    /// As there.
    pub fn withdraw_mails(&mut self, ids: &[MailId]) -> Result<()> {
        let now = self.now();
        self.services.outbox.withdraw(self.connection, ids, now)
    }

    /// Queues jobs in this transaction, and has workers look for them.
    ///
    /// # Errors
    /// `unavailable` where they cannot be stored.
    pub fn queue_jobs(&mut self, new: &[NewJob]) -> Result<()> {
        let now = self.now();
        jobs::enqueue(self.connection, new, now)?;
        for job in new {
            self.context.queued.add(job.kind);
        }
        Ok(())
    }

    /// Runs `work` in one write transaction: committed if it succeeds in time, undone if it does not.
    /// Within a transaction it opens a savepoint.
    ///
    /// # Errors
    /// The work's own; `unavailable` where the deadline of the request has passed; `internal` where the
    /// permit is for reading.
    pub fn transaction<T>(
        &mut self,
        work: impl FnOnce(&mut UnitOfWork<'_>) -> Result<T>,
    ) -> Result<T> {
        if self.context.reads_only {
            return Err(Error::internal(
                "a permit that was asked for before the transaction",
            ));
        }
        let (services, context) = (self.services, self.context);
        store::transaction(self.connection, |connection| {
            let value = work(&mut UnitOfWork::new(connection, services, context))?;
            context.require_time_left()?;
            Ok(value)
        })
    }

    /// Runs `work` as [`UnitOfWork::transaction`] does, and again where another transaction was faster or both waited
    /// for each other. Call it outside of a transaction: only a whole one can be run again.
    ///
    /// # Errors
    /// The work's own.
    pub fn repeatable_transaction<T>(
        &mut self,
        work: impl Fn(&mut UnitOfWork<'_>) -> Result<T>,
    ) -> Result<T> {
        self.repeat(|tx| tx.transaction(&work))
    }

    /// Runs `work` as [`UnitOfWork::attempt`] does, and again as [`UnitOfWork::repeatable_transaction`].
    ///
    /// # Errors
    /// The work's own.
    pub fn repeatable_attempt<K, U>(
        &mut self,
        work: impl Fn(&mut UnitOfWork<'_>) -> Result<Attempt<K, U>>,
    ) -> Result<Attempt<K, U>> {
        self.repeat(|tx| tx.attempt(&work))
    }

    fn repeat<T>(&mut self, whole: impl Fn(&mut Self) -> Result<T>) -> Result<T> {
        repeat_on_conflict(|| {
            let came_to = whole(self);
            if matches!(came_to, Err(Error::Deadlock(_))) {
                self.services.metrics.count_deadlock();
            }
            came_to
        })
    }

    /// Runs `work` as [`UnitOfWork::transaction`] does, and undoes it without an error where it says so.
    ///
    /// # Errors
    /// The work's own; `unavailable` where the deadline of the request has passed.
    pub fn attempt<K, U>(
        &mut self,
        work: impl FnOnce(&mut UnitOfWork<'_>) -> Result<Attempt<K, U>>,
    ) -> Result<Attempt<K, U>> {
        let (services, context) = (self.services, self.context);
        store::attempt(self.connection, |connection| {
            let came_to = work(&mut UnitOfWork::new(connection, services, context))?;
            context.require_time_left()?;
            Ok(came_to)
        })
    }

    /// Runs `work` with a permit that was asked for just now. Outside of a transaction it is one for
    /// reading: who has it may lose the right before a transaction begins.
    ///
    /// # Errors
    /// The work's own.
    pub fn reading_outside_of_transactions<T>(
        &mut self,
        work: impl FnOnce(&mut UnitOfWork<'_>) -> Result<T>,
    ) -> Result<T> {
        let mut context = self.context.clone();
        context.reads_only = !store::transaction::is_open(self.connection)?;
        work(&mut UnitOfWork::new(
            self.connection,
            self.services,
            &context,
        ))
    }

    /// Runs `work` as another principal of the same request: the owner whom a mailed secret has just
    /// proved, or Rollcall itself.
    ///
    /// # Errors
    /// The work's own.
    pub fn acting_as<T>(
        &mut self,
        principal: Principal,
        work: impl FnOnce(&mut UnitOfWork<'_>) -> Result<T>,
    ) -> Result<T> {
        let context = self.context.with_principal(principal);
        work(&mut UnitOfWork::new(
            self.connection,
            self.services,
            &context,
        ))
    }
}

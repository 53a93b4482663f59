//! What one worker does: it takes the next job and runs it.

use std::time::Duration;

use super::cleanup;
use crate::clock::new_id;
use crate::config::Config;
use crate::domain::ids::{OrganizationId, WorkerId};
use crate::domain::jobs::{JobKind, Priority};
use crate::error::Result;
use crate::mail::send_rate::SendRate;
use crate::mail::sending::{MailSender, SendOutcome};
use crate::mail::transport::DeliveryError;
use crate::services::imports::execution;
use crate::services::unit_of_work::Services;
use crate::state::State;
use crate::store::Connection;
use crate::store::jobs::{self, Claim, Lane, Lease, Turn};

const fn lane(kind: JobKind, priority: Priority) -> Lane {
    Lane { kind, priority }
}

/// The lane of imports.
pub const IMPORTS: [Lane; 1] = [lane(JobKind::ImportBatch, Priority::Bulk)];

/// The lanes of the threads that import.
pub const BACKGROUND: [Lane; 2] = [
    lane(JobKind::CleanUp, Priority::Bulk),
    lane(JobKind::ImportBatch, Priority::Bulk),
];

/// The lanes of mail: what a person waits for goes first.
pub const MAILS: [Lane; 2] = [
    lane(JobKind::Mail, Priority::Urgent),
    lane(JobKind::Mail, Priority::Bulk),
];

/// Longer than any clean-up takes.
const CLEAN_UP_LEASE: Duration = Duration::from_secs(5 * 60);

/// How long a worker leaves jobs alone that others are taking. Most of them are gone then; one that is
/// being finished late stays locked until that transaction ends.
const WHILE_OTHERS_TAKE: Duration = Duration::from_millis(50);

/// Takes jobs of some lanes and runs them. Each thread has its own.
pub struct Worker {
    state: State,
    id: WorkerId,
    lanes: &'static [Lane],
    /// Whose jobs it takes; none: everybody's, in turn.
    tenant: Option<OrganizationId>,
    mail: MailSender,
}

/// What a worker did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// No job is due.
    Idle,
    /// Jobs are due, but for so long none can be taken: the sending rate forbids it, or others are
    /// taking them.
    Wait(Duration),
    /// There was nothing to do for the job any more, or another worker took it over.
    Taken,
    /// A job has had its turn.
    Done,
    /// This process is stopping: any worker may take the job at once.
    HandedOver,
    /// The job showed that none of its kind can be done for now.
    Outage,
}

impl Worker {
    /// Makes a worker with nothing in hand, for jobs of these lanes; those of the first lane go first.
    pub fn new(state: &State, lanes: &'static [Lane]) -> Self {
        let rate = SendRate::per_minute(state.services.config.mail_per_minute);
        Self {
            id: new_id::<WorkerId>(),
            lanes,
            tenant: None,
            mail: MailSender::new(state.mail_route(), Some(rate)),
            state: state.clone(),
        }
    }

    /// The same, sending mail as fast as the mail server takes it.
    #[must_use]
    pub fn without_send_rate(self) -> Self {
        Self {
            mail: MailSender::new(self.state.mail_route(), None),
            ..self
        }
    }

    /// The same, for jobs of this organization only.
    #[must_use]
    pub fn only_for(self, tenant: OrganizationId) -> Self {
        Self {
            tenant: Some(tenant),
            ..self
        }
    }

    /// Who holds its leases.
    pub const fn id(&self) -> WorkerId {
        self.id
    }

    /// Lets go of the mail server: there is nothing to do for now.
    pub fn rest(&mut self) {
        self.mail.rest();
    }

    /// Takes the next job and runs it to its end, or until `stop` says that the process is stopping.
    ///
    /// # Errors
    /// What the job met: its lease runs out, and it is tried again.
    pub fn next(&mut self, stop: &dyn Fn() -> bool) -> Result<Step> {
        let mut connection = self.state.services.pool.get()?;
        let turns = self.turns(&mut connection)?;
        let Some(first) = turns.first() else {
            return Ok(Step::Idle);
        };
        let is_mail = first.lane.kind == JobKind::Mail;
        if is_mail && let Some(wait) = self.mail.take_rate(&mut connection)? {
            return Ok(Step::Wait(wait));
        }
        let lease = self.take_first_of(&mut connection, &turns)?;
        drop(connection);
        let step = match &lease {
            Some(lease) => self.run(lease, stop)?,
            None => Step::Wait(WHILE_OTHERS_TAKE),
        };
        if is_mail && matches!(step, Step::Taken | Step::Wait(_)) {
            self.mail
                .refund_rate(&mut *self.state.services.pool.get()?)?;
        }
        Ok(step)
    }

    /// Takes the next job without running it.
    ///
    /// # Errors
    /// The store's own.
    pub fn take(&self) -> Result<Option<Lease>> {
        let connection = &mut *self.state.services.pool.get()?;
        let turns = self.turns(connection)?;
        self.take_first_of(connection, &turns)
    }

    /// Whose turn it is, in the first lane in which anything is due.
    fn turns(&self, connection: &mut Connection) -> Result<Vec<Turn>> {
        if let Some(tenant) = self.tenant {
            let turn_in = |lane: &Lane| Turn {
                lane: *lane,
                tenant,
            };
            return Ok(self.lanes.iter().map(turn_in).collect());
        }
        let now = self.state.services.clock.now();
        for lane in self.lanes {
            let turns = jobs::turns(connection, *lane, now)?;
            if !turns.is_empty() {
                return Ok(turns);
            }
        }
        Ok(Vec::new())
    }

    fn take_first_of(&self, connection: &mut Connection, turns: &[Turn]) -> Result<Option<Lease>> {
        for turn in turns {
            let claim = Claim {
                worker: self.id,
                now: self.state.services.clock.now(),
                length: lease_of(turn.lane.kind, &self.state.services.config),
            };
            if let Some(lease) = jobs::take(connection, turn, &claim)? {
                return Ok(Some(lease));
            }
        }
        Ok(None)
    }

    fn run(&mut self, lease: &Lease, stop: &dyn Fn() -> bool) -> Result<Step> {
        match lease.job.kind {
            JobKind::ImportBatch => self.import(lease, stop),
            JobKind::Mail => self.send(lease),
            JobKind::CleanUp => clean_up(&self.state.services, lease),
        }
    }

    fn import(&self, lease: &Lease, stop: &dyn Fn() -> bool) -> Result<Step> {
        let step = execution::carry_out(&self.state.services, lease, stop)?;
        tracing::debug!(import = %lease.job.subject, row = lease.job.part, ?step, "batch");
        Ok(match step {
            execution::BatchOutcome::Written => Step::Done,
            execution::BatchOutcome::Finished => {
                tracing::info!(import = %lease.job.subject, "import finished");
                Step::Done
            }
            execution::BatchOutcome::Lost => Step::Taken,
            execution::BatchOutcome::HandedOver => Step::HandedOver,
        })
    }

    fn send(&mut self, lease: &Lease) -> Result<Step> {
        Ok(match self.mail.send(lease)? {
            SendOutcome::NotSent(DeliveryError::Unavailable(_)) => Step::Outage,
            SendOutcome::Sent
            | SendOutcome::NotSent(DeliveryError::Transient(_) | DeliveryError::Permanent(_)) => {
                Step::Done
            }
            SendOutcome::Lost => Step::Taken,
        })
    }
}

const fn lease_of(kind: JobKind, config: &Config) -> Duration {
    match kind {
        JobKind::ImportBatch => config.import_lease,
        JobKind::Mail => config.mail_lease,
        JobKind::CleanUp => CLEAN_UP_LEASE,
    }
}

/// Cleans up, and again after a while, however that went.
fn clean_up(services: &Services, lease: &Lease) -> Result<Step> {
    let cleaned = cleanup::once(services, &|| false);
    let next = services.clock.now().plus(cleanup::INTERVAL);
    services.run_as_system(|tx| jobs::defer(tx.connection, lease, next))?;
    cleaned.map(|()| Step::Done)
}

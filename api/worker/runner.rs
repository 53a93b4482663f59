//! What one worker does: it takes the next job and runs it.

use std::time::{Duration, Instant};

use tokio::runtime::{self, Runtime};
use tracing::Span;

use super::cleanup;
use super::failures::{self, without_panic};
use crate::clock::new_id;
use crate::config::Config;
use crate::domain::ids::{OrganizationId, WorkerId};
use crate::domain::jobs::{JobKind, Priority};
use crate::error::{Error, Result};
use crate::mail::send_rate::SendRate;
use crate::mail::sending::{MailSender, SendOutcome};
use crate::mail::transport::DeliveryError;
use crate::services::domains::{daily, look_up};
use crate::services::imports::execution::{self, BatchOutcome};
use crate::services::join_requests::digest;
use crate::services::sso::{app_check, refresh};
use crate::services::unit_of_work::{Services, UnitOfWork};
use crate::state::State;
use crate::store::Connection;
use crate::store::job_turns::{self, Lane, LeaseClaim, Turn};
use crate::store::jobs::{self, Lease, Schedule};
use crate::store::pool::Pooled;
use crate::store::sso_connections::SsoConnection;

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

/// The lanes of the thread that asks others, such as name servers: it waits for them, and nobody for it.
pub const DOMAINS: [Lane; 4] = [
    lane(JobKind::AppCheck, Priority::Bulk),
    lane(JobKind::ConnectionCheck, Priority::Bulk),
    lane(JobKind::JoinRequestDigest, Priority::Bulk),
    lane(JobKind::DomainCheck, Priority::Bulk),
];

/// The lanes of mail: what a person waits for goes first.
pub const MAILS: [Lane; 2] = [
    lane(JobKind::Mail, Priority::Urgent),
    lane(JobKind::Mail, Priority::Bulk),
];

/// Where a clean-up takes longer, another worker cleans up beside it, which harms nothing.
const CLEAN_UP_LEASE: Duration = Duration::from_secs(5 * 60);

/// How often a worker looks for schedules of a clock that was wrong.
const MEND_EVERY: Duration = Duration::from_secs(60);

/// Many times as long as name servers are waited for.
const DOMAIN_CHECK_LEASE: Duration = Duration::from_secs(2 * 60);

/// How long a worker leaves jobs alone that others are taking: the first time, and at most. Most of them
/// are gone then; one that is being finished late stays locked until that transaction ends.
const WHILE_OTHERS_TAKE: Duration = Duration::from_millis(50);
const LONGEST_WHILE: Duration = Duration::from_millis(400);

/// Takes jobs of some lanes and runs them. Each thread has its own.
pub struct Worker {
    state: State,
    id: WorkerId,
    lanes: &'static [Lane],
    /// Whose jobs it takes; none: everybody's, in turn.
    tenant: Option<OrganizationId>,
    mail: MailSender,
    /// Where others are asked, made when the first one is.
    runtime: Option<Runtime>,
    /// How long it leaves jobs alone the next time that others are taking them.
    while_others_take: Duration,
    /// When it last looked for schedules of a clock that was wrong; by the only clock that nobody sets.
    mended: Option<Instant>,
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
            runtime: None,
            while_others_take: WHILE_OTHERS_TAKE,
            mended: None,
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

    /// The kinds of jobs that it takes.
    pub fn kinds(&self) -> impl Iterator<Item = JobKind> + use<> {
        self.lanes.iter().map(|lane| lane.kind)
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
    /// What the job met: it has been put off or given up, or its lease runs out.
    pub fn next(&mut self, stop: &dyn Fn() -> bool) -> Result<Step> {
        let mut connection = self.state.services.pool.get()?;
        self.mend_schedules(&mut connection)?;
        let turns = self.turns(&mut connection)?;
        let Some(first) = turns.first() else {
            self.while_others_take = WHILE_OTHERS_TAKE;
            return Ok(Step::Idle);
        };
        if !is_rated(first.lane.kind) {
            return self.take_and_run(connection, &turns, stop);
        }
        if let Some(wait) = self.mail.take_rate(&mut connection)? {
            return Ok(Step::Wait(wait));
        }
        let step = self.take_and_run(connection, &turns, stop);
        if !uses_rate(&step) {
            self.refund_rate();
        }
        step
    }

    /// Now and then: a clock that was ahead may have written when the clean-up itself is due.
    fn mend_schedules(&mut self, connection: &mut Connection) -> Result<()> {
        if self.mended.is_some_and(|at| at.elapsed() < MEND_EVERY) {
            return Ok(());
        }
        let mended = jobs::mend_schedules(connection, self.state.services.clock.now())?;
        if mended > 0 {
            tracing::warn!(
                mended,
                "jobs are due at once whose time was decided by a clock that was ahead"
            );
        }
        self.mended = Some(Instant::now());
        Ok(())
    }

    fn take_and_run(
        &mut self,
        mut connection: Pooled,
        turns: &[Turn],
        stop: &dyn Fn() -> bool,
    ) -> Result<Step> {
        let lease = self.take_first_of(&mut connection, turns)?;
        drop(connection);
        let Some(lease) = lease else {
            let wait = self.while_others_take;
            self.while_others_take = wait.saturating_mul(2).min(LONGEST_WHILE);
            return Ok(Step::Wait(wait));
        };
        self.while_others_take = WHILE_OTHERS_TAKE;
        let step = without_panic(|| self.run(&lease, stop));
        if let Err(error) = &step
            && let Err(error) = failures::let_go(&self.state.services, &lease, error)
        {
            tracing::warn!(%error, "a job that failed stays leased for a while");
        }
        step
    }

    /// Gives the place back that was taken for a mail which did not leave.
    fn refund_rate(&self) {
        let connection = self.state.services.pool.get();
        let refunded = connection.and_then(|mut connection| self.mail.refund_rate(&mut connection));
        if let Err(error) = refunded {
            tracing::warn!(%error, "a place of the sending rate is lost");
        }
    }

    /// Takes the next job without running it: for tests of workers that die with a job in hand.
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
        for lane in self.lanes {
            let turns = job_turns::next(connection, *lane, &self.claim(lane.kind))?;
            if !turns.is_empty() {
                return Ok(turns);
            }
        }
        Ok(Vec::new())
    }

    fn take_first_of(&self, connection: &mut Connection, turns: &[Turn]) -> Result<Option<Lease>> {
        for turn in turns {
            let claim = self.claim(turn.lane.kind);
            if let Some(lease) = jobs::take(connection, turn, &claim)? {
                return Ok(Some(lease));
            }
        }
        Ok(None)
    }

    fn claim(&self, kind: JobKind) -> LeaseClaim {
        LeaseClaim {
            worker: self.id,
            now: self.state.services.clock.now(),
            length: lease_of(kind, &self.state.services.config),
        }
    }

    fn run(&mut self, lease: &Lease, stop: &dyn Fn() -> bool) -> Result<Step> {
        let _span = span_of(lease).entered();
        match lease.job.kind {
            JobKind::ImportBatch => self.import(lease, stop),
            JobKind::Mail => self.send(lease),
            JobKind::DomainCheck => self.check_domain(lease),
            JobKind::JoinRequestDigest => self.send_digest(lease),
            JobKind::ConnectionCheck => self.check_connection(lease),
            JobKind::AppCheck => self.check_app(lease),
            JobKind::CleanUp => clean_up(&self.state.services, lease, stop),
        }
    }

    fn import(&self, lease: &Lease, stop: &dyn Fn() -> bool) -> Result<Step> {
        let outcome = execution::carry_out(&self.state.services, lease, stop)?;
        tracing::debug!(import = %lease.job.subject, row = lease.job.part, ?outcome, "batch");
        Ok(match outcome {
            BatchOutcome::Written => Step::Done,
            BatchOutcome::Finished => {
                tracing::info!(import = %lease.job.subject, "import finished");
                Step::Done
            }
            BatchOutcome::Lost => Step::Taken,
            BatchOutcome::HandedOver => Step::HandedOver,
        })
    }

    fn check_domain(&mut self, lease: &Lease) -> Result<Step> {
        let services = self.state.services.clone();
        let servers = &services.config.dns_servers;
        let is_done = daily::check(&services, lease, |domain| {
            self.wait_for(look_up(servers, domain))
        })?;
        Ok(if is_done { Step::Done } else { Step::Taken })
    }

    fn send_digest(&self, lease: &Lease) -> Result<Step> {
        let is_done = digest::send(&self.state.services, lease)?;
        Ok(if is_done { Step::Done } else { Step::Taken })
    }

    fn check_connection(&mut self, lease: &Lease) -> Result<Step> {
        let find = |tx: &mut UnitOfWork<'_>| refresh::connection_of(tx, lease);
        if let Some(connection) = self.state.services.run_as_system(find)? {
            self.refresh_connection(&connection)?;
        }
        let services = &self.state.services;
        let is_done = services.run_as_system(|tx| refresh::finish_check(tx, lease))?;
        Ok(if is_done { Step::Done } else { Step::Taken })
    }

    fn refresh_connection(&mut self, connection: &SsoConnection) -> Result<()> {
        let state = self.state.clone();
        let refreshed = self.wait_for(state.refresh_connection(connection))?;
        refreshed.map(drop)
    }

    /// Waits for the answer of others, on the runtime of this worker's thread.
    fn wait_for<T>(&mut self, question: impl Future<Output = T>) -> Result<T> {
        let runtime = match self.runtime.take() {
            Some(runtime) => runtime,
            None => runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(Error::internal)?,
        };
        let answer = runtime.block_on(question);
        self.runtime = Some(runtime);
        Ok(answer)
    }

    fn check_app(&self, lease: &Lease) -> Result<Step> {
        let services = &self.state.services;
        let is_done = services.run_as_system(|tx| app_check::run(tx, lease))?;
        Ok(if is_done { Step::Done } else { Step::Taken })
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

/// The span of a job, whose name is its kind.
fn span_of(lease: &Lease) -> Span {
    let (kind, subject, part) = (lease.job.kind, lease.job.subject, lease.job.part);
    tracing::debug_span!("job", otel.name = %kind, %subject, part)
}

/// Whether jobs of this kind take a place of the sending rate.
const fn is_rated(kind: JobKind) -> bool {
    match kind {
        JobKind::Mail => true,
        JobKind::ImportBatch
        | JobKind::DomainCheck
        | JobKind::JoinRequestDigest
        | JobKind::ConnectionCheck
        | JobKind::AppCheck
        | JobKind::CleanUp => false,
    }
}

/// Whether a mail was tried, and so uses its place of the sending rate up.
const fn uses_rate(step: &Result<Step>) -> bool {
    match step {
        Ok(Step::Done | Step::Outage) => true,
        Ok(Step::Idle | Step::Wait(_) | Step::Taken | Step::HandedOver) | Err(_) => false,
    }
}

const fn lease_of(kind: JobKind, config: &Config) -> Duration {
    match kind {
        JobKind::ImportBatch => config.import_lease,
        JobKind::Mail => config.mail_lease,
        JobKind::DomainCheck
        | JobKind::JoinRequestDigest
        | JobKind::ConnectionCheck
        | JobKind::AppCheck => DOMAIN_CHECK_LEASE,
        JobKind::CleanUp => CLEAN_UP_LEASE,
    }
}

/// Cleans up, and again after a while.
fn clean_up(services: &Services, lease: &Lease, stop: &dyn Fn() -> bool) -> Result<Step> {
    cleanup::once(services, stop)?;
    if stop() {
        services.run_as_system(|tx| jobs::hand_over(tx.connection, lease))?;
        return Ok(Step::HandedOver);
    }
    let next = Schedule::after(services.clock.now(), cleanup::INTERVAL);
    services.run_as_system(|tx| jobs::defer(tx.connection, lease, next))?;
    Ok(Step::Done)
}

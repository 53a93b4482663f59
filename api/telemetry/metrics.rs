//! What is counted, for Prometheus (`docs/operations.md#metrics`).

use std::time::Duration;

use prometheus::core::Collector;
use prometheus::{
    Encoder as _, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec,
    IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};

use crate::error::{Error, Result};

/// Counts and levels of this process, and what the database tells when they are read.
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    durations: HistogramVec,
    connections_in_use: IntGauge,
    connections_max: IntGauge,
    connection_waits: Histogram,
    lock_timeouts: IntCounter,
    deadlocks: IntCounter,
    statements: IntCounter,
    hashes: HistogramVec,
    hashes_waiting: IntGaugeVec,
    jobs: IntGaugeVec,
    oldest_job: GaugeVec,
    imports_unfinished: IntGauge,
    import_rows: IntCounter,
    mails_unsent: IntGauge,
    mails: IntCounterVec,
}

/// What requests are for, in metrics and traces, that are for no operation of the document.
pub(super) const UNDOCUMENTED: &str = "undocumented";

/// Who waits for a hash.
#[derive(Clone, Copy, Debug)]
pub enum HashKind {
    /// Somebody who signs in or chooses a password.
    Interactive,
    Import,
}

impl HashKind {
    const fn label(self) -> &'static str {
        match self {
            Self::Interactive => "interactive",
            Self::Import => "import",
        }
    }
}

/// What became of a mail that was tried.
#[derive(Clone, Copy, Debug)]
pub enum MailOutcome {
    Sent,
    Deferred,
    Failed,
}

impl MailOutcome {
    const fn label(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Deferred => "deferred",
            Self::Failed => "failed",
        }
    }
}

/// Jobs of one kind and priority that are due.
#[derive(Clone, Debug)]
pub struct DueQueue {
    pub kind: String,
    pub priority: String,
    pub jobs: i64,
    /// For how long the oldest has been due.
    pub oldest: Duration,
}

/// From half a millisecond to half a minute.
const WAITS: [f64; 10] = [0.0005, 0.002, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

impl Metrics {
    /// Nothing counted yet.
    ///
    /// # Errors
    /// Never: the names are distinct.
    pub fn new() -> Result<Self> {
        Self::registered().map_err(Error::internal)
    }

    fn registered() -> prometheus::Result<Self> {
        let counter = |name: &str, help: &str| Opts::new(name, help);
        let histogram =
            |name: &str, help: &str| HistogramOpts::new(name, help).buckets(WAITS.to_vec());
        let metrics = Self {
            registry: Registry::new(),
            requests: IntCounterVec::new(
                counter("rollcall_http_requests_total", "Requests answered."),
                &["operation", "status"],
            )?,
            durations: HistogramVec::new(
                HistogramOpts::new(
                    "rollcall_http_request_duration_seconds",
                    "Time to the answer.",
                ),
                &["operation"],
            )?,
            connections_in_use: IntGauge::new(
                "rollcall_database_connections_in_use",
                "Connections at work.",
            )?,
            connections_max: IntGauge::new(
                "rollcall_database_connections_max",
                "Connections at most.",
            )?,
            connection_waits: Histogram::with_opts(histogram(
                "rollcall_database_connection_wait_seconds",
                "Waits for a connection of the pool.",
            ))?,
            lock_timeouts: IntCounter::new(
                "rollcall_database_lock_timeouts_total",
                "Transactions given up because a lock stayed.",
            )?,
            deadlocks: IntCounter::new(
                "rollcall_database_deadlocks_total",
                "Transactions of requests that met a deadlock, and were run again.",
            )?,
            statements: IntCounter::new(
                "rollcall_database_statements_total",
                "Statements sent to the database.",
            )?,
            hashes: HistogramVec::new(
                histogram("rollcall_password_hash_seconds", "Time of a password hash."),
                &["lane"],
            )?,
            hashes_waiting: IntGaugeVec::new(
                counter(
                    "rollcall_password_hashes_waiting",
                    "Passwords waiting for a thread.",
                ),
                &["lane"],
            )?,
            jobs: IntGaugeVec::new(
                counter("rollcall_jobs_due", "Jobs that are due, on all replicas."),
                &["kind", "priority"],
            )?,
            oldest_job: GaugeVec::new(
                counter(
                    "rollcall_jobs_oldest_due_seconds",
                    "For how long the oldest job has been due, on all replicas.",
                ),
                &["kind", "priority"],
            )?,
            imports_unfinished: IntGauge::new(
                "rollcall_imports_unfinished",
                "Imports queued or running, on all replicas.",
            )?,
            import_rows: IntCounter::new(
                "rollcall_import_rows_total",
                "Rows of imports that this process has written.",
            )?,
            mails_unsent: IntGauge::new(
                "rollcall_mails_unsent",
                "Mails queued or deferred, on all replicas.",
            )?,
            mails: IntCounterVec::new(
                counter(
                    "rollcall_mails_total",
                    "Mails that this process has tried to send.",
                ),
                &["kind", "outcome"],
            )?,
        };
        for collector in metrics.collectors() {
            metrics.registry.register(collector)?;
        }
        Ok(metrics)
    }

    fn collectors(&self) -> Vec<Box<dyn Collector>> {
        vec![
            Box::new(self.requests.clone()),
            Box::new(self.durations.clone()),
            Box::new(self.connections_in_use.clone()),
            Box::new(self.connections_max.clone()),
            Box::new(self.connection_waits.clone()),
            Box::new(self.lock_timeouts.clone()),
            Box::new(self.deadlocks.clone()),
            Box::new(self.statements.clone()),
            Box::new(self.hashes.clone()),
            Box::new(self.hashes_waiting.clone()),
            Box::new(self.jobs.clone()),
            Box::new(self.oldest_job.clone()),
            Box::new(self.imports_unfinished.clone()),
            Box::new(self.import_rows.clone()),
            Box::new(self.mails_unsent.clone()),
            Box::new(self.mails.clone()),
        ]
    }

    /// Counts one answered request for an operation. Those of no documented one are counted as one, whatever their
    /// method and path: clients make these up.
    pub fn count_request(&self, operation: Option<&str>, status: u16, took: Duration) {
        let operation = operation.unwrap_or(UNDOCUMENTED);
        self.requests
            .with_label_values(&[operation, &status.to_string()])
            .inc();
        self.durations
            .with_label_values(&[operation])
            .observe(took.as_secs_f64());
    }

    /// How many connections are at work, and how many there can be.
    pub fn set_connections(&self, in_use: u32, max: u32) {
        self.connections_in_use.set(in_use.into());
        self.connections_max.set(max.into());
    }

    /// How many statements were sent until now.
    pub fn set_statements(&self, sent: u64) {
        self.statements
            .inc_by(sent.saturating_sub(self.statements.get()));
    }

    /// How long somebody waited for a connection.
    pub fn observe_connection_wait(&self, waited: Duration) {
        self.connection_waits.observe(waited.as_secs_f64());
    }

    /// Counts a transaction that was given up because a lock stayed.
    pub fn count_lock_timeout(&self) {
        self.lock_timeouts.inc();
    }

    /// Counts a transaction of a request that waited for another one which waited for it.
    pub fn count_deadlock(&self) {
        self.deadlocks.inc();
    }

    /// What observes the seconds of each hash of a lane.
    pub fn hashes_of(&self, lane: HashKind) -> Histogram {
        self.hashes.with_label_values(&[lane.label()])
    }

    /// How many passwords wait for a thread.
    pub fn set_hashes_waiting(&self, lane: HashKind, waiting: usize) {
        let waiting = i64::try_from(waiting).unwrap_or(i64::MAX);
        self.hashes_waiting
            .with_label_values(&[lane.label()])
            .set(waiting);
    }

    /// What is due on all replicas; a queue that is not named has nothing.
    pub fn set_queues(&self, queues: &[DueQueue]) {
        self.jobs.reset();
        self.oldest_job.reset();
        for queue in queues {
            let labels = [queue.kind.as_str(), queue.priority.as_str()];
            self.jobs.with_label_values(&labels).set(queue.jobs);
            let oldest = queue.oldest.as_secs_f64();
            self.oldest_job.with_label_values(&labels).set(oldest);
        }
    }

    /// How many imports are queued or running, on all replicas.
    pub fn set_unfinished_imports(&self, unfinished: i64) {
        self.imports_unfinished.set(unfinished);
    }

    /// Counts rows of an import that were written.
    pub fn count_import_rows(&self, rows: usize) {
        self.import_rows.inc_by(u64::try_from(rows).unwrap_or(0));
    }

    /// How many mails are queued or deferred, on all replicas.
    pub fn set_unsent_mails(&self, unsent: i64) {
        self.mails_unsent.set(unsent);
    }

    /// Counts a mail that was tried.
    pub fn count_mail(&self, kind: &str, outcome: MailOutcome) {
        self.mails.with_label_values(&[kind, outcome.label()]).inc();
    }

    /// Everything in the Prometheus text format.
    ///
    /// # Errors
    /// Never, with what is registered here.
    pub fn render(&self) -> Result<String> {
        let mut text = Vec::new();
        TextEncoder::new()
            .encode(&self.registry.gather(), &mut text)
            .map_err(Error::internal)?;
        String::from_utf8(text).map_err(Error::internal)
    }
}

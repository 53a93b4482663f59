//! Logs and metrics.

use std::io::IsTerminal as _;
use std::time::Duration;

use prometheus::{
    Encoder as _, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::config::{Config, LogFormat};
use crate::error::{Error, Result};

/// Starts logging to standard error: text on a terminal, JSON elsewhere, or as configured. A second
/// call changes nothing.
///
/// # Errors
/// A filter that cannot be used, which the configuration rules out.
pub fn start_logging(config: &Config) -> Result<()> {
    let filter = without_strangers(&config.log);
    let filter = EnvFilter::try_new(filter).map_err(Error::internal)?;
    let json = match config.log_format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => !std::io::stderr().is_terminal(),
    };
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let started = if json {
        lines.json().flatten_event(true).try_init()
    } else {
        lines.with_ansi(std::io::stderr().is_terminal()).try_init()
    };
    // Whoever embeds the library may have begun to log already.
    drop(started);
    Ok(())
}

/// Leaves out what the framework logs as an error of ours where a stranger sends what is no HTTP, unless
/// the filter asks for it: by name, or for all that is of use in debugging.
fn without_strangers(filter: &str) -> String {
    const OF_STRANGERS: &str = "actix_http";
    let levels = filter
        .split(',')
        .filter_map(|part| part.trim().parse().ok());
    let asks_for_all = levels.max() >= Some(LevelFilter::DEBUG);
    if asks_for_all || filter.contains(OF_STRANGERS) {
        return filter.to_owned();
    }
    format!("{filter},{OF_STRANGERS}::h1=off")
}

/// What is counted, for Prometheus.
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    durations: HistogramVec,
    connections_in_use: IntGauge,
    connections_most: IntGauge,
    imports_unfinished: IntGauge,
    mails_unsent: IntGauge,
}

impl Metrics {
    /// Nothing counted yet.
    ///
    /// # Errors
    /// Never: the names are distinct.
    pub fn new() -> Result<Self> {
        Self::registered().map_err(Error::internal)
    }

    fn registered() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let requests = IntCounterVec::new(
            Opts::new("rollcall_http_requests_total", "Requests answered."),
            &["method", "route", "status"],
        )?;
        let durations = HistogramVec::new(
            HistogramOpts::new(
                "rollcall_http_request_duration_seconds",
                "Time to the answer.",
            ),
            &["method", "route"],
        )?;
        let gauge = |name: &str, help: &str| IntGauge::new(name, help);
        let metrics = Self {
            connections_in_use: gauge(
                "rollcall_database_connections_in_use",
                "Connections at work.",
            )?,
            connections_most: gauge("rollcall_database_connections_max", "Connections at most.")?,
            imports_unfinished: gauge(
                "rollcall_imports_unfinished",
                "Imports queued or running, on all replicas.",
            )?,
            mails_unsent: gauge(
                "rollcall_mails_unsent",
                "Mails queued or deferred, on all replicas.",
            )?,
            requests,
            durations,
            registry,
        };
        metrics
            .registry
            .register(Box::new(metrics.requests.clone()))?;
        metrics
            .registry
            .register(Box::new(metrics.durations.clone()))?;
        for gauge in [
            &metrics.connections_in_use,
            &metrics.connections_most,
            &metrics.imports_unfinished,
            &metrics.mails_unsent,
        ] {
            metrics.registry.register(Box::new(gauge.clone()))?;
        }
        Ok(metrics)
    }

    /// Counts one answered request: its method, and the pattern of its path, never the path itself:
    /// paths hold ids.
    pub fn count_request(&self, [method, route]: [&str; 2], status: u16, took: Duration) {
        self.requests
            .with_label_values(&[method, route, &status.to_string()])
            .inc();
        self.durations
            .with_label_values(&[method, route])
            .observe(took.as_secs_f64());
    }

    /// How many connections are at work, and how many there can be.
    pub fn set_connections(&self, in_use: u32, most: u32) {
        self.connections_in_use.set(in_use.into());
        self.connections_most.set(most.into());
    }

    /// How many imports are queued or running, on all replicas.
    pub fn set_unfinished_imports(&self, unfinished: i64) {
        self.imports_unfinished.set(unfinished);
    }

    /// How many mails are queued or deferred, on all replicas.
    pub fn set_unsent_mails(&self, unsent: i64) {
        self.mails_unsent.set(unsent);
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

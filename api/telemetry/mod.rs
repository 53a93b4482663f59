//! Logs, metrics and traces.

mod log_queue;
mod metrics;
pub mod traces;

pub use self::metrics::{DueQueue, HashKind, MailOutcome, Metrics};

use std::io::IsTerminal as _;

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use self::log_queue::LogQueue;
use crate::config::{Config, LogFormat};
use crate::error::{Error, Result};

/// Starts logging to standard error: text on a terminal, JSON elsewhere, or as configured; and traces, where a
/// collector is named. A second call changes nothing.
///
/// # Errors
/// A filter or a URL that cannot be used, which the configuration rules out.
pub fn start_logging(config: &Config) -> Result<()> {
    let filter = without_strangers(&config.log);
    let filter = EnvFilter::try_new(filter).map_err(Error::internal)?;
    let json = match config.log_format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => !std::io::stderr().is_terminal(),
    };
    let queue = LogQueue::start()?;
    // Telling of a line that could not be written would panic where standard error cannot be written.
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(move || queue.clone())
        .log_internal_errors(false);
    let lines = if json {
        lines.json().flatten_event(true).boxed()
    } else {
        lines.with_ansi(std::io::stderr().is_terminal()).boxed()
    };
    let started = tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .with(traces::layer(config)?)
        .try_init();
    // Whoever embeds the library may have begun to log already.
    drop(started);
    Ok(())
}

/// Ends traces and logs: what waits is sent and written, for as long as a process may take to end.
pub fn end() {
    traces::end();
    log_queue::flush();
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

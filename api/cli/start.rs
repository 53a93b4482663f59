//! What commands begin with.

use std::time::Duration;

use super::error::CommandError;
use crate::clock::Clock;
use crate::config::Config;
use crate::state::State;
use crate::telemetry::start_logging;

/// Opens what a command works with that somebody waits for: a database that is away is told at once.
///
/// # Errors
/// A configuration that cannot be used, and whatever keeps a server from starting.
pub fn open_state() -> Result<State, CommandError> {
    let mut config = Config::load()?;
    config.database_wait = Duration::ZERO;
    start_logging(&config)?;
    open(config)
}

/// Opens what a server works with, and warns of variables that are no setting.
///
/// # Errors
/// Whatever keeps a server from starting.
pub fn open(config: Config) -> Result<State, CommandError> {
    for unknown in config.unknown_variables() {
        tracing::warn!("{unknown}");
    }
    Ok(State::open(config, Clock::system())?)
}

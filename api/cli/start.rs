//! What commands begin with.

use std::path::Path;
use std::time::Duration;

use super::error::CommandError;
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::database_url::DatabaseUrl;
use crate::state::State;
use crate::telemetry::start_logging;

/// Opens what a command works with that somebody waits for: a database that is away is told at once.
///
/// # Errors
/// A configuration that cannot be used, and whatever keeps a server from starting.
pub fn open_state() -> Result<State, CommandError> {
    open(settings()?)
}

/// As [`open_state`], for a command that works on what is there: it begins no new installation.
///
/// # Errors
/// As there, and where no database was made yet.
pub fn open_existing() -> Result<State, CommandError> {
    let config = settings()?;
    if is_new(&config) {
        return Err(none_yet(&config));
    }
    open(config)
}

/// The refusal of what works on an installation that is yet to be made.
pub fn none_yet(config: &Config) -> CommandError {
    let words = "there is no installation here yet: the first start makes it (`rollcall`, or `rollcall migrate`)";
    CommandError::Usage(format!("{}: {words}", config.data_dir.display()))
}

/// The settings of a command that somebody waits for.
///
/// # Errors
/// A configuration that cannot be used.
pub fn settings() -> Result<Config, CommandError> {
    let mut config = Config::load()?;
    config.database_wait = Duration::ZERO;
    start_logging(&config)?;
    Ok(config)
}

/// Whether an embedded database is yet to be made.
pub fn is_new(config: &Config) -> bool {
    match &config.database_url {
        DatabaseUrl::Sqlite(path) => !Path::new(path).exists(),
        DatabaseUrl::Postgres(_) => false,
    }
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

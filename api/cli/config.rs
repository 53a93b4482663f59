//! `rollcall config`.

use std::path::PathBuf;

use clap::Args;

use super::error::CommandError;
use super::output::{print_or_write, tell};
use crate::config::{self, Config};

#[derive(Args)]
pub struct ConfigArguments {
    /// Print the documentation of every setting instead, as docs/configuration.md has it.
    #[arg(long)]
    markdown: bool,
    /// Print an environment file with every setting and its default instead.
    #[arg(long, conflicts_with = "markdown")]
    env_file: bool,
    /// Write it to this file instead.
    #[arg(long)]
    output: Option<PathBuf>,
}

/// Prints the effective configuration or its documentation. Warnings go to standard error, so that
/// the output is a configuration file.
///
/// # Errors
/// A configuration that cannot be used, or a file that cannot be written.
pub fn run(arguments: &ConfigArguments) -> Result<(), CommandError> {
    let text = if arguments.markdown {
        config::markdown()
    } else if arguments.env_file {
        config::environment_file()
    } else {
        effective()?
    };
    print_or_write(&text, arguments.output.as_deref())
}

fn effective() -> Result<String, CommandError> {
    let config = Config::load()?;
    for unknown in config.unknown_variables() {
        tell(&format!("warning: {unknown}"));
    }
    Ok(config.to_string())
}

//! The command line.

mod backup;
mod config;
mod database;
mod doctor;
mod error;
mod health;
mod import;
mod keys;
mod mail;
mod operator;
mod output;
mod start;

pub use self::error::CommandError;

use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand};

pub use self::output::tell;
use self::output::{print, print_or_write};
use self::start::{open, open_existing, open_state};
use crate::app::{self, Running};
use crate::config::Config;
use crate::error::Error;
use crate::openapi;
use crate::state::State;
use crate::telemetry::{self, start_logging};

/// The open backend that gets people into an organization.
#[derive(Parser)]
#[command(name = "rollcall", version, about)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API and do the background work (also what plain `rollcall` does).
    Serve,
    /// Bring the database up to date, and end.
    Migrate,
    /// Print the OpenAPI document.
    Openapi {
        /// The version of OpenAPI that it is written in.
        #[arg(long, default_value = "3.1", value_parser = ["3.1", "3.0"])]
        version: String,
        /// Write it to this file instead.
        #[arg(long)]
        output: Option<PathBuf>,
    },
    /// Print the effective configuration without secrets, or the documentation of the settings.
    Config(config::ConfigArguments),
    /// Ask the server on this machine whether it is ready: for health checks.
    Health,
    /// Look for what is wrong with this installation, and say what to do about it. It changes nothing.
    Doctor(doctor::DoctorArguments),
    /// Import accounts from a CSV file, without the API.
    Import(import::ImportArguments),
    /// Copy the embedded database, while it is in use, and its keys into a new folder.
    Backup(backup::BackupArguments),
    /// Move an installation from the embedded database to PostgreSQL, or back.
    #[command(subcommand)]
    Database(database::DatabaseCommand),
    /// Change the keys that sign access tokens and seal what is kept.
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Look at what mail says, and try the way that it leaves by.
    #[command(subcommand)]
    Mail(mail::MailCommand),
    /// Look after the operators of this installation.
    #[command(subcommand)]
    Operator(operator::OperatorCommand),
}

/// Does what the command line asks for.
///
/// # Errors
/// Why it could not.
pub fn run(arguments: Arguments) -> Result<(), CommandError> {
    let outcome = carry_out(arguments);
    telemetry::end();
    outcome
}

fn carry_out(arguments: Arguments) -> Result<(), CommandError> {
    match arguments.command.unwrap_or(Command::Serve) {
        Command::Serve => serve(),
        Command::Migrate => {
            let applied = open_state()?.migrations;
            print(&told_of_migrations(&applied))
        }
        Command::Openapi { version, output } => {
            let document = match version.as_str() {
                "3.0" => openapi::to_json_3_0()?,
                _ => openapi::to_json()?,
            };
            print_or_write(&document, output.as_deref())
        }
        Command::Config(arguments) => config::run(&arguments),
        Command::Health => health::run(&Config::load()?),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Import(arguments) => import::run(&arguments, &open_existing()?),
        Command::Backup(arguments) => backup::run(&arguments),
        Command::Database(command) => database::run(&command),
        Command::Keys(command) => keys::run(&command),
        Command::Mail(command) => mail::run(&command, &Config::load()?),
        Command::Operator(command) => operator::run(command),
    }
}

fn serve() -> Result<(), CommandError> {
    let config = Config::load()?;
    start_logging(&config)?;
    // The first log line names the address (`docs/configuration.md`).
    let listener = app::bind(&config)?;
    let address = listener.local_addr().map_err(Error::internal)?;
    tracing::info!(%address, documentation = %format!("http://{address}/docs"), "listening");
    let state = open(config).map_err(CommandError::of_start)?;
    for migration in state.migrations.iter() {
        tracing::info!(migration, "migration applied");
    }
    actix_web::rt::System::new().block_on(async {
        let running = Running::start_on(listener, &state)?;
        announce(&state, &running)?;
        let served = running.serve_until_signal().await;
        state.close();
        Ok(served?)
    })
}

/// Tells scripts where the server listens, in a file.
fn announce(state: &State, running: &Running) -> Result<(), CommandError> {
    if state.services.config.data_dir.is_dir() {
        let path = state.services.config.data_dir.join("listening");
        write_whole(&path, &format!("{}\n", running.address))
            .map_err(|error| CommandError::file(path.display(), error))?;
    }
    Ok(())
}

/// Written beside its place and moved into it, so that a script that waits for the file never reads
/// half of it.
fn write_whole(path: &Path, content: &str) -> std::io::Result<()> {
    let draft = path.with_extension("draft");
    std::fs::write(&draft, content)?;
    std::fs::rename(&draft, path)
}

fn told_of_migrations(applied: &[String]) -> String {
    let lines = applied
        .iter()
        .map(|migration| format!("applied {migration}\n"));
    lines.collect::<String>() + "The database is up to date.\n"
}

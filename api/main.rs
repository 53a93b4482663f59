//! The `rollcall` binary.

use std::process::ExitCode;

use clap::Parser as _;
use rollcall::cli;

fn main() -> ExitCode {
    match cli::run(cli::Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            cli::tell(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

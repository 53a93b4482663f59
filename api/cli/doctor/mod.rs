//! `rollcall doctor`: looks for what is wrong with an installation, and says what to do. It changes nothing
//! and prints no secret.

mod database;
mod federation;
mod files;
mod finding;
mod mail;
mod web;

use clap::Args;

use self::finding::{Check, Finding, Outcome, Report};
use super::error::CommandError;
use super::output::print;
use crate::config::{Config, ConfigError};
use crate::error::Error;

#[derive(Args)]
pub struct DoctorArguments {
    /// Print the report as JSON instead.
    #[arg(long)]
    json: bool,
}

/// Makes every check and prints what it found.
///
/// # Errors
/// Where a check failed; warnings alone are no error.
pub fn run(arguments: &DoctorArguments) -> Result<(), CommandError> {
    let report = Report::of(match Config::load() {
        Ok(config) => findings(&config),
        Err(error) => vec![unusable(&error)],
    });
    print(&if arguments.json {
        serde_json::to_string_pretty(&report).map_err(Error::internal)? + "\n"
    } else {
        report.to_string()
    })?;
    match report.count(Outcome::Failure) {
        0 => Ok(()),
        1 => Err(CommandError::Unhealthy("a check failed".to_owned())),
        failures => Err(CommandError::Unhealthy(format!("{failures} checks failed"))),
    }
}

/// Nothing else can be checked without the settings.
fn unusable(error: &ConfigError) -> Finding {
    let advice = "Correct the setting; docs/configuration.md tells what each takes. Then run the doctor again: \
                  nothing else could be checked";
    Check::Configuration.failure(error.to_string(), advice)
}

fn findings(config: &Config) -> Vec<Finding> {
    let mut findings = vec![configuration(config)];
    findings.extend(web::check(config));
    findings.extend(files::check(config));
    findings.extend(database::check(config));
    findings.extend(mail::check(config));
    findings
}

fn configuration(config: &Config) -> Finding {
    let unknown = config.unknown_variables();
    if unknown.is_empty() {
        return Check::Configuration.ok("every setting can be used");
    }
    let unknown: Vec<String> = unknown.iter().map(ToString::to_string).collect();
    Check::Configuration.warning(
        unknown.join("; "),
        "Correct the name if it was meant as a setting; else leave it",
    )
}

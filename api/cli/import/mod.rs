//! `rollcall import`: the API's import, without the API.

mod command_line;
mod job;
mod result_file;

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;

use self::command_line::{at_command_line, command_line, permitted};
use self::job::LocalImport;
use self::result_file::OutputFile;
use super::error::CommandError;
use super::output::print;
use crate::domain::ids::{ImportId, OrganizationId};
use crate::domain::imports::{OnRowError, OnSeatShortage, StoredFailure};
use crate::domain::organization::AccountType;
use crate::domain::shown;
use crate::domain::slug::Slug;
use crate::domain::spreadsheet::{Delimiter, Encoding, ReadOptions, SkippedLine};
use crate::domain::username_list::{CleanedList, UsernameList};
use crate::error::{Error, Result};
use crate::services::authorization::{ManageImports, permit};
use crate::services::imports::from_csv::{self, FileSource};
use crate::services::imports::results::ResultFile;
use crate::services::imports::submission::{self, Options};
use crate::services::imports::{ImportWithCounts, from_usernames, staging};
use crate::state::State;
use crate::store::organizations;

#[derive(Args)]
pub struct ImportArguments {
    /// The CSV file, or with --usernames a list of names.
    file: PathBuf,
    /// The file holds one name a line; addresses and passwords are made up.
    #[arg(long, conflicts_with = "generate_missing_passwords")]
    usernames: bool,
    /// The organization's slug.
    #[arg(long)]
    organization: String,
    /// What the people become: student, teacher, learner or creator.
    #[arg(long, value_parser = AccountType::from_str)]
    account_type: AccountType,
    /// Where the list of accounts with their passwords goes.
    #[arg(long, default_value = "userlist.csv")]
    output: PathBuf,
    /// Where the failed rows go, if there are any.
    #[arg(long, default_value = "errors.csv")]
    errors: PathBuf,
    /// Write over the files of --output and --errors where they are there already.
    #[arg(long)]
    overwrite: bool,
    /// Make a password where the file has none.
    #[arg(long)]
    generate_missing_passwords: bool,
    /// Take names from the addresses where the file has none.
    #[arg(long, conflicts_with = "usernames")]
    usernames_from_addresses: bool,
    /// Ask people for a password of their own at their first sign-in.
    #[arg(long)]
    must_change_password: bool,
    /// What becomes of good rows when there are bad ones: skip or refuse_all.
    #[arg(long, default_value = "skip", value_parser = OnRowError::from_str)]
    on_row_error: OnRowError,
    /// What becomes of rows without a seat: fill or refuse_all.
    #[arg(long, default_value = "fill", value_parser = OnSeatShortage::from_str)]
    on_seat_shortage: OnSeatShortage,
    /// The encoding of the file, where it cannot be told: windows-1252, iso-8859-2, mac-roman, cp850
    /// or another that docs/imports.md names.
    #[arg(long, value_parser = parse_encoding)]
    encoding: Option<Encoding>,
    /// What divides the cells, where it cannot be told: comma, semicolon, tab or pipe.
    #[arg(long, value_parser = parse_delimiter, conflicts_with = "usernames")]
    delimiter: Option<Delimiter>,
}

fn parse_encoding(label: &str) -> Result<Encoding, String> {
    Encoding::from_label(label).ok_or_else(|| "there is no such encoding here".to_owned())
}

fn parse_delimiter(word: &str) -> Result<Delimiter, String> {
    serde_json::from_value(word.into())
        .map_err(|_| "expected comma, semicolon, tab or pipe".to_owned())
}

/// A file on this machine.
struct LocalFile {
    file: File,
    options: ReadOptions,
}

impl Read for LocalFile {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.file.read(buffer)
    }
}

impl FileSource for LocalFile {
    fn options(&self) -> ReadOptions {
        self.options
    }
}

/// Imports the file, works on the import and writes its results.
///
/// # Errors
/// As the API's operation; or where a file cannot be read or written.
pub fn run(arguments: &ImportArguments, state: &State) -> Result<(), CommandError> {
    require_new_files(arguments)?;
    let organization = find_organization(arguments, state)?;
    let output = OutputFile::create(&arguments.output)?;
    let import = if arguments.usernames {
        submit_usernames(arguments, state, organization)?
    } else {
        submit_csv(arguments, state, organization)?
    };
    let job = LocalImport {
        state,
        organization,
        import,
    };
    let finished = job.carry_out()?;
    output.write(&job, ResultFile::UserList)?;
    if finished.failed() > 0 {
        let errors = OutputFile::create(&arguments.errors)?;
        errors.write(&job, ResultFile::Errors)?;
    }
    print(&report(arguments, &finished))?;
    match finished.import.failure {
        None => Ok(()),
        Some(failure) => Err(CommandError::ImportFailed(words_of(failure))),
    }
}

/// Refuses to write over a list of passwords, which may stand nowhere else.
fn require_new_files(arguments: &ImportArguments) -> Result<(), CommandError> {
    let files = [
        ("--output", &arguments.output),
        ("--errors", &arguments.errors),
    ];
    match files.into_iter().find(|(_, path)| path.exists()) {
        Some((option, path)) if !arguments.overwrite => Err(CommandError::Usage(format!(
            "{} is there already, and may be the only list of its passwords: name another file by {option}, or pass \
             --overwrite",
            path.display()
        ))),
        Some(_) | None => Ok(()),
    }
}

const fn words_of(failure: StoredFailure) -> &'static str {
    match failure {
        StoredFailure::RowErrors | StoredFailure::SeatShortage => {
            "nothing was created: refuse_all was asked for, and a row was bad or had no seat"
        }
        StoredFailure::ProcessingFailed => {
            "Rollcall could not go on with it, for a reason that its log tells"
        }
    }
}

fn find_organization(
    arguments: &ImportArguments,
    state: &State,
) -> Result<OrganizationId, CommandError> {
    let unknown = || {
        CommandError::Usage(format!(
            "--organization: there is none with the slug {:?}",
            arguments.organization
        ))
    };
    let slug = Slug::parse(&arguments.organization).map_err(|_| unknown())?;
    let found = at_command_line(state, |tx| {
        organizations::find_by_slug(tx.connection, &slug)
    })?;
    found
        .map(|organization| organization.id)
        .ok_or_else(unknown)
}

fn submit_csv(
    arguments: &ImportArguments,
    state: &State,
    organization: OrganizationId,
) -> Result<ImportId, CommandError> {
    if arguments.file.is_dir() {
        let path = arguments.file.display();
        return Err(CommandError::Usage(format!(
            "{path} is a folder, and no file"
        )));
    }
    let file = File::open(&arguments.file)
        .map_err(|error| CommandError::file(arguments.file.display(), error))?;
    let permit = at_command_line(state, |tx| permit::<ManageImports>(tx, organization))?;
    let read_options = ReadOptions {
        encoding: arguments.encoding,
        delimiter: arguments.delimiter,
        usernames_from_addresses: arguments.usernames_from_addresses,
    };
    let file = LocalFile {
        file,
        options: read_options,
    };
    let staged = from_csv::stage(&state.services, &command_line(state), &permit, file)?;
    let options = options(arguments);
    let submitted = permitted(state, organization, |tx, permit| {
        submission::submit(tx, &permit, &staged, &options)
    });
    if let Err(error) = submitted {
        staging::abandon(&state.services.pool, staged.import);
        return Err(error.into());
    }
    Ok(staged.import)
}

fn submit_usernames(
    arguments: &ImportArguments,
    state: &State,
    organization: OrganizationId,
) -> Result<ImportId, CommandError> {
    let text = std::fs::read(&arguments.file)
        .map_err(|error| CommandError::file(arguments.file.display(), error))?;
    let list = UsernameList::of_lines(&text, arguments.encoding).map_err(Error::from)?;
    let options = options(arguments);
    let submitted = permitted(state, organization, |tx, permit| {
        from_usernames::submit(tx, &permit, &list, &options)
    })?;
    Ok(submitted.import.id)
}

fn options(arguments: &ImportArguments) -> Options {
    Options {
        account_type: arguments.account_type,
        groups: Vec::new(),
        on_row_error: arguments.on_row_error,
        on_seat_shortage: arguments.on_seat_shortage,
        generate_missing_passwords: arguments.generate_missing_passwords || arguments.usernames,
        must_change_password: arguments.must_change_password,
    }
}

fn report(arguments: &ImportArguments, finished: &ImportWithCounts) -> String {
    let mut report = format!(
        "{}: {} of {} rows became accounts.",
        finished.import.status,
        finished.created(),
        finished.import.rows_total,
    );
    if finished.created() > 0 {
        report += &format!(" Their passwords are in {}.", arguments.output.display());
    }
    report.push('\n');
    report += &list_report(finished);
    if finished.failed() > 0 {
        report += &format!(
            "Rows that failed: {}. Correct them in {} and import that file, with other files for --output and \
             --errors.\n",
            finished.failed(),
            arguments.errors.display()
        );
    }
    report
}

/// What was removed from a list of names.
fn list_report(finished: &ImportWithCounts) -> String {
    let Some(CleanedList { skipped, marked }) = finished.import.cleaned() else {
        return String::new();
    };
    let mut report = String::new();
    for SkippedLine { line, text } in skipped {
        let text = shown::value(&text);
        report += &format!("Line {line} is no name and was passed over: {text}\n");
    }
    if marked > 0 {
        report += &format!("Bullets, numbers or commas were taken off {marked} names.\n");
    }
    report
}

//! `rollcall import`: the API's import, without the API.

use std::fs::File;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::error::CommandError;
use super::output::print;
use crate::domain::ids::{ImportId, OrganizationId};
use crate::domain::imports::{OnRowError, OnSeatShortage, StoredFailure};
use crate::domain::organization::AccountType;
use crate::domain::slug::Slug;
use crate::domain::spreadsheet::{Delimiter, Encoding, ReadOptions};
use crate::domain::username_list::UsernameList;
use crate::error::{Error, Result};
use crate::services::authorization::{self, ManageImports, Permission, Permit, permit};
use crate::services::context::RequestContext;
use crate::services::imports::from_csv::{self, FileSource};
use crate::services::imports::results::{self, ResultFile};
use crate::services::imports::submission::{self, Options};
use crate::services::imports::{self, ImportWithCounts, from_usernames, staging};
use crate::services::unit_of_work::UnitOfWork;
use crate::state::State;
use crate::store::organizations;
use crate::store::transaction::with_retries;
use crate::worker::{IMPORTS, Step, Worker};

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
    /// The encoding of the file, where it cannot be told: windows-1250 to windows-1254, mac-roman, cp437,
    /// cp850, utf-8, utf-16le or utf-16be.
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
    serde_json::from_value(word.into()).map_err(|error| error.to_string())
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
    let organization = find_organization(arguments, state)?;
    let output = OutputFile::create(&arguments.output)?;
    let import = if arguments.usernames {
        submit_usernames(arguments, state, organization)?
    } else {
        submit_csv(arguments, state, organization)?
    };
    let job = Job {
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

const fn words_of(failure: StoredFailure) -> &'static str {
    match failure {
        StoredFailure::RowErrors | StoredFailure::SeatShortage => {
            "all or nothing was asked for, and it was nothing"
        }
        StoredFailure::ProcessingFailed => {
            "Rollcall could not go on with it, for a reason that its log tells"
        }
    }
}

/// Runs one unit of work as the command line.
fn at_command_line<T>(
    state: &State,
    work: impl FnOnce(&mut UnitOfWork<'_>) -> Result<T>,
) -> Result<T> {
    state.services.run(&command_line(state), work)
}

/// Runs one transaction as the command line, with the permit to import.
fn permitted<T>(
    state: &State,
    organization: OrganizationId,
    work: impl FnOnce(&mut UnitOfWork<'_>, Permit<ManageImports>) -> Result<T>,
) -> Result<T> {
    at_command_line(state, |tx| {
        tx.transaction(|tx| {
            authorization::lock(tx, organization)?;
            let permit = permit(tx, organization)?;
            work(tx, permit)
        })
    })
}

fn command_line(state: &State) -> RequestContext {
    RequestContext::command_line(state.services.clock.now())
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

/// An import that this process works on.
struct Job<'a> {
    state: &'a State,
    organization: OrganizationId,
    import: ImportId,
}

impl Job<'_> {
    /// Works on the import here, unless a server on the same database is faster, and shows the
    /// progress.
    fn carry_out(&self) -> Result<ImportWithCounts> {
        let bar = ProgressBar::new(0);
        let style = "{bar:40} {pos}/{len} accounts, {per_sec}, {eta} left";
        bar.set_style(ProgressStyle::with_template(style).map_err(Error::internal)?);
        std::thread::scope(|scope| {
            let work: Vec<_> = (0..self.state.services.config.import_workers)
                .map(|_| scope.spawn(|| self.work_until_finished()))
                .collect();
            while !work.iter().all(|thread| thread.is_finished()) {
                if let Some(found) = self.progress()? {
                    bar.set_length(u64::try_from(found.import.rows_total).unwrap_or(0));
                    bar.set_position(u64::try_from(found.processed()).unwrap_or(0));
                }
                std::thread::sleep(Duration::from_millis(100));
            }
            bar.finish();
            let panicked = |_| Err(Error::internal("the work ended in a panic"));
            let ends = work
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(panicked));
            self.outcome(ends.collect())
        })
    }

    /// The import as it ended, whatever a thread met meanwhile; where it has not ended, why not.
    fn outcome(&self, work: Result<()>) -> Result<ImportWithCounts> {
        let found = self.now()?;
        if !found.import.status.is_finished() {
            work?;
        }
        Ok(found)
    }

    fn now(&self) -> Result<ImportWithCounts> {
        with_retries(|| self.permitted(|tx, permit| imports::find(tx, &permit, self.import)))
    }

    /// The import as it is now; `None` while the database is away.
    fn progress(&self) -> Result<Option<ImportWithCounts>> {
        match self.now() {
            Ok(found) => Ok(Some(found)),
            Err(Error::Unavailable(_) | Error::Conflict(_)) => Ok(None),
            Err(error @ (Error::Refused(_) | Error::Internal(_))) => Err(error),
        }
    }

    fn is_finished(&self) -> Result<bool> {
        let found = self.progress()?;
        Ok(found.is_some_and(|found| found.import.status.is_finished()))
    }

    /// Works on the organization's imports, which come in their order, until this one has ended. While
    /// the database is away, it waits.
    fn work_until_finished(&self) -> Result<()> {
        let mut worker = Worker::new(self.state, &IMPORTS).only_for(self.organization);
        while !self.is_finished()? {
            match worker.next(&|| false) {
                Ok(Step::Done) => {}
                Ok(Step::Idle | Step::Wait(_) | Step::Taken | Step::HandedOver | Step::Outage)
                | Err(Error::Unavailable(_) | Error::Conflict(_)) => {
                    std::thread::sleep(Duration::from_millis(200))
                }
                Err(error @ (Error::Refused(_) | Error::Internal(_))) => return Err(error),
            }
        }
        Ok(())
    }

    /// Runs one unit of work with a permit in the organization.
    fn permitted<P: Permission, T>(
        &self,
        work: impl FnOnce(&mut UnitOfWork<'_>, Permit<P>) -> Result<T>,
    ) -> Result<T> {
        at_command_line(self.state, |tx| {
            let permit = permit::<P>(tx, self.organization)?;
            work(tx, permit)
        })
    }
}

/// A file that gets its name when it is whole, and that only its owner may read.
struct OutputFile {
    path: PathBuf,
    draft: Draft,
    file: File,
}

/// The path of a file that is being written: what is still there when it is dropped is removed.
struct Draft(PathBuf);

impl Drop for Draft {
    fn drop(&mut self) {
        match std::fs::remove_file(&self.0) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!(%error, path = %self.0.display(), "a draft is left behind");
            }
            _ => {}
        }
    }
}

impl OutputFile {
    /// Creates the draft: a path that cannot be written is refused before any account is created.
    fn create(path: &Path) -> Result<Self, CommandError> {
        let mut name = path.as_os_str().to_owned();
        name.push(".part");
        let draft = PathBuf::from(name);
        let file =
            private_file(&draft).map_err(|error| CommandError::file(path.display(), error))?;
        Ok(Self {
            path: path.to_owned(),
            draft: Draft(draft),
            file,
        })
    }

    fn write(mut self, job: &Job<'_>, file: ResultFile) -> Result<(), CommandError> {
        let mut download = with_retries(|| {
            job.permitted(|tx, permit| results::open(tx, &permit, job.import, file))
        })?;
        let mut next_chunk =
            || with_retries(|| at_command_line(job.state, |tx| download.next_chunk(tx)));
        while let Some(chunk) = next_chunk()? {
            self.file
                .write_all(&chunk)
                .map_err(|error| self.failed(error))?;
        }
        let ended = self
            .file
            .sync_all()
            .and_then(|()| std::fs::rename(&self.draft.0, &self.path));
        ended.map_err(|error| self.failed(error))
    }

    fn failed(&self, error: std::io::Error) -> CommandError {
        CommandError::file(self.path.display(), error)
    }
}

/// Creates a new file for passwords: an existing one may be readable for others.
fn private_file(path: &Path) -> std::io::Result<File> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn report(arguments: &ImportArguments, finished: &ImportWithCounts) -> String {
    let mut report = format!(
        "{}: {} of {} rows became accounts. Their passwords are in {}.\n",
        finished.import.status,
        finished.created(),
        finished.import.rows_total,
        arguments.output.display()
    );
    if finished.failed() > 0 {
        report += &format!(
            "Rows that failed: {}. Correct them in {} and import that file again.\n",
            finished.failed(),
            arguments.errors.display()
        );
    }
    report
}

//! `rollcall import`: the same job as the API's, without the API.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::error::CommandError;
use crate::domain::ids::ImportId;
use crate::domain::imports::{ImportStatus, OnRowError, OnSeatShortage};
use crate::domain::organization::AccountType;
use crate::domain::slug::Slug;
use crate::domain::username_list::UsernameList;
use crate::error::{Error, Result};
use crate::services::authorization::{ManageImports, Permit, permit};
use crate::services::context::RequestContext;
use crate::services::imports::results::{self, ResultFile};
use crate::services::imports::submission::{self, Options};
use crate::services::imports::{self, ImportWithCounts, from_csv, from_usernames, staging};
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
    /// Ask people for a password of their own at their first sign-in.
    #[arg(long)]
    must_change_password: bool,
    /// What becomes of good rows when there are bad ones: skip or refuse_all.
    #[arg(long, default_value = "skip", value_parser = OnRowError::from_str)]
    on_row_error: OnRowError,
    /// What becomes of rows without a seat: fill or refuse_all.
    #[arg(long, default_value = "fill", value_parser = OnSeatShortage::from_str)]
    on_seat_shortage: OnSeatShortage,
}

/// Does it.
///
/// # Errors
/// As the API's operation; or where a file cannot be read or written.
pub fn run(arguments: &ImportArguments, state: &State) -> Result<(), CommandError> {
    let permit = permit_of(arguments, state)?;
    let output = OutputFile::create(&arguments.output)?;
    let id = if arguments.usernames {
        accept_usernames(arguments, state, &permit)?
    } else {
        accept_csv(arguments, state, &permit)?
    };
    let finished = carry_out(state, &permit, id)?;
    output.write(state, &permit, id, ResultFile::UserList)?;
    if finished.failed() > 0 {
        let errors = OutputFile::create(&arguments.errors)?;
        errors.write(state, &permit, id, ResultFile::Errors)?;
    }
    report(arguments, &finished);
    if finished.import.status == ImportStatus::Failed {
        let told = "all or nothing was asked for, and it was nothing";
        return Err(CommandError::Usage(told.to_owned()));
    }
    Ok(())
}

fn permit_of(
    arguments: &ImportArguments,
    state: &State,
) -> Result<Permit<ManageImports>, CommandError> {
    let unknown = || {
        CommandError::Usage(format!(
            "--organization: there is none with the slug {:?}",
            arguments.organization
        ))
    };
    let slug = Slug::parse(&arguments.organization).map_err(|_| unknown())?;
    let context = RequestContext::command_line(state.services.clock.now());
    state
        .services
        .run(&context, |tx| {
            let found = organizations::find_by_slug(tx.connection, &slug)?;
            found.map(|found| permit(tx, found.id)).transpose()
        })?
        .ok_or_else(unknown)
}

fn accept_csv(
    arguments: &ImportArguments,
    state: &State,
    permit: &Permit<ManageImports>,
) -> Result<ImportId, CommandError> {
    let file = File::open(&arguments.file)
        .map_err(|error| CommandError::file(arguments.file.display(), error))?;
    let services = &state.services;
    let staged = from_csv::stage(services, permit, file)?;
    let options = options(arguments, state);
    let mut connection = state.services.pool.get()?;
    if let Err(error) = submission::accept(&mut connection, services, permit, &staged, &options) {
        staging::abandon(&state.services.pool, staged.import);
        return Err(error.into());
    }
    Ok(staged.import)
}

fn accept_usernames(
    arguments: &ImportArguments,
    state: &State,
    permit: &Permit<ManageImports>,
) -> Result<ImportId, CommandError> {
    let text = std::fs::read(&arguments.file)
        .map_err(|error| CommandError::file(arguments.file.display(), error))?;
    let list = UsernameList::of_lines(&text).map_err(Error::from)?;
    let (services, options) = (&state.services, options(arguments, state));
    let mut connection = state.services.pool.get()?;
    Ok(from_usernames::accept(
        &mut connection,
        services,
        permit,
        &list,
        &options,
    )?)
}

fn options(arguments: &ImportArguments, state: &State) -> Options {
    Options {
        account_type: arguments.account_type,
        groups: Vec::new(),
        on_row_error: arguments.on_row_error,
        on_seat_shortage: arguments.on_seat_shortage,
        generate_missing_passwords: arguments.generate_missing_passwords || arguments.usernames,
        must_change_password: arguments.must_change_password,
        results_lifetime: state.services.config.results_lifetime,
    }
}

/// Works on the import here, unless a server on the same database is faster; shows how far it is.
fn carry_out(
    state: &State,
    permit: &Permit<ManageImports>,
    id: ImportId,
) -> Result<ImportWithCounts> {
    let bar = ProgressBar::new(0);
    let style = "{bar:40} {pos}/{len} accounts, {per_sec}, {eta} left";
    bar.set_style(ProgressStyle::with_template(style).map_err(Error::internal)?);
    std::thread::scope(|scope| {
        let config = &state.services.config;
        let threads = config.hash_threads.min(config.import_workers).max(1);
        let work: Vec<_> = (0..threads)
            .map(|_| scope.spawn(|| work_until_finished(state, permit, id)))
            .collect();
        let finished = loop {
            let found = look(state, permit, id)?;
            bar.set_length(u64::try_from(found.import.rows_total).unwrap_or(0));
            bar.set_position(u64::try_from(found.processed()).unwrap_or(0));
            if found.import.status.is_finished() || work.iter().all(|thread| thread.is_finished()) {
                break found;
            }
            std::thread::sleep(Duration::from_millis(100));
        };
        bar.finish();
        for thread in work {
            thread
                .join()
                .map_err(|_| Error::internal("the work ended in a panic"))??;
        }
        if finished.import.status.is_finished() {
            return Ok(finished);
        }
        look(state, permit, id)
    })
}

fn look(state: &State, permit: &Permit<ManageImports>, id: ImportId) -> Result<ImportWithCounts> {
    with_retries(|| imports::find(&mut *state.services.pool.get()?, permit, id))
}

/// Works on the organization's imports, which come in their order, until this one has ended.
fn work_until_finished(state: &State, permit: &Permit<ManageImports>, id: ImportId) -> Result<()> {
    let mut worker = Worker::new(state, &IMPORTS).only_for(permit.organization.id);
    while !look(state, permit, id)?.import.status.is_finished() {
        match worker.next(&|| false)? {
            Step::Done => {}
            Step::Idle | Step::Wait(_) | Step::Taken | Step::HandedOver | Step::Outage => {
                std::thread::sleep(Duration::from_millis(200));
            }
        }
    }
    Ok(())
}

/// A file that appears under its name when it is whole, and is its owner's only.
struct OutputFile {
    path: PathBuf,
    draft: PathBuf,
    file: File,
}

impl OutputFile {
    /// Begins it: a path that cannot be written is told before any account is made.
    fn create(path: &Path) -> Result<Self, CommandError> {
        let mut name = path.as_os_str().to_owned();
        name.push(".part");
        let draft = PathBuf::from(name);
        let file =
            private_file(&draft).map_err(|error| CommandError::file(path.display(), error))?;
        Ok(Self {
            path: path.to_owned(),
            draft,
            file,
        })
    }

    fn write(
        mut self,
        state: &State,
        permit: &Permit<ManageImports>,
        id: ImportId,
        file: ResultFile,
    ) -> Result<(), CommandError> {
        let mut connection = state.services.pool.get()?;
        let mut download = results::open(&mut connection, permit, id, file)?;
        while let Some(chunk) = download.next_chunk(&mut connection, &state.services.sealing)? {
            self.file
                .write_all(&chunk)
                .map_err(|error| self.failed(error))?;
        }
        let ended = self
            .file
            .sync_all()
            .and_then(|()| std::fs::rename(&self.draft, &self.path));
        ended.map_err(|error| self.failed(error))
    }

    fn failed(&self, error: std::io::Error) -> CommandError {
        CommandError::file(self.path.display(), error)
    }
}

/// Passwords will stand in it: a file of that name that others may read must not be used again.
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

fn report(arguments: &ImportArguments, finished: &ImportWithCounts) {
    println!(
        "{}: {} of {} rows became accounts. Their passwords are in {}.",
        finished.import.status,
        finished.created(),
        finished.import.rows_total,
        arguments.output.display()
    );
    if finished.failed() > 0 {
        println!(
            "Rows that failed: {}. Correct them in {} and import that file again.",
            finished.failed(),
            arguments.errors.display()
        );
    }
}

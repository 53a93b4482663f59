//! `rollcall import`: the same job as the API's, without the API.

use std::fs::{File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::CommandError;
use crate::domain::ids::ImportId;
use crate::domain::imports::{OnRowError, OnSeatShortage};
use crate::domain::organization::AccountType;
use crate::domain::slug::Slug;
use crate::error::{Error, Result};
use crate::services::act::Act;
use crate::services::authorization::{ManageImports, Permit};
use crate::services::imports::acceptance::{self, Options};
use crate::services::imports::carrying_out::{self, Workshop};
use crate::services::imports::results::{self, ResultFile};
use crate::services::imports::staging::{self, Staged, Surroundings};
use crate::services::imports::{self, ImportWithCounts};
use crate::state::State;
use crate::store::organizations;
use crate::store::transaction::with_patience;

#[derive(Args)]
pub struct ImportArguments {
    /// The CSV file.
    file: PathBuf,
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
    let permit = permit(arguments, state)?;
    let staged = stage(arguments, state, &permit)?;
    if let Err(error) = accept(arguments, state, &permit, &staged) {
        staging::abandon(&state.pool, staged.import);
        return Err(error.into());
    }
    let finished = carry_out(state, &permit, staged.import)?;
    write_file(state, &permit, staged.import, ResultFile::UserList, &arguments.output)?;
    if finished.failed() > 0 {
        write_file(state, &permit, staged.import, ResultFile::Errors, &arguments.errors)?;
    }
    report(arguments, &finished);
    Ok(())
}

fn permit(
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
    let organization =
        organizations::find_by_slug(&mut *state.pool.get()?, &slug)?.ok_or_else(unknown)?;
    Ok(Permit::at_console(
        organization,
        Act::at_console(state.clock.now()),
    ))
}

fn stage(
    arguments: &ImportArguments,
    state: &State,
    permit: &Permit<ManageImports>,
) -> Result<Staged, CommandError> {
    let file = File::open(&arguments.file)
        .map_err(|error| CommandError::file(arguments.file.display(), error))?;
    let around = Surroundings {
        pool: &state.pool,
        keys: &state.sealing,
        clock: &state.clock,
    };
    Ok(staging::stage(around, permit, file)?)
}

fn accept(
    arguments: &ImportArguments,
    state: &State,
    permit: &Permit<ManageImports>,
    staged: &Staged,
) -> Result<()> {
    let options = Options {
        account_type: arguments.account_type,
        groups: Vec::new(),
        on_row_error: arguments.on_row_error,
        on_seat_shortage: arguments.on_seat_shortage,
        generate_missing_passwords: arguments.generate_missing_passwords,
        must_change_password: arguments.must_change_password,
        results_lifetime: state.config.results_lifetime,
    };
    let now = state.clock.now();
    acceptance::accept(&mut *state.pool.get()?, permit, staged, &options, now)
}

/// Works on the import here, unless a server on the same database is faster; shows how far it is.
fn carry_out(
    state: &State,
    permit: &Permit<ManageImports>,
    id: ImportId,
) -> Result<ImportWithCounts> {
    let workshop = state.workshop();
    let bar = ProgressBar::new(0);
    let style = "{bar:40} {pos}/{len} accounts, {per_sec}, {eta} left";
    bar.set_style(ProgressStyle::with_template(style).map_err(Error::internal)?);
    std::thread::scope(|scope| {
        let work = scope.spawn(|| work_until_finished(&workshop, permit, id));
        let finished = loop {
            let found = look(&workshop, permit, id)?;
            bar.set_length(u64::try_from(found.import.rows_total).unwrap_or(0));
            bar.set_position(u64::try_from(found.processed()).unwrap_or(0));
            if found.import.status.is_finished() || work.is_finished() {
                break found;
            }
            std::thread::sleep(Duration::from_millis(100));
        };
        bar.finish();
        work.join().map_err(|_| Error::internal("the work ended in a panic"))??;
        if finished.import.status.is_finished() {
            return Ok(finished);
        }
        look(&workshop, permit, id)
    })
}

fn look(
    workshop: &Workshop,
    permit: &Permit<ManageImports>,
    id: ImportId,
) -> Result<ImportWithCounts> {
    with_patience(|| imports::find(&mut *workshop.pool.get()?, permit, id))
}

fn work_until_finished(
    workshop: &Workshop,
    permit: &Permit<ManageImports>,
    id: ImportId,
) -> Result<()> {
    let organization = permit.organization.id;
    while !look(workshop, permit, id)?.import.status.is_finished() {
        match with_patience(|| carrying_out::claim_in_turn(workshop, organization, id))? {
            Some(claimed) => {
                carrying_out::carry_out(workshop, &claimed, &|| false)?;
            }
            None => std::thread::sleep(Duration::from_millis(200)),
        }
    }
    Ok(())
}

fn write_file(
    state: &State,
    permit: &Permit<ManageImports>,
    id: ImportId,
    file: ResultFile,
    path: &Path,
) -> Result<(), CommandError> {
    let failed = |error| CommandError::file(path.display(), error);
    let mut connection = state.pool.get()?;
    let mut download = results::open(&mut connection, permit, id, file)?;
    let mut output = private_file(path).map_err(failed)?;
    while let Some(chunk) = download.next_chunk(&mut connection, &state.sealing)? {
        output.write_all(&chunk).map_err(failed)?;
    }
    output.sync_all().map_err(failed)
}

/// Passwords stand in it: for its owner only, even where others could read what was there before.
fn private_file(path: &Path) -> std::io::Result<File> {
    const OWNER_ONLY: u32 = 0o600;
    let mut options = File::options();
    options.write(true).create(true).truncate(true).mode(OWNER_ONLY);
    let file = options.open(path)?;
    file.set_permissions(Permissions::from_mode(OWNER_ONLY))?;
    Ok(file)
}

fn report(arguments: &ImportArguments, finished: &ImportWithCounts) {
    println!(
        "{}: {} of {} rows became accounts; their passwords are in {}",
        finished.import.status,
        finished.created(),
        finished.import.rows_total,
        arguments.output.display()
    );
    if finished.failed() > 0 {
        println!(
            "{} rows failed: correct them in {} and import that file again",
            finished.failed(),
            arguments.errors.display()
        );
    }
}

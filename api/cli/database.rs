//! `rollcall database`: an installation that moves from one kind of database to the other.

use std::path::Path;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};

use super::error::CommandError;
use super::output::{print, tell};
use crate::clock::Clock;
use crate::domain::database_url::DatabaseUrl;
use crate::error::Result;
use crate::state::make_private_folder;
use crate::store::copied_tables::Progress;
use crate::store::copy::{self, Compared, Ends, Plan, Table};

#[derive(Subcommand)]
pub enum DatabaseCommand {
    /// Copy a whole database into an empty one of the other kind, or go on with a copy that was broken off.
    Copy(CopyArguments),
    /// Have a database served again that was copied into another one, which is not served.
    Reopen {
        /// The database: sqlite:… or postgres://…
        #[arg(long)]
        database: String,
    },
}

#[derive(Args)]
pub struct CopyArguments {
    /// The database to copy: sqlite:… or postgres://…; no server works on it meanwhile.
    #[arg(long)]
    from: String,
    /// The database to copy into, which is empty: postgres://…, or sqlite:…, which is made with its folder.
    #[arg(long)]
    to: String,
    /// Copy nothing and make nothing: only read both, and tell whether they are the same. No server works on either
    /// meanwhile.
    #[arg(long)]
    check: bool,
}

/// Carries a command out.
///
/// # Errors
/// Databases that cannot be copied, a copy that was broken off, and two that are not the same.
pub fn run(command: &DatabaseCommand) -> Result<(), CommandError> {
    match command {
        DatabaseCommand::Copy(arguments) => copy(arguments),
        DatabaseCommand::Reopen { database } => reopen(database),
    }
}

/// Reads the database that an argument names, which may hold a password: it is not repeated.
fn database(argument: &str, url: &str) -> Result<DatabaseUrl, CommandError> {
    url.parse()
        .map_err(|error| CommandError::Usage(format!("{argument}: {error}")))
}

/// Refuses a target that is not there: SQLite would make an empty one.
fn require_file(target: &DatabaseUrl) -> Result<(), CommandError> {
    match target {
        DatabaseUrl::Sqlite(path) if !Path::new(path).is_file() => {
            let words = format!("the target: there is no file {path}");
            Err(CommandError::Usage(words))
        }
        DatabaseUrl::Sqlite(_) | DatabaseUrl::Postgres(_) => Ok(()),
    }
}

/// Makes the folder of a new embedded database, as a server makes its data folder.
fn make_folder_of(target: &DatabaseUrl) -> Result<(), CommandError> {
    match target {
        DatabaseUrl::Postgres(_) => Ok(()),
        DatabaseUrl::Sqlite(path) => {
            let folder = Path::new(path).parent();
            let Some(folder) = folder.filter(|folder| !folder.as_os_str().is_empty()) else {
                return Ok(());
            };
            make_private_folder(folder).map_err(|error| CommandError::file(folder.display(), error))
        }
    }
}

fn copy(arguments: &CopyArguments) -> Result<(), CommandError> {
    let from = database("--from", &arguments.from)?;
    let to = database("--to", &arguments.to)?;
    if arguments.check {
        require_file(&to)?;
    } else {
        make_folder_of(&to)?;
    }
    let mut ends = Ends::open(&from, &to)?;
    if arguments.check {
        let tables = ends.tables()?;
        ends.require_whole()?;
        return compare(&mut ends, &tables);
    }
    let tables = copy_rows(&mut ends)?;
    tell("reading every row again on both sides");
    compare(&mut ends, &tables)?;
    copy::finish(&mut ends, Clock::system().now())?;
    print(&format!(
        "The copy is whole. {} No server starts with the source any more: archive it. To go back to it before the copy \
         is served: rollcall database reopen --database <the source>\n",
        start_with(&to)
    ))
}

/// How servers are started with the copy.
const fn start_with(copy: &DatabaseUrl) -> &'static str {
    match copy {
        DatabaseUrl::Postgres(_) => {
            "Start servers with ROLLCALL_DATABASE_URL and the three keys that the source was served with \
             (ROLLCALL_SIGNING_KEY_FILE, ROLLCALL_SEALING_KEY_FILE, ROLLCALL_FEDERATION_KEY_FILE)."
        }
        DatabaseUrl::Sqlite(_) => {
            "Put the three keys that the source was served with beside its file, as signing.pem, sealing.key and \
             federation.pem, and start the server with ROLLCALL_DATA_DIR."
        }
    }
}

fn reopen(url: &str) -> Result<(), CommandError> {
    print(if copy::reopen(&database("--database", url)?)? {
        "The database can be served again. Serve no copy of it beside it: what one writes, the other has not.\n"
    } else {
        "The database can be served: it was not copied into another one.\n"
    })
}

/// How often a long table tells how far it has come.
const NOW_AND_THEN: Duration = Duration::from_secs(5);

/// Copies what the target has not, and gives the tables.
fn copy_rows(ends: &mut Ends) -> Result<Vec<Table>, CommandError> {
    let started = Instant::now();
    let Plan { tables, marks } = copy::begin(ends)?;
    let had: i64 = marks.values().map(|mark| mark.rows).sum();
    if had > 0 {
        tell(&format!(
            "going on with a copy that was broken off: {had} rows are there"
        ));
    }
    let mut has = 0_i64;
    for table in &tables {
        let mark = marks.get(&table.name).cloned().unwrap_or_default();
        let copied = copy_table(ends, table, mark).map_err(|source| CommandError::NotCopied {
            table: table.name.clone(),
            source,
        })?;
        has = has.saturating_add(copied);
    }
    let copied = has.saturating_sub(had);
    let rate = rate(copied, started.elapsed());
    tell(&format!("copied {copied} rows, {rate} a second"));
    Ok(tables)
}

/// Copies a table from its mark on; how many rows the target has of it.
fn copy_table(ends: &mut Ends, table: &Table, mut mark: Progress) -> Result<i64> {
    let mut told = Instant::now();
    while let Some(next) = copy::copy_some(ends, table, &mark)? {
        mark = next;
        if told.elapsed() > NOW_AND_THEN {
            told = Instant::now();
            tell(&format!("rows of {} so far: {}", table.name, mark.rows));
        }
    }
    tell(&format!("rows of {}: {}", table.name, mark.rows));
    Ok(mark.rows)
}

fn rate(rows: i64, took: Duration) -> i64 {
    let milliseconds = i64::try_from(took.as_millis()).unwrap_or(i64::MAX).max(1);
    rows.saturating_mul(1_000) / milliseconds
}

/// Prints what both sides have of every table.
fn compare(ends: &mut Ends, tables: &[Table]) -> Result<(), CommandError> {
    let mut report = format!("{:<24} {:>10}  SHA-256\n", "table", "rows");
    let mut differences = Vec::new();
    let mut total = 0_i64;
    for table in tables {
        let Compared {
            rows,
            digest,
            difference,
        } = copy::compare(ends, table)?;
        total = total.saturating_add(rows);
        let end = match &difference {
            None => digest,
            Some(_) => "not the same".to_owned(),
        };
        report += &format!("{:<24} {rows:>10}  {end}\n", table.name);
        differences.extend(difference.map(|words| format!("  {}: {words}", table.name)));
    }
    print(&report)?;
    if differences.is_empty() {
        let count = tables.len();
        return print(&format!(
            "All {total} rows of {count} tables are the same on both sides.\n"
        ));
    }
    let differences = differences.join("\n");
    let detail = format!(
        "{differences}\nSomebody has changed one of them since the copy began. Where one has been served since, that is \
         as it should be. Else begin anew with an empty database."
    );
    Err(CommandError::NotTheSame(detail))
}

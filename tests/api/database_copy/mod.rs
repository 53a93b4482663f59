//! An installation that moves from the embedded database to PostgreSQL and back
//! (`docs/operations.md#from-sqlite-to-postgresql`).

mod broken_off;
mod refusals;
mod tables;
mod whole;

use std::path::Path;
use std::process::{Command, Output};

use rollcall::store::Pool;
use rollcall::store::pool::{DatabaseUrl, PreparedStatements};

use crate::support::App;
use crate::support::app::block_on;
use crate::support::command::command;
use crate::support::database::Database;

/// The URL of the embedded database in a folder.
fn embedded(folder: &Path) -> String {
    format!("sqlite:{}", folder.join("rollcall.sqlite").display())
}

/// A copy that is not started yet.
fn copying(from: &str, to: &str, more: &[&str]) -> Command {
    let arguments = [&["database", "copy", "--from", from, "--to", to], more].concat();
    command(&std::env::temp_dir(), &arguments)
}

/// Runs a copy to its end.
fn copy(from: &str, to: &str) -> Output {
    copying(from, to, &[]).output().expect("no copy")
}

/// Compares two databases.
fn check(from: &str, to: &str) -> Output {
    copying(from, to, &["--check"]).output().expect("no check")
}

/// Takes the mark away from a database that was copied.
fn reopen(database: &str) -> Output {
    let arguments = ["database", "reopen", "--database", database];
    let mut reopening = command(&std::env::temp_dir(), &arguments);
    reopening.output().expect("no database")
}

/// An application on the embedded database in a folder.
fn on_sqlite(folder: &Path) -> App {
    App::new(Database::Sqlite, folder.to_owned(), |_| {})
}

/// A busy installation on the embedded database in a folder, which nobody serves any more; its URL.
fn populated(folder: &Path) -> String {
    let app = on_sqlite(folder);
    block_on(app.populate());
    app.stop();
    embedded(folder)
}

/// An application on a PostgreSQL database that was copied into, with the keys of the folder that it was copied from.
fn moved(url: &str, keys: &Path, data_dir: &Path) -> App {
    App::new(Database::Sqlite, data_dir.to_owned(), |config| {
        config.database_url = DatabaseUrl::Postgres(url.to_owned());
        config.signing_key_file = Some(keys.join("signing.pem"));
        config.sealing_key_file = Some(keys.join("sealing.key"));
    })
}

/// The database, past all processes.
fn pool(url: &str) -> Pool {
    Pool::open(&url.parse().expect("a URL"), 1, PreparedStatements::Named).expect("no pool")
}

/// Changes a database past all processes.
fn execute(url: &str, sql: &str) {
    use diesel::connection::SimpleConnection as _;
    let mut connection = pool(url).get().expect("no connection");
    connection.batch_execute(sql).expect("a statement");
}

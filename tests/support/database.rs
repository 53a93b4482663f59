//! A fresh database for each test, copied from a template that was migrated and populated once.

use std::sync::OnceLock;

use diesel::connection::SimpleConnection as _;

use super::app::{self, App};
use super::postgres;

/// A test's own database; it goes with it.
pub enum Database {
    Sqlite,
    Postgres(postgres::Database),
}

impl Database {
    /// The URL, as `ROLLCALL_DATABASE_URL` takes it; none: the file in the data folder.
    pub fn url(&self) -> Option<&str> {
        match self {
            Self::Sqlite => None,
            Self::Postgres(database) => Some(&database.url),
        }
    }
}

/// The populated SQLite file. It is kept in memory: nothing is left behind when the process ends.
pub fn sqlite_template() -> &'static [u8] {
    static TEMPLATE: OnceLock<Vec<u8>> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let folder = tempfile::tempdir().expect("no temporary folder");
        let app = App::new(Database::Sqlite, folder.path().to_owned(), |_| {});
        app::block_on(app.populate());
        // Whatever still holds a connection for a moment keeps what was written out of the file.
        let mut connection = app.state.services.pool.get().expect("no connection");
        connection
            .batch_execute("PRAGMA wal_checkpoint(TRUNCATE)")
            .expect("the file is not complete");
        drop(connection);
        app.stop();
        std::fs::read(folder.path().join("rollcall.sqlite")).expect("no template")
    })
}

/// The name of the populated PostgreSQL database, to be copied; none where there is no server.
pub fn postgres_template() -> Option<&'static str> {
    static TEMPLATE: OnceLock<Option<String>> = OnceLock::new();
    TEMPLATE
        .get_or_init(|| {
            let database = postgres::server()?.create_database(None);
            let name = database.name.clone();
            let folder = tempfile::tempdir().expect("no temporary folder");
            let app = App::new(
                Database::Postgres(database),
                folder.path().to_owned(),
                |_| {},
            );
            app::block_on(app.populate());
            app.stop_and_keep_database();
            Some(name)
        })
        .as_deref()
}

/// How many migrations `sqlite` or `postgres` has: those of both databases, and its own.
pub fn migrations(database: &str) -> usize {
    let count = |folder: &str| std::fs::read_dir(folder).expect("no migrations").count();
    count("migrations/portable") + count(&format!("migrations/{database}"))
}

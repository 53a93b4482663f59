//! A copy of the embedded database while it is in use.

use diesel::prelude::*;
use diesel::sql_types::Text;

use super::Connection;
use super::pool::make_private;
use crate::domain::database_url::DatabaseUrl;
use crate::error::{Code, Error, Result};

/// Copies the embedded database into a new file: whole, as of one moment, while others go on writing
/// (SQLite's `VACUUM INTO`).
///
/// # Errors
/// A database that is not the embedded one, and a file that is there already or cannot be written.
pub fn copy_into(connection: &mut Connection, path: &str) -> Result<()> {
    match connection {
        Connection::Sqlite(sqlite) => {
            // SQLite fills an empty file, and would make its own readable by others.
            make_private(path);
            diesel::sql_query("VACUUM INTO ?")
                .bind::<Text, _>(path)
                .execute(sqlite)?;
            Ok(())
        }
        Connection::Postgres(_) => Err(not_embedded()),
    }
}

/// Refuses a database that this is not for, before anything is asked of it.
///
/// # Errors
/// `validation_failed`, in words for whoever asks for a back-up.
pub fn require_embedded(url: &DatabaseUrl) -> Result<()> {
    match url {
        DatabaseUrl::Sqlite(_) => Ok(()),
        DatabaseUrl::Postgres(_) => Err(not_embedded()),
    }
}

fn not_embedded() -> Error {
    let detail = "this is for the embedded database: back PostgreSQL up with pg_dump, and the keys with it \
                  (docs/operations.md)";
    Error::refused(Code::ValidationFailed, detail)
}

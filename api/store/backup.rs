//! A copy of the embedded database while it is in use.

use diesel::prelude::*;
use diesel::sql_types::Text;

use super::Connection;
use super::pool::make_private;
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
        Connection::Postgres(_) => {
            let detail = "this is for the embedded database: back PostgreSQL up with pg_dump, and the keys with it \
                          (docs/operations.md)";
            Err(Error::refused(Code::ValidationFailed, detail))
        }
    }
}

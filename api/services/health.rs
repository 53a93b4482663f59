//! What whoever runs the server asks of the database.

use super::unit_of_work::UnitOfWork;
use crate::error::{Error, Result};
use crate::store::{imports, mails, migrations};

/// The work that the database holds for the workers.
pub struct Backlog {
    pub unfinished_imports: i64,
    pub unsent_mails: i64,
}

/// Refuses a database whose schema is not this version's.
///
/// # Errors
/// `unavailable`.
pub fn require_current_schema(tx: &mut UnitOfWork<'_>) -> Result<()> {
    if migrations::is_current(tx.connection)? {
        return Ok(());
    }
    let cause = "the schema of the database is not this version's";
    Err(Error::unavailable(cause))
}

/// Counts the work that is not done yet.
pub fn backlog(tx: &mut UnitOfWork<'_>) -> Result<Backlog> {
    Ok(Backlog {
        unfinished_imports: imports::unfinished(tx.connection)?,
        unsent_mails: mails::unsent(tx.connection)?,
    })
}

//! What whoever runs the server asks of the database.

use super::unit_of_work::UnitOfWork;
use crate::error::{Error, Result};
use crate::store::jobs::{self, DueJobs};
use crate::store::migrations::SchemaVersion;
use crate::store::{self, copied_tables, imports, mails, migrations};
use crate::telemetry::DueQueue;

/// The work that the database holds for the workers.
pub struct Backlog {
    pub unfinished_imports: i64,
    pub unsent_mails: i64,
    pub queues: Vec<DueQueue>,
}

/// Refuses a database that takes no changes, whose schema is not this version's, that a copy goes on into, or
/// that was copied into another one. It changes nothing.
///
/// # Errors
/// `unavailable`.
pub fn require_ready(tx: &mut UnitOfWork<'_>) -> Result<()> {
    if store::is_read_only(tx.connection)? {
        return Err(Error::unavailable("the database takes no changes"));
    }
    match migrations::version(tx.connection)? {
        SchemaVersion::Current => copied_tables::require_served(tx.connection),
        SchemaVersion::Older | SchemaVersion::Newer(_) => {
            let cause = "the schema of the database is not this version's";
            Err(Error::unavailable(cause))
        }
    }
}

/// Counts the work that is not done yet.
pub fn backlog(tx: &mut UnitOfWork<'_>) -> Result<Backlog> {
    Ok(Backlog {
        unfinished_imports: imports::unfinished(tx.connection)?,
        unsent_mails: mails::unsent(tx.connection)?,
        queues: queues(tx)?,
    })
}

fn queues(tx: &mut UnitOfWork<'_>) -> Result<Vec<DueQueue>> {
    let now = tx.now();
    let due = jobs::due(tx.connection, now)?;
    let queue_of = |jobs: DueJobs| DueQueue {
        kind: jobs.kind.to_string(),
        priority: jobs.priority.to_string(),
        jobs: jobs.count,
        oldest: now.since(jobs.since),
    };
    Ok(due.into_iter().map(queue_of).collect())
}

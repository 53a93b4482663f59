//! One transaction for one fact.

use diesel::SqliteConnection;
use diesel::connection::{AnsiTransactionManager, TransactionManager};

use super::Connection;
use crate::error::{Error, Result};

/// Runs `work` in one write transaction: committed if it succeeds, undone if it does not.
///
/// On SQLite it begins `IMMEDIATE`, so that a transaction which reads first never finds, when it
/// writes, that another was faster. Within a transaction it opens a savepoint.
pub fn transaction<T>(
    connection: &mut Connection,
    work: impl FnOnce(&mut Connection) -> Result<T>,
) -> Result<T> {
    begin(connection)?;
    match work(connection) {
        Ok(value) => {
            commit(connection)?;
            Ok(value)
        }
        Err(error) => {
            undo_failed(connection);
            Err(error)
        }
    }
}

/// What a part of a transaction comes to: what it changed stays, or is undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt<K, U> {
    Keep(K),
    Undo(U),
}

/// Runs `work` as [`transaction`] does, and undoes it without an error where it says so.
pub fn attempt<K, U>(
    connection: &mut Connection,
    work: impl FnOnce(&mut Connection) -> Result<Attempt<K, U>>,
) -> Result<Attempt<K, U>> {
    begin(connection)?;
    let came_to = work(connection);
    match &came_to {
        Ok(Attempt::Keep(_)) => commit(connection)?,
        Ok(Attempt::Undo(_)) => roll_back(connection)?,
        Err(_) => undo_failed(connection),
    }
    came_to
}

/// The error of the work tells more than that of its end.
fn undo_failed(connection: &mut Connection) {
    if let Err(undone) = roll_back(connection) {
        tracing::warn!(error = %undone, "a transaction could not be rolled back");
    }
}

/// Whether a transaction is open: what is written now ends with it.
pub fn is_open(connection: &mut Connection) -> Result<bool> {
    match connection {
        Connection::Sqlite(sqlite) => is_inside(sqlite),
        Connection::Postgres(postgres) => is_inside(postgres),
    }
}

fn begin(connection: &mut Connection) -> Result<()> {
    match connection {
        Connection::Sqlite(sqlite) => begin_immediate(sqlite)?,
        Connection::Postgres(postgres) => AnsiTransactionManager::begin_transaction(postgres)?,
    }
    Ok(())
}

fn begin_immediate(sqlite: &mut SqliteConnection) -> Result<()> {
    if is_inside(sqlite)? {
        AnsiTransactionManager::begin_transaction(sqlite)?;
    } else {
        AnsiTransactionManager::begin_transaction_sql(sqlite, "BEGIN IMMEDIATE")?;
    }
    Ok(())
}

fn is_inside<C>(connection: &mut C) -> Result<bool>
where
    C: diesel::Connection<TransactionManager = AnsiTransactionManager>,
{
    let status = AnsiTransactionManager::transaction_manager_status_mut(connection);
    Ok(status.transaction_depth()?.is_some())
}

fn commit(connection: &mut Connection) -> Result<()> {
    match connection {
        Connection::Sqlite(sqlite) => AnsiTransactionManager::commit_transaction(sqlite)?,
        Connection::Postgres(postgres) => AnsiTransactionManager::commit_transaction(postgres)?,
    }
    Ok(())
}

fn roll_back(connection: &mut Connection) -> Result<()> {
    match connection {
        Connection::Sqlite(sqlite) => AnsiTransactionManager::rollback_transaction(sqlite)?,
        Connection::Postgres(postgres) => AnsiTransactionManager::rollback_transaction(postgres)?,
    }
    Ok(())
}

/// Whether PostgreSQL's words tell that it has resolved a deadlock against us (`deadlock_detected`, 40P01).
pub(super) fn is_deadlock(message: &str) -> bool {
    message.contains("deadlock detected")
}

/// Whether a database's words tell of a passing state: a lock that stayed, a server that is starting or stopping.
/// Neither client library gives diesel a kind for these.
pub(super) fn is_passing(message: &str) -> bool {
    const PASSING: [&str; 6] = [
        "database is locked",
        "the database system is",
        "terminating connection",
        "server closed the connection",
        "no connection to the server",
        "could not connect to server",
    ];
    PASSING.iter().any(|words| message.contains(words))
}

/// Runs `work` again, a few times, while what stops it is passing; for background work that nobody
/// waits for.
pub fn with_retries<T>(mut work: impl FnMut() -> Result<T>) -> Result<T> {
    const TRIES: u32 = 5;
    let mut pause = std::time::Duration::from_millis(50);
    for _ in 1..TRIES {
        match work() {
            Err(Error::Unavailable(cause) | Error::Conflict(cause) | Error::Deadlock(cause)) => {
                tracing::warn!(%cause, "trying again");
                std::thread::sleep(pause);
                pause = pause.saturating_mul(3);
            }
            ended => return ended,
        }
    }
    work()
}

/// Runs a whole transaction again, a few times, where another one was faster: it sees what that has done, or has what
/// both waited for, so that nobody has to pause.
pub fn repeat_on_conflict<T>(mut transaction: impl FnMut() -> Result<T>) -> Result<T> {
    const TRIES: u32 = 5;
    for _ in 1..TRIES {
        match transaction() {
            Err(Error::Conflict(cause) | Error::Deadlock(cause)) => {
                tracing::warn!(%cause, "running a transaction again");
            }
            ended => return ended,
        }
    }
    transaction()
}

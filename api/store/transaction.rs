//! One transaction for one fact.

use std::time::{Duration, Instant};

use diesel::connection::{AnsiTransactionManager, SimpleConnection as _, TransactionManager};
use diesel::{PgConnection, QueryResult, SqliteConnection};
use tracing::Span;

use super::Connection;
use crate::error::{Error, Result};

/// Runs `work` in one write transaction: committed if it succeeds, undone if it does not.
///
/// On SQLite it begins `IMMEDIATE`, so that a transaction which reads first never finds, when it
/// writes, that another was faster. On PostgreSQL it begins with bounds that the database keeps. Within a
/// transaction it opens a savepoint.
pub fn transaction<T>(
    connection: &mut Connection,
    work: impl FnOnce(&mut Connection) -> Result<T>,
) -> Result<T> {
    let _span = span(connection).entered();
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
    let _span = span(connection).entered();
    begin(connection)?;
    let came_to = work(connection);
    match &came_to {
        Ok(Attempt::Keep(_)) => commit(connection)?,
        Ok(Attempt::Undo(_)) => roll_back(connection)?,
        Err(_) => undo_failed(connection),
    }
    came_to
}

/// Bounds that PostgreSQL keeps for a transaction, whatever becomes of us: it ends the transaction of a
/// process that was frozen or whose machine vanished, and so frees the rows that others wait for before these
/// give up. A statement has less than the minute of a request. They come with `BEGIN`, so that they hold behind a
/// pooler in transaction mode, which gives each transaction another connection.
///
/// Source: `docs/deployment.md#waits`.
const BOUNDS: [&str; 3] = [
    "lock_timeout = '5s'",
    "statement_timeout = '45s'",
    "idle_in_transaction_session_timeout = '3s'",
];

/// Puts the same bounds on statements outside of transactions, for as long as the connection is the
/// same.
pub(super) fn bound_session(postgres: &mut PgConnection) -> QueryResult<()> {
    let bounds = BOUNDS.map(|bound| format!("SET {bound}"));
    postgres.batch_execute(&bounds.join("; "))
}

/// Takes the bounds off the transaction: for migrations, which take as long as they take.
pub(super) fn lift_bounds(postgres: &mut PgConnection) -> Result<()> {
    postgres.batch_execute(
        "SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0; \
         SET LOCAL idle_in_transaction_session_timeout = 0",
    )?;
    Ok(())
}

/// Has the transaction wait for a lock for at most so long, where the database can be told.
pub fn wait_for_locks_at_most(connection: &mut Connection, most: Duration) -> Result<()> {
    match connection {
        Connection::Sqlite(_) => {}
        Connection::Postgres(postgres) => {
            let most = most.as_millis();
            postgres.batch_execute(&format!("SET LOCAL lock_timeout = {most}"))?;
        }
    }
    Ok(())
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

/// The span of a transaction; a savepoint within one has none of its own.
fn span(connection: &mut Connection) -> Span {
    match is_open(connection) {
        Ok(false) => tracing::debug_span!("transaction"),
        Ok(true) | Err(_) => Span::none(),
    }
}

fn begin(connection: &mut Connection) -> Result<()> {
    match connection {
        Connection::Sqlite(sqlite) => begin_immediate(sqlite)?,
        Connection::Postgres(postgres) => begin_bounded(postgres)?,
    }
    Ok(())
}

fn begin_bounded(postgres: &mut PgConnection) -> Result<()> {
    if is_inside(postgres)? {
        AnsiTransactionManager::begin_transaction(postgres)?;
    } else {
        let bounds = BOUNDS.map(|bound| format!("; SET LOCAL {bound}"));
        let begin = format!("BEGIN{}", bounds.concat());
        AnsiTransactionManager::begin_transaction_sql(postgres, &begin)?;
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

/// Whether a database's words tell of a passing state: a lock that stayed, a bound that was reached, a disk
/// that is full or not to be written, a server that is starting or stopping. Neither client library gives
/// diesel a kind for these.
pub(super) fn is_passing(message: &str) -> bool {
    const PASSING: [&str; 16] = [
        "database is locked",
        "canceling statement due to",
        "database or disk is full",
        "attempt to write a readonly database",
        "unable to open database file",
        "disk I/O error",
        "No space left on device",
        "could not extend file",
        "remaining connection slots are reserved",
        "too many clients already",
        "too many connections for",
        "the database system is",
        "terminating connection",
        "server closed the connection",
        "no connection to the server",
        "could not connect to server",
    ];
    PASSING.iter().any(|words| message.contains(words))
}

/// Runs `work` again, a few times within a few seconds, while what stops it is passing; for background
/// work that nobody waits for.
pub fn with_retries<T>(mut work: impl FnMut() -> Result<T>) -> Result<T> {
    const TRIES: u32 = 5;
    const FOR_AT_MOST: Duration = Duration::from_secs(4);
    let started = Instant::now();
    let mut pause = Duration::from_millis(50);
    for _ in 1..TRIES {
        match work() {
            Err(Error::Unavailable(cause) | Error::Conflict(cause) | Error::Deadlock(cause))
                if started.elapsed() < FOR_AT_MOST =>
            {
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

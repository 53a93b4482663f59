//! A pooler that gives each transaction another connection to PostgreSQL, and whether it keeps the prepared
//! statements of its clients apart.
//!
//! One that does not hands a client's `EXECUTE` to a connection where another client's statement has the same
//! name: the query fails, or is answered with rows of another.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::Error as Diesel;
use diesel::sql_types::{Integer, Text};
use diesel::{PgConnection, QueryResult, RunQueryDsl};
use uuid::Uuid;

use crate::error::{Error, Result};

/// What diesel begins the names of its prepared statements with. A pooler that keeps them apart gives them
/// names of its own, so that no error of PostgreSQL names one of these.
const NAME_OF_STATEMENT: &str = "__diesel_stmt_";

/// What to do about it, for whoever runs the server.
pub const MIXED_UP: &str = "the pooler in front of it mixes up prepared statements: a query may be answered with rows \
     of another. Have it keep them apart (PgBouncer from version 1.21 on, with max_prepared_statements above 0), \
     or set ROLLCALL_DATABASE_PREPARED_STATEMENTS=unnamed";

/// Whether an error tells that a prepared statement is not the one that was prepared under its name.
pub(super) fn is_mix_up(error: &Diesel) -> bool {
    match error {
        Diesel::DatabaseError(_, told) => told.message().contains(NAME_OF_STATEMENT),
        _ => false,
    }
}

/// What is between this process and PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// Each client has a connection of its own.
    None,
    /// Each transaction may have another one, and statements are kept apart.
    ByTransaction,
    /// As before, and statements are mixed up.
    MixedUp,
}

/// Finds out what is in between, by two connections that `open` makes: while one holds the connection to the
/// server in a transaction, the other repeats a statement that it has prepared there.
///
/// # Errors
/// `unavailable` where the database is away.
pub fn probe(open: impl Fn() -> Result<PgConnection>) -> Result<Pooling> {
    /// One round is enough unless the pooler hands its connections out in turn.
    const ROUNDS: u32 = 3;
    let (mut asking, mut holding) = (open()?, open()?);
    let question = WhichServer::new();
    let Some(server) = question.ask(&mut asking)? else {
        return Ok(Pooling::MixedUp);
    };
    for _ in 0..ROUNDS {
        holding.batch_execute(HOLD)?;
        let answer = question.ask(&mut asking)?;
        // The database may have ended it, where the pooler has one connection for both.
        drop(holding.batch_execute("ROLLBACK"));
        match answer {
            None => return Ok(Pooling::MixedUp),
            Some(other) if other != server => return Ok(Pooling::ByTransaction),
            Some(_) => {}
        }
    }
    Ok(Pooling::None)
}

/// Begins a transaction that the database ends by itself where the other connection waits for it.
const HOLD: &str = "BEGIN; SET LOCAL idle_in_transaction_session_timeout = '1s'";

/// Asks for the number of the server's process, in words that no other statement has.
struct WhichServer {
    nonce: String,
}

impl WhichServer {
    fn new() -> Self {
        let nonce = Uuid::now_v7().to_string();
        Self { nonce }
    }

    /// The number; none where another statement was executed, or no statement.
    fn ask(&self, connection: &mut PgConnection) -> Result<Option<i32>> {
        let answer: QueryResult<(i32, String)> = self.get_result(connection);
        match answer {
            Ok((server, nonce)) => Ok((nonce == self.nonce).then_some(server)),
            Err(Diesel::DeserializationError(_) | Diesel::NotFound) => Ok(None),
            Err(error) if is_mix_up(&error) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

impl QueryId for &WhichServer {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl QueryFragment<Pg> for &WhichServer {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT pg_backend_pid(), '");
        out.push_sql(&self.nonce);
        out.push_sql("'::text");
        Ok(())
    }
}

impl Query for &WhichServer {
    type SqlType = (Integer, Text);
}

impl RunQueryDsl<PgConnection> for &WhichServer {}

/// Whether statements were mixed up since they were last found to be kept apart: a pooler may be set anew
/// while a server runs.
#[derive(Default)]
pub(super) struct MixUps {
    seen: AtomicBool,
    last_probe: Mutex<Option<Instant>>,
}

/// Until it is asked again whether statements are kept apart; meanwhile nothing is.
const PROBE_AGAIN_AFTER: Duration = Duration::from_secs(2);

impl MixUps {
    /// Notes that a statement was mixed up.
    pub(super) fn note(&self) {
        self.seen.store(true, Ordering::Release);
    }

    /// Refuses while statements are mixed up: what would be read may be of somebody else, and what would be
    /// written may be something else. `probe` is asked now and then whether it is over.
    pub(super) fn require_none(&self, probe: impl FnOnce() -> Result<Pooling>) -> Result<()> {
        if !self.seen.load(Ordering::Acquire) {
            return Ok(());
        }
        if self.is_time_to_probe() && probe()? != Pooling::MixedUp {
            self.seen.store(false, Ordering::Release);
            return Ok(());
        }
        Err(Error::unavailable(MIXED_UP))
    }

    fn is_time_to_probe(&self) -> bool {
        let mut last = self
            .last_probe
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let is_time = last.is_none_or(|last| last.elapsed() >= PROBE_AGAIN_AFTER);
        if is_time {
            *last = Some(Instant::now());
        }
        is_time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_asked_until_a_statement_was_mixed_up_and_then_seldom() {
        let mix_ups = MixUps::default();
        mix_ups.require_none(|| unreachable!("not asked")).unwrap();
        mix_ups.note();
        let told = mix_ups
            .require_none(|| Ok(Pooling::MixedUp))
            .unwrap_err()
            .to_string();
        assert!(
            told.contains("ROLLCALL_DATABASE_PREPARED_STATEMENTS"),
            "{told}"
        );
        mix_ups
            .require_none(|| unreachable!("asked just now"))
            .unwrap_err();
        *mix_ups.last_probe.lock().unwrap() = None;
        mix_ups.require_none(|| Ok(Pooling::ByTransaction)).unwrap();
        mix_ups.require_none(|| unreachable!("it is over")).unwrap();
    }
}

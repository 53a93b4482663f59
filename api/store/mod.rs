//! The only layer that uses diesel: tables, queries, and everything that differs between SQLite and
//! PostgreSQL.
//!
//! A query for what a request names takes the connection, then the organization's id, so that it reads
//! that organization's data only. What hangs on a row that was found so is read by that row's id.

pub mod access;
pub mod account_deletion;
pub mod account_passwords;
pub mod accounts;
pub mod affiliations;
pub mod api_keys;
pub mod apps;
pub mod audit_events;
mod backend;
pub mod backup;
pub mod connection;
pub mod copied_tables;
pub mod copy;
pub mod diagnoses;
pub mod domains;
pub mod emergency_admins;
pub mod fetched_documents;
pub mod flows;
pub mod generated_addresses;
pub mod grants;
pub mod group_members;
pub mod groups;
pub mod idempotency_keys;
pub mod identities;
pub mod identity_claims;
pub mod import_outcomes;
pub mod import_rows;
pub mod import_staging;
pub mod imports;
pub mod inspection;
pub mod invitations;
pub mod invite_code_draws;
pub mod invite_code_uses;
pub mod invite_codes;
pub mod job_turns;
pub mod jobs;
pub mod join_requests;
pub mod known_networks;
pub mod mailed_tokens;
pub mod mails;
pub mod managed_accounts;
mod member_candidates;
mod member_conditions;
mod member_filter;
mod member_grams;
pub mod member_list;
mod member_order;
pub mod memberships;
pub mod migrations;
pub mod operators;
pub mod organizations;
pub mod page;
pub mod pending_groups;
pub mod pending_joins;
pub mod pending_links;
mod planner;
pub mod pool;
pub mod pooler;
pub mod rate_limits;
pub mod removed_members;
mod row_value;
pub mod schema;
pub mod sealed_values;
pub mod seats;
pub mod session_proofs;
pub mod sessions;
pub mod setup_links;
mod sql_expression;
pub mod sql_types;
pub mod sso_connections;
pub mod transaction;

pub use connection::AnyConnection as Connection;
pub use page::Page;
pub use pool::Pool;
pub use transaction::{Attempt, attempt, transaction};

use diesel::RunQueryDsl as _;
use diesel::result::{DatabaseErrorKind, Error as Diesel};

use crate::error::{Error, Result};

/// How many rows one statement writes: it takes only so many values.
pub const ROWS_AT_ONCE: usize = 500;

impl From<Diesel> for Error {
    fn from(error: Diesel) -> Self {
        match error {
            // What the row refers to has been deleted at the same moment.
            Diesel::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, _) => {
                Self::conflict(error)
            }
            // The database is away or takes no changes.
            Diesel::DatabaseError(
                DatabaseErrorKind::ClosedConnection
                | DatabaseErrorKind::UnableToSendCommand
                | DatabaseErrorKind::ReadOnlyTransaction,
                _,
            )
            | Diesel::BrokenTransactionManager => Self::unavailable(error),
            Diesel::DatabaseError(DatabaseErrorKind::SerializationFailure, _) => {
                Self::deadlock(error)
            }
            Diesel::DatabaseError(_, ref information)
                if transaction::is_deadlock(information.message()) =>
            {
                Self::deadlock(error)
            }
            Diesel::DatabaseError(_, ref information)
                if transaction::is_passing(information.message()) =>
            {
                Self::unavailable(error)
            }
            ref mixed_up if pooler::is_mix_up(mixed_up) => Self::unavailable(error),
            other => Self::internal(other),
        }
    }
}

#[derive(diesel::QueryableByName)]
struct Setting {
    #[diesel(sql_type = diesel::sql_types::Text)]
    value: String,
}

/// Whether the database takes no changes: a standby, or one that was set so. A file that cannot be written
/// tells that itself.
pub fn is_read_only(connection: &mut Connection) -> Result<bool> {
    match connection {
        Connection::Sqlite(_) => Ok(false),
        Connection::Postgres(postgres) => {
            let select = "SELECT current_setting('transaction_read_only') AS value";
            let setting: Setting = diesel::sql_query(select).get_result(postgres)?;
            Ok(setting.value == "on")
        }
    }
}

/// Whether this came of a lock that stayed longer than anybody waits for it.
pub fn is_lock_timeout(error: &Error) -> bool {
    match error {
        Error::Unavailable(cause) => {
            let told = cause.to_string();
            told.contains("due to lock timeout") || told.contains("database is locked")
        }
        Error::Refused(_) | Error::Conflict(_) | Error::Deadlock(_) | Error::Internal(_) => false,
    }
}

/// Whether an insert or update met a row that is there already. SQLite does not name the constraint,
/// so the caller, who knows what it wrote, names the conflict.
fn is_duplicate(error: &Diesel) -> bool {
    matches!(
        error,
        Diesel::DatabaseError(DatabaseErrorKind::UniqueViolation, _)
    )
}

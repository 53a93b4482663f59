//! Imports: many accounts from one file or list (PRODUCT 3.6 and 3.7).
//!
//! | step | file | what it does |
//! |---|---|---|
//! | the rows | [`from_csv`], [`from_usernames`] | read a stream or a list, judge each row |
//! | the arrival | [`staging`] | keeps the rows, sealed |
//! | its end | [`submission`] | reserves seats and queues, or refuses all |
//! | the queue | `batches` | its batches as jobs, one import of an organization at a time |
//! | the work | [`execution`] | one batch, under a lease |
//! | the accounts | `creation` | addresses, accounts and outcomes together |
//! | the end | `completion`, `notice` | gives seats back, all or nothing, a mail to whoever made it |
//! | the results | [`results`] | `userlist.csv`, `errors.csv`, their end |
//!
//! What keeps every row at exactly one outcome, whatever dies when, is one rule: a row's outcome and
//! its account are written in the same transaction, and that transaction holds only while the lease
//! of the batch does.

mod batches;
mod completion;
mod creation;
pub mod execution;
pub mod from_csv;
pub mod from_usernames;
mod notice;
pub mod results;
mod sealed_row;
pub mod staging;
pub mod submission;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use serde_json::json;

use super::act::Act;
use super::audit::{self, Event, Subject};
use super::authorization::{ManageImports, Permit};
use crate::crypto::sealing::SealingKeys;
use crate::domain::audit::AuditAction;
use crate::domain::ids::ImportId;
use crate::domain::imports::{RowError, RowOutcome};
use crate::domain::jobs::JobKind;
use crate::error::{Code, Error, Result};
use crate::store::import_rows::{ImportRow, Which};
use crate::store::imports::Import;
use crate::store::{
    Connection, groups, import_outcomes, import_rows, imports, jobs, seats, transaction,
};

/// An import with what has become of its rows so far.
pub struct ImportWithCounts {
    pub import: Import,
    pub by_outcome: BTreeMap<RowOutcome, i64>,
}

impl ImportWithCounts {
    /// Rows that became accounts.
    pub fn created(&self) -> i64 {
        self.by_outcome
            .get(&RowOutcome::Created)
            .copied()
            .unwrap_or(0)
    }

    /// Rows that have an outcome.
    pub fn ended(&self) -> i64 {
        self.by_outcome.values().sum()
    }

    /// Rows that ended in an error: neither created nor cancelled.
    pub fn failed(&self) -> i64 {
        let cancelled = self
            .by_outcome
            .get(&RowOutcome::Cancelled)
            .copied()
            .unwrap_or(0);
        self.ended() - self.created() - cancelled
    }

    /// Rows that are done with: ended, or waiting hashed for an all-or-nothing end.
    pub fn processed(&self) -> i64 {
        if self.import.status.is_finished() {
            return self.ended();
        }
        self.ended() + self.import.rows_prepared
    }
}

/// Refuses those who import into groups that they manage, and manage none.
///
/// # Errors
/// `forbidden`.
pub fn require_any_reach(
    connection: &mut Connection,
    permit: &Permit<ManageImports>,
) -> Result<()> {
    match permit.restricted_to_manager() {
        Some(holder)
            if groups::managed_by(connection, permit.organization.id, holder)?.is_empty() =>
        {
            Err(Error::forbidden(
                "Only admins and the managers of a group import people.",
            ))
        }
        _ => Ok(()),
    }
}

/// One import.
///
/// # Errors
/// `not_found`.
pub fn find(
    connection: &mut Connection,
    permit: &Permit<ManageImports>,
    id: ImportId,
) -> Result<ImportWithCounts> {
    let import = load(connection, permit, id)?;
    with_counts(connection, vec![import])?
        .pop()
        .ok_or_else(no_such_import)
}

/// A page of imports, the newest first.
pub fn list(
    connection: &mut Connection,
    permit: &Permit<ManageImports>,
    before: Option<ImportId>,
    limit: i64,
) -> Result<Vec<ImportWithCounts>> {
    let (organization, manager) = (permit.organization.id, permit.restricted_to_manager());
    let page = imports::list(connection, organization, manager, before, limit)?;
    with_counts(connection, page)
}

fn with_counts(connection: &mut Connection, page: Vec<Import>) -> Result<Vec<ImportWithCounts>> {
    let ids: Vec<_> = page.iter().map(|import| import.id).collect();
    let mut counts: HashMap<ImportId, BTreeMap<RowOutcome, i64>> = HashMap::new();
    for (id, outcome, count) in import_outcomes::of_imports(connection, &ids)? {
        counts.entry(id).or_default().insert(outcome, count);
    }
    Ok(page
        .into_iter()
        .map(|import| ImportWithCounts {
            by_outcome: counts.remove(&import.id).unwrap_or_default(),
            import,
        })
        .collect())
}

fn load(
    connection: &mut Connection,
    permit: &Permit<ManageImports>,
    id: ImportId,
) -> Result<Import> {
    let (organization, manager) = (permit.organization.id, permit.restricted_to_manager());
    imports::find(connection, organization, id, manager)?.ok_or_else(no_such_import)
}

/// A page of an import's rows in the file's order, without their passwords.
///
/// # Errors
/// `not_found`.
pub fn rows(
    connection: &mut Connection,
    permit: &Permit<ManageImports>,
    keys: &SealingKeys,
    query: &RowQuery,
) -> Result<Vec<ImportRow>> {
    let import = load(connection, permit, query.import)?;
    let mut rows = import_rows::list(connection, import.id, query.which, query.after, query.limit)?;
    for row in &mut rows {
        sealed_row::show_given(row, keys)?;
    }
    Ok(rows)
}

/// Which rows of an import.
#[derive(Clone, Copy, Debug)]
pub struct RowQuery {
    pub import: ImportId,
    pub which: Which,
    /// The number of the last row of the page before; 0 for the first page.
    pub after: i64,
    pub limit: i64,
}

/// Stops an import at once: a batch that is being hashed is not written any more. What was created
/// stays, every other row ends as `cancelled`, and the reserved seats are free again.
///
/// # Errors
/// `import_finished` where it has ended already, `not_found`.
pub fn cancel(
    connection: &mut Connection,
    permit: &Permit<ManageImports>,
    id: ImportId,
    results_lifetime: Duration,
) -> Result<ImportWithCounts> {
    let act = &permit.act;
    let organization = permit.organization.id;
    transaction(connection, |connection| {
        // Whether the caller sees it comes before whether it can be cancelled.
        load(connection, permit, id)?;
        let expiry = act.at.plus(results_lifetime);
        if !imports::cancel(connection, organization, id, act.at, expiry)? {
            let import = load(connection, permit, id)?;
            return Err(finished_already(&import));
        }
        let import = load(connection, permit, id)?;
        end_pending(connection, &import, &RowError::new(RowOutcome::Cancelled))?;
        release_seats(connection, &import)?;
        jobs::delete(connection, JobKind::ImportBatch, batches::subject_of(id))?;
        batches::queue_next(connection, organization, act.at)?;
        record_end(connection, act, &import, AuditAction::ImportCancelled)
    })?;
    find(connection, permit, id)
}

fn finished_already(import: &Import) -> Error {
    Error::refused(
        Code::ImportFinished,
        format!("This import has ended already: it is {}.", import.status),
    )
}

/// Ends every row that has no outcome yet with this one.
fn end_pending(connection: &mut Connection, import: &Import, error: &RowError) -> Result<()> {
    let ended = import_rows::fail_pending(connection, import.id, error)?;
    let ended = i64::try_from(ended).map_err(Error::internal)?;
    import_outcomes::add(connection, import.id, &[(error.outcome, ended)])
}

/// Frees what the import has reserved and not used; its row is locked by the transaction.
fn release_seats(connection: &mut Connection, import: &Import) -> Result<()> {
    let left = import.seats_reserved;
    seats::release_reserved(
        connection,
        import.organization_id,
        import.account_type,
        left,
    )?;
    imports::move_reserved(connection, import.id, -left)
}

fn record_end(
    connection: &mut Connection,
    act: &Act,
    import: &Import,
    action: AuditAction,
) -> Result<()> {
    let counts = import_outcomes::of_imports(connection, &[import.id])?;
    let counts: BTreeMap<_, _> = counts
        .into_iter()
        .map(|(_, outcome, count)| (outcome, count))
        .collect();
    let details =
        json!({ "status": import.status, "rows": import.rows_total, "by_outcome": counts });
    let subject = Subject::Import(import.id);
    let event = Event::within(import.organization_id, action, subject, details);
    audit::record(connection, act, event)
}

fn no_such_import() -> Error {
    Error::not_found("import")
}

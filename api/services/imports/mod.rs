//! Imports: many accounts from one file or list (`docs/imports.md`).
//!
//! | step | file | what it does |
//! |---|---|---|
//! | the rows | [`from_csv`], [`from_usernames`] | read a stream or a list, validate each row |
//! | the arrival | [`staging`] | stores the rows, sealed |
//! | its end | [`submission`] | reserves seats and queues, or refuses all |
//! | the queue | `batches` | its batches as jobs, one import of an organization at a time |
//! | the work | [`execution`], `maker` | one batch, under a lease, while its maker may still import so |
//! | the accounts | `creation` | addresses, accounts and outcomes together |
//! | the end | `completion`, `notice` | gives seats back, all or nothing, a mail to whoever made it |
//! | the results | [`results`] | `userlist.csv`, `errors.csv` |
//! | their end | [`retention`] | expired or discarded: what was sealed is erased |
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
mod maker;
mod notice;
pub mod results;
pub mod retention;
mod sealed_row;
pub mod staging;
pub mod submission;

use std::collections::{BTreeMap, HashMap};

pub use self::sealed_row::RowTexts;
pub(super) use self::sealed_row::place as place_of_row;
use super::authorization::{ManageImports, Permission, Permit, ReadImports};
use super::events;
use super::unit_of_work::UnitOfWork;
use crate::domain::events::{DomainEvent, ImportEvent, ImportSummary};
use crate::domain::ids::ImportId;
use crate::domain::imports::{ImportStatus, RowEnd, RowOutcome};
use crate::domain::row_error::RowError;
use crate::error::{Code, Error, Result};
use crate::store::import_rows::{self, ImportRow, RowQuery};
use crate::store::imports::{self, Import, ImportsQuery};
use crate::store::{groups, import_outcomes, seats};

/// An import with the outcomes of its rows so far.
pub struct ImportWithCounts {
    pub import: Import,
    pub by_outcome: BTreeMap<RowOutcome, i64>,
}

impl ImportWithCounts {
    /// Rows that became accounts.
    pub fn created(&self) -> i64 {
        self.count(RowEnd::Created)
    }

    /// Rows that were cancelled.
    pub fn cancelled(&self) -> i64 {
        self.count(RowEnd::Cancelled)
    }

    /// Rows that have an outcome.
    pub fn ended(&self) -> i64 {
        self.by_outcome.values().sum()
    }

    /// Rows that ended in an error: neither created nor cancelled.
    pub fn failed(&self) -> i64 {
        self.count(RowEnd::Failed)
    }

    /// Rows that are processed: ended, or hashed and waiting for an all-or-nothing end.
    pub fn processed(&self) -> i64 {
        if self.import.status.is_finished() {
            return self.ended();
        }
        self.ended() + self.import.rows_prepared
    }

    fn count(&self, end: RowEnd) -> i64 {
        let ended_so = self
            .by_outcome
            .iter()
            .filter(|(outcome, _)| outcome.end() == end);
        ended_so.map(|(_, count)| count).sum()
    }
}

/// Refuses staff who manage no group: they import only into groups that they manage.
///
/// # Errors
/// `forbidden`.
pub fn require_any_reach(tx: &mut UnitOfWork<'_>, permit: &Permit<ManageImports>) -> Result<()> {
    let Some(manager) = permit.restricted_to_manager() else {
        return Ok(());
    };
    if groups::managed_by(tx.connection, permit.organization.id, manager)?.is_empty() {
        return Err(Error::forbidden(
            "Only admins and the managers of a group import people.",
        ));
    }
    Ok(())
}

/// Finds one import.
///
/// # Errors
/// `not_found`.
pub fn find(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ReadImports>,
    id: ImportId,
) -> Result<ImportWithCounts> {
    let import = load(tx, permit, id)?;
    with_counts(tx, import)
}

/// Lists a page of imports, the newest first.
pub fn list(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ReadImports>,
    before: Option<ImportId>,
    limit: i64,
) -> Result<Vec<ImportWithCounts>> {
    let query = ImportsQuery {
        organization: permit.organization.id,
        manager: permit.restricted_to_manager(),
        before,
        limit,
    };
    let page = imports::list(tx.connection, &query)?;
    all_with_counts(tx, page)
}

fn with_counts(tx: &mut UnitOfWork<'_>, import: Import) -> Result<ImportWithCounts> {
    let counts = import_outcomes::of_imports(tx.connection, &[import.id])?;
    let counts = counts.into_iter();
    Ok(ImportWithCounts {
        import,
        by_outcome: counts.map(|(_, outcome, count)| (outcome, count)).collect(),
    })
}

fn all_with_counts(tx: &mut UnitOfWork<'_>, page: Vec<Import>) -> Result<Vec<ImportWithCounts>> {
    let ids: Vec<_> = page.iter().map(|import| import.id).collect();
    let mut counts: HashMap<ImportId, BTreeMap<RowOutcome, i64>> = HashMap::new();
    for (id, outcome, count) in import_outcomes::of_imports(tx.connection, &ids)? {
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

fn load<P: Permission>(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<P>,
    id: ImportId,
) -> Result<Import> {
    let (organization, manager) = (permit.organization.id, permit.restricted_to_manager());
    imports::find(tx.connection, organization, id, manager)?.ok_or_else(no_such_import)
}

/// A row as people see it.
pub struct RowView {
    pub row: ImportRow,
    pub texts: RowTexts,
}

/// Lists a page of an import's rows in the file's order, without their passwords.
///
/// # Errors
/// `not_found`.
pub fn rows(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ReadImports>,
    query: &RowQuery,
) -> Result<Vec<RowView>> {
    load(tx, permit, query.import)?;
    let rows = import_rows::list(tx.connection, query)?;
    let view = |row: ImportRow| {
        let texts = sealed_row::texts_of(&row, &tx.services.sealing)?;
        Ok(RowView { row, texts })
    };
    rows.into_iter().map(view).collect()
}

/// Stops an import at once: a batch that is being hashed is not written any more. What was created
/// stays, every other row ends as `cancelled`, and the reserved seats are free again.
///
/// # Errors
/// `import_finished` where it has ended already, `not_found`.
pub fn cancel(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageImports>,
    id: ImportId,
) -> Result<ImportWithCounts> {
    tx.transaction(|tx| {
        // `not_found` comes before `import_finished`.
        let seen = load(tx, permit, id)?;
        match end_as_cancelled(tx, &seen)? {
            Some(import) => with_counts(tx, import),
            None => Err(finished_already(load(tx, permit, id)?.status)),
        }
    })
}

/// Cancels what is left of an import; `None` where it has ended.
fn end_as_cancelled(tx: &mut UnitOfWork<'_>, seen: &Import) -> Result<Option<Import>> {
    let results_expire_at = tx.now().plus(tx.services.config.results_lifetime);
    let cancelled = imports::cancel(tx.connection, seen, tx.now(), results_expire_at)?;
    let Some(import) = cancelled else {
        return Ok(None);
    };
    end_pending(tx, &import, &RowError::new(RowOutcome::Cancelled))?;
    release_seats(tx, &import)?;
    batches::delete(tx, import.id)?;
    batches::queue_next(tx, import.organization_id)?;
    publish_end(tx, &import, ImportEvent::Cancelled)?;
    Ok(Some(import))
}

/// The refusal to cancel an import that has ended in this way.
pub fn finished_already(status: ImportStatus) -> Error {
    Error::refused(
        Code::ImportFinished,
        format!("This import has ended already: it is {status}."),
    )
}

/// Ends every row that has no outcome yet with this one.
fn end_pending(tx: &mut UnitOfWork<'_>, import: &Import, error: &RowError) -> Result<()> {
    let ended = import_rows::fail_pending(tx.connection, import.id, error)?;
    let ended = i64::try_from(ended).map_err(Error::internal)?;
    import_outcomes::add(tx.connection, import.id, &[(error.outcome, ended)])
}

/// Releases the seats that the import has reserved and not used; the transaction holds its row's lock.
fn release_seats(tx: &mut UnitOfWork<'_>, import: &Import) -> Result<()> {
    let left = import.seats_reserved;
    seats::release_reserved(
        tx.connection,
        import.organization_id,
        import.account_type,
        left,
    )?;
    imports::move_reserved(tx.connection, import.id, -left)
}

/// Publishes that an import has ended, and how.
fn publish_end(
    tx: &mut UnitOfWork<'_>,
    import: &Import,
    event: impl FnOnce(ImportSummary) -> ImportEvent,
) -> Result<()> {
    let ended = with_counts(tx, import.clone())?;
    let summary = ImportSummary {
        status: import.status,
        rows: import.rows_total,
        by_outcome: ended.by_outcome,
    };
    publish(tx, import, event(summary))
}

fn publish(tx: &mut UnitOfWork<'_>, import: &Import, event: ImportEvent) -> Result<()> {
    events::publish(
        tx,
        DomainEvent::Import {
            organization: import.organization_id,
            import: import.id,
            event,
        },
    )
}

fn no_such_import() -> Error {
    Error::not_found("import")
}

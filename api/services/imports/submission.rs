//! The end of the arrival: with all options known, the staged rows become an import that waits for a
//! worker, or one that has ended because there is nothing to do or all or nothing was asked for.

use serde_json::json;

use super::staging::Staged;
use super::{
    ImportWithCounts, batches, end_pending, no_such_import, notice, publish, publish_end,
    with_counts,
};
use crate::domain::events::ImportEvent;
use crate::domain::ids::{GroupId, OrganizationId};
use crate::domain::imports::{ImportStatus, OnRowError, OnSeatShortage, RowOutcome, StoredFailure};
use crate::domain::organization::AccountType;
use crate::domain::row_error::RowError;
use crate::error::{Code, Error, Result};
use crate::services::admission::require_account_type;
use crate::services::authorization::{ManageImports, Permit};
use crate::services::unit_of_work::UnitOfWork;
use crate::store::import_staging::{self, Accepted};
use crate::store::imports::Import;
use crate::store::sql_types::JsonColumn;
use crate::store::{groups, import_outcomes, import_rows, imports, seats};

/// What the sender asks of an import.
#[derive(Clone, Debug)]
pub struct Options {
    pub account_type: AccountType,
    pub groups: Vec<GroupId>,
    pub on_row_error: OnRowError,
    pub on_seat_shortage: OnSeatShortage,
    pub generate_missing_passwords: bool,
    pub must_change_password: bool,
}

/// Turns staged rows into an import.
///
/// # Errors
/// `account_type_not_in_kind`, `validation_failed` for an unknown group, `forbidden` where the sender
/// may not import so; `file_no_header` where passwords are needed and the file has no column of them.
pub fn submit(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageImports>,
    staged: &Staged,
    options: &Options,
) -> Result<ImportWithCounts> {
    require_password_column(staged, options)?;
    tx.transaction(|tx| submit_staged(tx, permit, staged, options))
}

/// As [`submit`], for rows that need no column of passwords, in the caller's transaction.
pub(super) fn submit_staged(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageImports>,
    staged: &Staged,
    options: &Options,
) -> Result<ImportWithCounts> {
    require_permitted_options(tx, permit, options)?;
    let import = accept(tx, permit, staged, options)?;
    batches::queue_next(tx, import.organization_id)?;
    notice::queue(tx, &import)?;
    with_counts(tx, import)
}

fn require_password_column(staged: &Staged, options: &Options) -> Result<()> {
    let detected = staged.layout.detected.as_ref();
    let has_column = detected.is_some_and(|detected| detected.columns.password.is_some());
    if options.generate_missing_passwords || has_column {
        return Ok(());
    }
    let alike = detected.map_or(&[][..], |detected| {
        detected.columns.unused_passwords.as_slice()
    });
    let hint = alike.first().map_or_else(String::new, |name| {
        let name: String = name.chars().take(40).collect();
        format!(" \"{name}\" looks like one: rename it, if it is.")
    });
    Err(Error::refused(
        Code::FileNoHeader,
        format!(
            "The header has no column for passwords.{hint} Add a column named `password`, or upload \
             again with `generate_missing_passwords`."
        ),
    ))
}

/// Refuses options that this organization cannot have, or that exceed the permit.
fn require_permitted_options(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageImports>,
    options: &Options,
) -> Result<()> {
    require_account_type(&permit.organization, options.account_type)?;
    permit.require_within_reach(tx.connection, &options.groups, options.account_type)
}

fn accept(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageImports>,
    staged: &Staged,
    options: &Options,
) -> Result<Import> {
    if options.generate_missing_passwords {
        import_rows::reopen(tx.connection, staged.import, RowOutcome::PasswordMissing)?;
    }
    let ended = ended_counts(staged, options);
    import_outcomes::add(tx.connection, staged.import, &ended)?;
    groups::insert_of_import(tx.connection, staged.import, &options.groups)?;
    let rows = Rows::of(staged, &ended);
    let decision = decide(tx, permit.organization.id, rows, options)?;
    let accepted = accepted(tx, staged, options, &decision)?;
    if !import_staging::accept(tx.connection, staged.import, &accepted)? {
        return Err(Error::not_found("organization"));
    }
    let import = imports::find(tx.connection, permit.organization.id, staged.import, None)?
        .ok_or_else(no_such_import)?;
    carry_out(tx, &import, &decision)?;
    Ok(import)
}

fn ended_counts(staged: &Staged, options: &Options) -> Vec<(RowOutcome, i64)> {
    let is_reopened =
        |outcome: RowOutcome| options.generate_missing_passwords && outcome.awaits_password();
    staged
        .counts
        .iter()
        .filter(|(outcome, _)| !is_reopened(**outcome))
        .map(|(outcome, count)| (*outcome, *count))
        .collect()
}

/// How many rows ended in an error while they arrived, and how many are good.
#[derive(Clone, Copy)]
struct Rows {
    bad: i64,
    good: i64,
}

impl Rows {
    fn of(staged: &Staged, ended: &[(RowOutcome, i64)]) -> Self {
        let bad = ended.iter().map(|(_, count)| count).sum();
        Self {
            bad,
            good: staged.rows - bad,
        }
    }
}

/// What happens to the good rows.
enum Decision {
    /// They wait for a worker, `seats` of them with a seat; the `short` ones behind end with `no_seat`.
    /// Without seats there is nothing to wait for.
    Queue { seats: i64, short: i64 },
    /// All or nothing was asked for, and there are bad rows.
    RefuseForErrors,
    /// All or nothing was asked for, and only `seats` of them would have a seat.
    RefuseForSeats { seats: i64 },
}

fn decide(
    tx: &mut UnitOfWork<'_>,
    organization: OrganizationId,
    rows: Rows,
    options: &Options,
) -> Result<Decision> {
    let whole_only = match options.on_row_error {
        OnRowError::Skip => false,
        OnRowError::RefuseAll => true,
    };
    if rows.bad > 0 && whole_only {
        return Ok(Decision::RefuseForErrors);
    }
    let seated_only = match options.on_seat_shortage {
        OnSeatShortage::Fill => whole_only,
        OnSeatShortage::RefuseAll => true,
    };
    let account_type = options.account_type;
    let seats = seats::reserve_up_to(tx.connection, organization, account_type, rows.good)?;
    if seats < rows.good && seated_only {
        seats::release_reserved(tx.connection, organization, account_type, seats)?;
        return Ok(Decision::RefuseForSeats { seats });
    }
    let short = rows.good - seats;
    Ok(Decision::Queue { seats, short })
}

fn accepted(
    tx: &UnitOfWork<'_>,
    staged: &Staged,
    options: &Options,
    decision: &Decision,
) -> Result<Accepted> {
    let (status, failure, seats) = match decision {
        Decision::Queue { seats: 0, .. } => (ImportStatus::Completed, None, 0),
        Decision::Queue { seats, .. } => (ImportStatus::Queued, None, *seats),
        Decision::RefuseForErrors => (ImportStatus::Failed, Some(StoredFailure::RowErrors), 0),
        Decision::RefuseForSeats { .. } => {
            (ImportStatus::Failed, Some(StoredFailure::SeatShortage), 0)
        }
    };
    let ended_at = status.is_finished().then_some(tx.now());
    let results_lifetime = tx.services.config.results_lifetime;
    Ok(Accepted {
        account_type: options.account_type,
        status,
        on_row_error: options.on_row_error,
        on_seat_shortage: options.on_seat_shortage,
        generate_missing_passwords: options.generate_missing_passwords,
        must_change_password: options.must_change_password,
        detected: staged.layout.detected_json()?,
        header: JsonColumn(json!(staged.layout.header)),
        rows_total: staged.rows,
        seats_reserved: seats,
        failure,
        created_at: tx.now(),
        finished_at: ended_at,
        results_expire_at: ended_at.map(|at| at.plus(results_lifetime)),
    })
}

fn carry_out(tx: &mut UnitOfWork<'_>, import: &Import, decision: &Decision) -> Result<()> {
    let event = ImportEvent::Accepted {
        source: import.source,
        rows: import.rows_total,
        account_type: import.account_type,
    };
    publish(tx, import, event)?;
    match decision {
        Decision::Queue { short: 0, .. } => {}
        Decision::Queue { seats, .. } => end_without_seat(tx, import, *seats)?,
        Decision::RefuseForErrors => refuse_good_rows(tx, import)?,
        Decision::RefuseForSeats { seats } => {
            end_without_seat(tx, import, *seats)?;
            refuse_good_rows(tx, import)?;
        }
    }
    if import.status.is_finished() {
        publish_end(tx, import, ImportEvent::Finished)?;
    }
    Ok(())
}

fn refuse_good_rows(tx: &mut UnitOfWork<'_>, import: &Import) -> Result<()> {
    end_pending(tx, import, &RowError::new(RowOutcome::Refused))
}

fn end_without_seat(tx: &mut UnitOfWork<'_>, import: &Import, seats: i64) -> Result<()> {
    let error = RowError::new(RowOutcome::NoSeat);
    let ended = import_rows::fail_pending_beyond(tx.connection, import.id, seats, &error)?;
    let ended = i64::try_from(ended).map_err(Error::internal)?;
    import_outcomes::add(tx.connection, import.id, &[(RowOutcome::NoSeat, ended)])
}

//! The end of the arrival: with all options known, the staged rows become an import that waits for
//! its turn, or one that has ended because there is nothing to do or all or nothing was asked for.

use serde_json::json;

use super::staging::Staged;
use super::{batches, end_pending, notice, record_end};
use crate::domain::audit::AuditAction;
use crate::domain::ids::GroupId;
use crate::domain::imports::{
    ImportStatus, OnRowError, OnSeatShortage, RowError, RowOutcome, StoredFailure,
};
use crate::domain::organization::AccountType;
use crate::domain::timestamp::Timestamp;
use crate::error::{Code, Error, Result};
use crate::services::act::Act;
use crate::services::admission::require_account_type;
use crate::services::audit::{self, Event, Subject};
use crate::services::authorization::{ManageImports, Permit};
use crate::services::unit_of_work::Services;
use crate::store::imports::{Accepted, Import};
use crate::store::sql_types::JsonColumn;
use crate::store::{Connection, groups, import_outcomes, import_rows, imports, seats, transaction};

/// What the caller asks of an import.
#[derive(Clone, Debug)]
pub struct Options {
    pub account_type: AccountType,
    pub groups: Vec<GroupId>,
    pub on_row_error: OnRowError,
    pub on_seat_shortage: OnSeatShortage,
    pub generate_missing_passwords: bool,
    pub must_change_password: bool,
    pub results_lifetime: std::time::Duration,
}

/// Refuses options that this organization cannot have, or that go beyond the permit.
fn check(
    connection: &mut Connection,
    permit: &Permit<ManageImports>,
    options: &Options,
) -> Result<()> {
    require_account_type(&permit.organization, options.account_type)?;
    permit.require_within_reach(connection, &options.groups, options.account_type)
}

/// Turns staged rows into an import.
///
/// # Errors
/// `account_type_not_in_kind`, `validation_failed` for an unknown group, `forbidden` where the permit
/// does not reach so far; `file_no_header` where passwords are needed and there is no column of them.
pub fn accept(
    connection: &mut Connection,
    services: &Services,
    permit: &Permit<ManageImports>,
    staged: &Staged,
    options: &Options,
) -> Result<()> {
    require_password_column(staged, options)?;
    let now = services.clock.now();
    transaction(connection, |connection| {
        check(connection, permit, options)?;
        let pending = settle_missing_passwords(connection, staged, options)?;
        import_outcomes::add(connection, staged.import, &ended_counts(staged, options))?;
        groups::insert_of_import(connection, staged.import, &options.groups)?;
        let decision = decide(connection, permit, staged, options, pending)?;
        let accepted = accepted(staged, options, &decision, now)?;
        if !imports::accept(connection, staged.import, &accepted)? {
            return Err(Error::not_found("organization"));
        }
        // Whoever reads the log reads who imported, though a worker does the work.
        let act = Act {
            at: now,
            ..permit.act.clone()
        };
        let import = carry_out_decision(connection, permit, staged, &decision, &act)?;
        batches::queue_next(connection, import.organization_id, now)?;
        notice::queue(connection, services, &import, now)
    })
}

fn require_password_column(staged: &Staged, options: &Options) -> Result<()> {
    let detected = staged.layout.detected.as_ref();
    let has_column = detected.is_some_and(|detected| detected.columns.password.is_some());
    if options.generate_missing_passwords || has_column {
        return Ok(());
    }
    Err(Error::refused(
        Code::FileNoHeader,
        "The header has no column for passwords. Add a column named `password`, or upload again \
         with `generate_missing_passwords`.",
    ))
}

/// How many rows are to become accounts.
fn settle_missing_passwords(
    connection: &mut Connection,
    staged: &Staged,
    options: &Options,
) -> Result<i64> {
    if options.generate_missing_passwords {
        import_rows::reopen(connection, staged.import, RowOutcome::PasswordMissing)?;
    }
    let ended: i64 = ended_counts(staged, options)
        .iter()
        .map(|(_, count)| count)
        .sum();
    Ok(staged.rows - ended)
}

fn ended_counts(staged: &Staged, options: &Options) -> Vec<(RowOutcome, i64)> {
    let is_reopened = |outcome: RowOutcome| {
        options.generate_missing_passwords && outcome == RowOutcome::PasswordMissing
    };
    staged
        .counts
        .iter()
        .filter(|(outcome, _)| !is_reopened(**outcome))
        .map(|(outcome, count)| (*outcome, *count))
        .collect()
}

/// What becomes of the rows that are good.
enum Decision {
    /// They wait for a worker, so many of them with a seat; those behind end with `no_seat`.
    Queue { seats: i64, short: i64 },
    /// There is none.
    NothingToDo,
    /// All or nothing, and it is nothing: only so many would have had a seat.
    Refuse { failure: StoredFailure, seats: i64 },
}

fn decide(
    connection: &mut Connection,
    permit: &Permit<ManageImports>,
    staged: &Staged,
    options: &Options,
    pending: i64,
) -> Result<Decision> {
    let has_errors = pending < staged.rows;
    if has_errors && options.on_row_error == OnRowError::RefuseAll {
        return Ok(Decision::Refuse {
            failure: StoredFailure::RowErrors,
            seats: pending,
        });
    }
    let (organization, account_type) = (permit.organization.id, options.account_type);
    let seats = seats::reserve_up_to(connection, organization, account_type, pending)?;
    let all_or_nothing = options.on_seat_shortage == OnSeatShortage::RefuseAll
        || options.on_row_error == OnRowError::RefuseAll;
    if seats < pending && all_or_nothing {
        seats::release_reserved(connection, organization, account_type, seats)?;
        return Ok(Decision::Refuse {
            failure: StoredFailure::SeatShortage,
            seats,
        });
    }
    Ok(if seats == 0 && pending == 0 {
        Decision::NothingToDo
    } else {
        Decision::Queue {
            seats,
            short: pending - seats,
        }
    })
}

fn accepted(
    staged: &Staged,
    options: &Options,
    decision: &Decision,
    now: Timestamp,
) -> Result<Accepted> {
    let (status, failure, seats) = match decision {
        Decision::Queue { seats: 0, .. } | Decision::NothingToDo => {
            (ImportStatus::Completed, None, 0)
        }
        Decision::Queue { seats, .. } => (ImportStatus::Queued, None, *seats),
        Decision::Refuse { failure, .. } => (ImportStatus::Failed, Some(*failure), 0),
    };
    let ended_at = status.is_finished().then_some(now);
    Ok(Accepted {
        account_type: options.account_type,
        status,
        on_row_error: options.on_row_error,
        on_seat_shortage: options.on_seat_shortage,
        generate_missing_passwords: options.generate_missing_passwords,
        must_change_password: options.must_change_password,
        detected: JsonColumn(
            serde_json::to_value(&staged.layout.detected).map_err(Error::internal)?,
        ),
        header: JsonColumn(json!(staged.layout.header)),
        rows_total: staged.rows,
        seats_reserved: seats,
        failure,
        created_at: now,
        finished_at: ended_at,
        results_expire_at: ended_at.map(|at| at.plus(options.results_lifetime)),
    })
}

fn carry_out_decision(
    connection: &mut Connection,
    permit: &Permit<ManageImports>,
    staged: &Staged,
    decision: &Decision,
    act: &Act,
) -> Result<Import> {
    let import = imports::find(connection, permit.organization.id, staged.import, None)?
        .ok_or_else(|| Error::not_found("import"))?;
    let details = json!({
        "source": staged.source,
        "rows": staged.rows,
        "account_type": import.account_type,
    });
    let subject = Subject::Import(import.id);
    let event = Event::within(
        import.organization_id,
        AuditAction::ImportAccepted,
        subject,
        details,
    );
    audit::record(connection, act, event)?;
    match decision {
        Decision::NothingToDo => {}
        Decision::Queue { seats, short } => {
            if *short > 0 {
                end_without_seat(connection, staged, *seats)?;
            }
        }
        Decision::Refuse { failure, seats } => {
            if *failure == StoredFailure::SeatShortage {
                end_without_seat(connection, staged, *seats)?;
            }
            end_pending(connection, &import, &RowError::new(RowOutcome::Refused))?;
        }
    }
    if import.status.is_finished() {
        record_end(connection, act, &import, AuditAction::ImportFinished)?;
    }
    Ok(import)
}

fn end_without_seat(connection: &mut Connection, staged: &Staged, seats: i64) -> Result<()> {
    let error = RowError::new(RowOutcome::NoSeat);
    let ended = import_rows::fail_pending_beyond(connection, staged.import, seats, &error)?;
    let ended = i64::try_from(ended).map_err(Error::internal)?;
    import_outcomes::add(connection, staged.import, &[(RowOutcome::NoSeat, ended)])
}

//! Imports and their rows, as clients see them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::ids::{AccountId, ImportId};
use crate::domain::imports::{ImportSource, ImportStatus, RowOutcome, StoredFailure};
use crate::domain::organization::AccountType;
use crate::domain::spreadsheet::Detected;
use crate::domain::timestamp::Timestamp;
use crate::domain::username_list::CleanedList;
use crate::error::Result;
use crate::routes::page::page_body;
use crate::services::idempotency::StoredResponse;
use crate::services::imports::{ImportWithCounts, RowView};

/// When an import does its work.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImportMode {
    /// As soon as it is its turn.
    Commit,
}

/// An import: how it was asked for, what the file turned out to be, how far it is.
#[derive(Serialize, ToSchema)]
#[schema(as = AccountImport, examples(json!({
    "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c14",
    "source": "csv",
    "account_type": "student",
    "mode": "commit",
    "detected": {
        "encoding": "windows-1252",
        "delimiter": "semicolon",
        "skipped": [{ "line": 1, "text": "Klasse 7A" }],
        "columns": {
            "email": "E-Mail",
            "email_if_empty": null,
            "password": "Passwort",
            "username": ["Vorname", "Nachname"],
            "ignored": ["Klasse"],
            "unused_passwords": []
        }
    },
    "cleaned": null,
    "status": "running",
    "failure": null,
    "counts": {
        "rows": 412,
        "processed": 105,
        "created": 100,
        "failed": 5,
        "by_outcome": { "created": 100, "email_invalid": 2, "password_too_short": 3 }
    },
    "rows_per_second": 86.4,
    "estimated_end_at": "2026-09-01T07:30:08Z",
    "created_at": "2026-09-01T07:30:00Z",
    "started_at": "2026-09-01T07:30:00.2Z",
    "finished_at": null,
    "results_expire_at": null
})))]
pub struct ImportBody {
    id: ImportId,
    source: ImportSource,
    account_type: AccountType,
    mode: ImportMode,
    /// What the file turned out to be; `null` for a list of names.
    detected: Option<Detected>,
    /// What was removed from a list of names; `null` if nothing was, and for a file.
    cleaned: Option<CleanedList>,
    status: ImportStatus,
    /// Why it failed; `null` otherwise.
    failure: Option<StoredFailure>,
    counts: Counts,
    /// Accounts a second since the work began; `null` before and after it.
    #[schema(minimum = 0)]
    rows_per_second: Option<f64>,
    /// When it will be done, at that speed.
    estimated_end_at: Option<Timestamp>,
    created_at: Timestamp,
    started_at: Option<Timestamp>,
    finished_at: Option<Timestamp>,
    /// Until when `userlist.csv` and `errors.csv` can be downloaded.
    results_expire_at: Option<Timestamp>,
}

/// How many rows there are, and how they ended so far.
#[derive(Serialize, ToSchema)]
#[schema(as = ImportCounts)]
pub struct Counts {
    #[schema(minimum = 0, maximum = 100000)]
    rows: i64,
    /// Done with, well or not.
    #[schema(minimum = 0, maximum = 100000)]
    processed: i64,
    #[schema(minimum = 0, maximum = 100000)]
    created: i64,
    #[schema(minimum = 0, maximum = 100000)]
    failed: i64,
    /// By the words of the row outcomes.
    by_outcome: BTreeMap<RowOutcome, i64>,
}

page_body! {
    /// A page of imports.
    ImportPage of ImportBody
}

impl ImportBody {
    /// An import as it is at this time.
    pub fn new(found: ImportWithCounts, now: Timestamp) -> Self {
        let speed = ImportSpeed::of(&found, now);
        let counts = Counts {
            rows: found.import.rows_total,
            processed: found.processed(),
            created: found.created(),
            failed: found.failed(),
            by_outcome: found.by_outcome,
        };
        let import = found.import;
        Self {
            id: import.id,
            source: import.source,
            account_type: import.account_type,
            mode: ImportMode::Commit,
            detected: import.detected(),
            cleaned: import.cleaned(),
            status: import.status,
            failure: import.failure,
            counts,
            rows_per_second: speed.as_ref().map(|speed| speed.rows_per_second),
            estimated_end_at: speed.and_then(|speed| speed.estimated_end_at),
            created_at: import.created_at,
            started_at: import.started_at,
            finished_at: import.finished_at,
            results_expire_at: import.results_expire_at,
        }
    }
}

/// The response to an import that was accepted.
pub(super) fn accepted(found: ImportWithCounts, now: Timestamp) -> Result<StoredResponse> {
    let import = &found.import;
    let location = format!(
        "/v1/organizations/{}/imports/{}",
        import.organization_id, import.id
    );
    StoredResponse::accepted(location, &ImportBody::new(found, now))
}

/// How fast an import goes, and when it ends at that speed.
struct ImportSpeed {
    rows_per_second: f64,
    estimated_end_at: Option<Timestamp>,
}

impl ImportSpeed {
    fn of(found: &ImportWithCounts, now: Timestamp) -> Option<Self> {
        if found.import.status != ImportStatus::Running {
            return None;
        }
        let done = found.created() + found.import.rows_prepared;
        let left = found.import.rows_total - found.processed();
        let (done, left) = (
            f64::from(i32::try_from(done).ok()?),
            f64::from(i32::try_from(left).ok()?),
        );
        let elapsed = now.since(found.import.started_at?).as_secs_f64();
        let rows_per_second = if elapsed > 0.0 { done / elapsed } else { 0.0 };
        let estimated_end_at = (rows_per_second > 0.0)
            .then(|| Duration::try_from_secs_f64(left / rows_per_second).ok())
            .flatten()
            .map(|remaining| now.plus(remaining));
        Some(Self {
            rows_per_second: (rows_per_second * 10.0).round() / 10.0,
            estimated_end_at,
        })
    }
}

/// A row of an import.
#[derive(Serialize, ToSchema)]
#[schema(as = ImportRow, examples(json!({
    "row": 17,
    "email": null,
    "username": null,
    "outcome": "email_invalid",
    "error": "The address needs an @ between name and domain.",
    "account_id": null
})))]
pub struct ImportRowBody {
    /// 1 is the first row below the header, or the first name; blank ones are not counted.
    #[schema(minimum = 1, maximum = 100000)]
    row: i64,
    /// `null` where there is none, or until Rollcall has made one up. What stands in a file and is no
    /// address is not shown: where somebody mixed up the columns, it is a password.
    #[schema(max_length = 254)]
    email: Option<String>,
    /// `null` where there is none, and in a failed row of a file with passwords, unless the row has its own in its place. Of a
    /// list, also what is no name.
    #[schema(max_length = 65536)]
    username: Option<String>,
    /// `null` while it waits for its turn.
    outcome: Option<RowOutcome>,
    /// What is wrong and what to do; `null` where nothing is.
    #[schema(max_length = 1000)]
    error: Option<String>,
    /// The account that it became.
    account_id: Option<AccountId>,
}

impl From<RowView> for ImportRowBody {
    fn from(RowView { row, texts }: RowView) -> Self {
        Self {
            row: row.row_number,
            email: texts.email,
            username: texts.username,
            outcome: row.outcome,
            error: row.error,
            account_id: row.account_id,
        }
    }
}

page_body! {
    /// A page of rows.
    ImportRowPage of ImportRowBody
}

//! The arrival of an import: validated rows are sealed and staged batch by batch, until it is accepted.
//!
//! Nobody sees the import before that. Where the rows come from a file that is still being sent, each
//! batch is a unit of work of its own, and [`abandon`] or the clean-up deletes the rest of an upload
//! that died.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::sealed_row::SealedRow;
use crate::clock::new_id;
use crate::crypto::sealing::SealingKeys;
use crate::domain::email_address::EmailAddress;
use crate::domain::ids::{ImportId, OrganizationId};
use crate::domain::imports::{ImportSource, ImportStatus, OnRowError, OnSeatShortage, RowOutcome};
use crate::domain::row_error::RowError;
use crate::domain::spreadsheet::{Detected, ReadOptions};
use crate::domain::username::Username;
use crate::domain::username_list::CleanedList;
use crate::error::{Error, Result};
use crate::services::authorization::{ManageImports, Permit};
use crate::services::takeover;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::import_rows::ImportRow;
use crate::store::imports::Import;
use crate::store::sql_types::JsonColumn;
use crate::store::{Pool, accounts, import_rows, import_staging, imports};

/// Rows that are staged together.
const STAGED_AT_ONCE: usize = 500;

/// Sealed bytes that are staged together, about, where rows are large.
const BYTES_AT_ONCE: usize = 1024 * 1024;

/// How long an upload may be silent before the clean-up deletes it.
const TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// An import whose rows are staged, waiting to be accepted.
pub struct Staged {
    pub import: ImportId,
    pub layout: FileLayout,
    pub rows: i64,
    /// Rows that ended already, in an error.
    pub counts: BTreeMap<RowOutcome, i64>,
}

/// What the rows came in.
pub struct FileLayout {
    /// What a file turned out to be.
    pub detected: Option<Detected>,
    /// What was removed from a list of names.
    pub cleaned: Option<CleanedList>,
    /// The names of the columns of the original cells.
    pub header: Vec<String>,
    /// How it was read.
    pub options: ReadOptions,
}

impl FileLayout {
    /// What was detected of the file, or removed from the list, as it is kept.
    ///
    /// # Errors
    /// Where it cannot be written as JSON.
    pub fn detected_json(&self) -> Result<JsonColumn> {
        let json = match &self.cleaned {
            Some(cleaned) => serde_json::to_value(cleaned),
            None => serde_json::to_value(&self.detected),
        };
        json.map(JsonColumn).map_err(Error::internal)
    }
}

/// Deletes a staged import. Where that fails, the clean-up does it later.
pub fn abandon(pool: &Pool, import: ImportId) {
    let deleted = pool
        .get()
        .and_then(|mut connection| import_staging::delete(&mut connection, import));
    if let Err(error) = deleted {
        tracing::warn!(%error, %import, "an abandoned upload is left to the clean-up");
    }
}

/// A row with what can be told of it without the database.
pub(super) struct ValidatedRow {
    pub number: u32,
    pub email: Option<EmailAddress>,
    pub username: Option<Username>,
    pub secrets: SealedRow,
    pub error: Option<RowError>,
}

/// An import whose rows arrive. Whoever adds rows writes the batch when it is full.
pub(super) struct Staging {
    organization: OrganizationId,
    import: ImportId,
    batch: Vec<ImportRow>,
    batch_bytes: usize,
    rows: i64,
    counts: BTreeMap<RowOutcome, i64>,
}

impl Staging {
    /// Begins an import that nobody sees yet.
    pub fn begin(
        tx: &mut UnitOfWork<'_>,
        permit: &Permit<ManageImports>,
        source: ImportSource,
    ) -> Result<Self> {
        let import = placeholder(tx, permit, source);
        imports::insert(tx.connection, &import)?;
        Ok(Self {
            organization: import.organization_id,
            import: import.id,
            batch: Vec::with_capacity(STAGED_AT_ONCE),
            batch_bytes: 0,
            rows: 0,
            counts: BTreeMap::new(),
        })
    }

    pub const fn import(&self) -> ImportId {
        self.import
    }

    /// Seals a row and adds it to the batch.
    pub fn add(&mut self, keys: &SealingKeys, validated: ValidatedRow) -> Result<()> {
        let number = i64::from(validated.number);
        let sealed = validated.secrets.seal(keys, self.import, number)?;
        self.batch_bytes += sealed.len();
        let mut row = ImportRow {
            import_id: self.import,
            row_number: number,
            email: validated.email,
            username: validated.username,
            outcome: None,
            error: None,
            account_id: None,
            password_hash: None,
            sealed: Some(sealed),
        };
        if let Some(error) = validated.error {
            row.fail(error);
        }
        self.batch.push(row);
        Ok(())
    }

    /// Whether the batch has to be written before another row is added.
    pub fn is_full(&self) -> bool {
        self.batch.len() >= STAGED_AT_ONCE || self.batch_bytes >= BYTES_AT_ONCE
    }

    /// Writes the batch in one transaction.
    ///
    /// # Errors
    /// `not_found` where the import is gone, with its organization.
    pub fn write(&mut self, tx: &mut UnitOfWork<'_>) -> Result<()> {
        self.batch_bytes = 0;
        let mut rows = std::mem::take(&mut self.batch);
        if rows.is_empty() {
            return Ok(());
        }
        tx.transaction(|tx| {
            if !import_staging::keep(tx.connection, self.import, tx.now().plus(TIMEOUT))? {
                return Err(Error::not_found("organization"));
            }
            fail_taken(tx, self.organization, &mut rows)?;
            import_rows::insert_all(tx.connection, &rows)
        })?;
        self.count(&rows);
        Ok(())
    }

    /// Ends the arrival; every batch has been written.
    pub fn finish(self, layout: FileLayout) -> Staged {
        Staged {
            import: self.import,
            layout,
            rows: self.rows,
            counts: self.counts,
        }
    }

    fn count(&mut self, rows: &[ImportRow]) {
        for row in rows {
            self.rows += 1;
            if let Some(outcome) = row.outcome {
                *self.counts.entry(outcome).or_default() += 1;
            }
        }
    }
}

/// Fails the rows whose address has an account already, here or elsewhere.
fn fail_taken(
    tx: &mut UnitOfWork<'_>,
    organization: OrganizationId,
    rows: &mut [ImportRow],
) -> Result<()> {
    let emails: Vec<EmailAddress> = rows.iter().filter_map(|row| row.email.clone()).collect();
    if emails.is_empty() {
        return Ok(());
    }
    let taken = taken(tx, organization, &emails)?;
    for row in rows {
        let known = row.email.as_ref().and_then(|email| taken.get(email));
        // A password would not help this row: it must not wait for one, with a seat reserved.
        let is_open = row.outcome.is_none_or(RowOutcome::awaits_password);
        if let (true, Some(is_member)) = (is_open, known) {
            row.fail(taken_error(*is_member));
        }
    }
    Ok(())
}

/// Those of these addresses that have an account, each with whether it is in the organization. One that was
/// registered a week ago and never verified does not count, unless it is.
fn taken(
    tx: &mut UnitOfWork<'_>,
    organization: OrganizationId,
    emails: &[EmailAddress],
) -> Result<HashMap<EmailAddress, bool>> {
    let mut taken = HashMap::new();
    for (account, status) in accounts::of_addresses(tx.connection, organization, emails)? {
        let is_member = status.is_some();
        if is_member || !takeover::may_be_replaced(tx, &account)? {
            taken.insert(account.email, is_member);
        }
    }
    Ok(taken)
}

/// The error of a row whose address has an account.
pub(super) fn taken_error(is_member: bool) -> RowError {
    RowError::new(if is_member {
        RowOutcome::AlreadyMember
    } else {
        RowOutcome::EmailTaken
    })
}

/// An import while its rows arrive; the submission sets its real options.
fn placeholder(
    tx: &UnitOfWork<'_>,
    permit: &Permit<ManageImports>,
    source: ImportSource,
) -> Import {
    let (principal, now) = (&tx.context.principal, tx.now());
    let (created_by_kind, created_by_account_id, _) = principal.actor();
    Import {
        id: new_id::<ImportId>(),
        organization_id: permit.organization.id,
        created_by_kind,
        created_by_account_id,
        created_by_api_key: principal.api_key_id(),
        source,
        account_type: permit.organization.default_account_type,
        status: ImportStatus::Staging,
        on_row_error: OnRowError::Skip,
        on_seat_shortage: OnSeatShortage::Fill,
        generate_missing_passwords: false,
        must_change_password: false,
        detected: JsonColumn(serde_json::Value::Null),
        header: JsonColumn(serde_json::Value::Null),
        rows_total: 0,
        rows_prepared: 0,
        seats_reserved: 0,
        failure: None,
        staged_until: now.plus(TIMEOUT),
        created_at: now,
        started_at: None,
        finished_at: None,
        results_expire_at: None,
        results_discarded_at: None,
    }
}

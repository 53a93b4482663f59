//! The arrival of an import: judged rows are sealed and staged batch by batch, until it is accepted.
//!
//! Until then the import is nobody's to see. Where the rows come from a file that is still being sent,
//! each batch is a transaction of its own, and what is left of an upload that died is deleted, by
//! [`abandon`] or by the clean-up.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::sealed_row::SealedRow;
use crate::clock::new_id;
use crate::domain::email_address::EmailAddress;
use crate::domain::ids::{ImportId, OrganizationId};
use crate::domain::imports::{
    ImportSource, ImportStatus, OnRowError, OnSeatShortage, RowError, RowOutcome,
};
use crate::domain::spreadsheet::Detected;
use crate::domain::timestamp::Timestamp;
use crate::domain::username::Username;
use crate::error::{Error, Result};
use crate::services::authorization::{ManageImports, Permit};
use crate::services::unit_of_work::Services;
use crate::store::import_rows::ImportRow;
use crate::store::imports::Import;
use crate::store::sql_types::JsonColumn;
use crate::store::{Connection, Pool, accounts, import_rows, imports, transaction};

/// Rows that are written together.
const BATCH: usize = 500;

/// Sealed bytes that are written together, about, where rows are large.
const BATCH_BYTES: usize = 1024 * 1024;

/// How long an upload may be silent before it is taken for dead.
const TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// An import whose rows are staged, waiting to be accepted.
pub struct Staged {
    pub import: ImportId,
    pub source: ImportSource,
    pub layout: FileLayout,
    pub rows: i64,
    /// Rows that ended already, in an error.
    pub counts: BTreeMap<RowOutcome, i64>,
}

/// What the rows came in.
pub struct FileLayout {
    /// What a file turned out to be.
    pub detected: Option<Detected>,
    /// The names of the columns of the original cells.
    pub header: Vec<String>,
}

/// Forgets a staged import. Where that fails, the clean-up does it later.
pub fn abandon(pool: &Pool, import: ImportId) {
    let deleted = pool
        .get()
        .and_then(|mut connection| imports::delete_staging(&mut connection, import));
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

/// Where batches are written.
pub(super) trait Desk {
    /// Does one step on a connection.
    fn with<T>(&mut self, work: impl FnOnce(&mut Connection) -> Result<T>) -> Result<T>;
}

/// Each step has a connection of its own: none is held while a client is waited for.
impl Desk for &Pool {
    fn with<T>(&mut self, work: impl FnOnce(&mut Connection) -> Result<T>) -> Result<T> {
        work(&mut *self.get()?)
    }
}

/// All steps are in the caller's transaction.
impl Desk for &mut Connection {
    fn with<T>(&mut self, work: impl FnOnce(&mut Connection) -> Result<T>) -> Result<T> {
        work(self)
    }
}

/// An import whose rows arrive.
pub(super) struct Staging<'a, D> {
    desk: D,
    services: &'a Services,
    organization: OrganizationId,
    source: ImportSource,
    import: ImportId,
    batch: Vec<(ImportRow, Option<EmailAddress>)>,
    batch_bytes: usize,
    rows: i64,
    counts: BTreeMap<RowOutcome, i64>,
}

impl<'a, D: Desk> Staging<'a, D> {
    pub fn begin(
        mut desk: D,
        services: &'a Services,
        permit: &Permit<ManageImports>,
        source: ImportSource,
    ) -> Result<Self> {
        let import = placeholder(permit, source, services.clock.now());
        desk.with(|connection| imports::insert(connection, &import))?;
        Ok(Self {
            desk,
            services,
            organization: permit.organization.id,
            source,
            import: import.id,
            batch: Vec::with_capacity(BATCH),
            batch_bytes: 0,
            rows: 0,
            counts: BTreeMap::new(),
        })
    }

    pub fn import(&self) -> ImportId {
        self.import
    }

    /// Takes a row in.
    pub fn add(&mut self, judged: ValidatedRow) -> Result<()> {
        let number = i64::from(judged.number);
        let sealed = judged
            .secrets
            .seal(&self.services.sealing, self.import, number)?;
        self.batch_bytes += sealed.len();
        let text = |value: Option<String>| value.unwrap_or_default();
        let mut row = ImportRow {
            import_id: self.import,
            row_number: number,
            email: text(judged.email.as_ref().map(ToString::to_string)),
            username: text(judged.username.map(|name| name.to_string())),
            outcome: None,
            error: None,
            account_id: None,
            password_hash: None,
            sealed: Some(sealed),
        };
        if let Some(error) = judged.error {
            row.fail(error);
        }
        self.batch.push((row, judged.email));
        if self.batch.len() == BATCH || self.batch_bytes >= BATCH_BYTES {
            self.write()?;
        }
        Ok(())
    }

    /// No further row comes.
    pub fn finish(mut self, layout: FileLayout) -> Result<Staged> {
        self.write()?;
        Ok(Staged {
            import: self.import,
            source: self.source,
            layout,
            rows: self.rows,
            counts: self.counts,
        })
    }

    fn write(&mut self) -> Result<()> {
        let mut batch = std::mem::take(&mut self.batch);
        self.batch_bytes = 0;
        if batch.is_empty() {
            return Ok(());
        }
        let (import, organization) = (self.import, self.organization);
        let until = self.services.clock.now().plus(TIMEOUT);
        let rows = self.desk.with(|connection| {
            transaction(connection, |connection| {
                if !imports::keep_staging(connection, import, until)? {
                    return Err(Error::not_found("organization"));
                }
                fail_taken(connection, organization, &mut batch)?;
                let rows: Vec<ImportRow> = batch.into_iter().map(|(row, _)| row).collect();
                import_rows::insert_all(connection, &rows)?;
                Ok(rows)
            })
        })?;
        self.count(&rows);
        Ok(())
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

/// Rows whose address has an account already, here or elsewhere.
fn fail_taken(
    connection: &mut Connection,
    organization: OrganizationId,
    batch: &mut [(ImportRow, Option<EmailAddress>)],
) -> Result<()> {
    let emails: Vec<EmailAddress> = batch
        .iter()
        .filter_map(|(_, email)| email.clone())
        .collect();
    if emails.is_empty() {
        return Ok(());
    }
    let taken: HashMap<EmailAddress, bool> = accounts::taken(connection, organization, &emails)?
        .into_iter()
        .collect();
    for (row, email) in batch {
        let known = email.as_ref().and_then(|email| taken.get(email));
        // A password would not help this row: it must not wait for one, with a seat reserved.
        let is_open = matches!(row.outcome, None | Some(RowOutcome::PasswordMissing));
        if let (true, Some(is_member)) = (is_open, known) {
            row.fail(taken_error(*is_member));
        }
    }
    Ok(())
}

/// The error of a row whose address has an account.
pub(super) fn taken_error(is_member: bool) -> RowError {
    RowError::new(if is_member {
        RowOutcome::AlreadyMember
    } else {
        RowOutcome::EmailTaken
    })
}

/// What an import is while its rows arrive; the acceptance puts its real options in place.
fn placeholder(permit: &Permit<ManageImports>, source: ImportSource, now: Timestamp) -> Import {
    Import {
        id: new_id::<ImportId>(),
        organization_id: permit.organization.id,
        created_by_account_id: permit.account_id,
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

//! What an import leaves to download, and when it is gone (PRODUCT 3.6).

use std::borrow::Cow;

use serde_json::json;

use super::load;
use super::sealed_row::SealedRow;
use crate::crypto::sealing::SealingKeys;
use crate::domain::audit::AuditAction;
use crate::domain::ids::{ImportId, OrganizationId};
use crate::domain::imports::{ImportSource, RowOutcome};
use crate::domain::spreadsheet::{
    Cell, CsvWriter, Detected, ERROR_COLUMNS, columns_before_errors, is_formula_like, restore,
};
use crate::domain::timestamp::Timestamp;
use crate::error::{Code, Error, Result};
use crate::services::audit::{self, Event, Subject};
use crate::services::authorization::{ManageImports, Permit};
use crate::store::import_rows::{ImportRow, Which};
use crate::store::imports::Import;
use crate::store::{Connection, import_rows, imports, transaction};

/// Rows that are read and written together.
const CHUNK: i64 = 100;

/// Which file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultFile {
    /// Every row with its outcome, and the password where an account was created.
    UserList,
    /// The failed rows as they were given, with their errors, to correct and upload again.
    Errors,
}

impl ResultFile {
    /// What a browser saves it as.
    pub const fn name(self) -> &'static str {
        match self {
            Self::UserList => "userlist.csv",
            Self::Errors => "errors.csv",
        }
    }

    const fn rows(self) -> Which {
        match self {
            Self::UserList => Which::All,
            Self::Errors => Which::Failed,
        }
    }
}

/// A result file being written, chunk by chunk.
pub struct Download {
    import: Import,
    file: ResultFile,
    header: Vec<String>,
    /// How many columns of errors the file came with.
    former_errors: usize,
    password_column: Option<usize>,
    after: Option<i64>,
}

/// Begins a download and notes it in the audit log.
///
/// # Errors
/// `import_not_ready`, `results_expired`, `not_found`.
pub fn open(
    connection: &mut Connection,
    permit: &Permit<ManageImports>,
    id: ImportId,
    file: ResultFile,
) -> Result<Download> {
    let import = load(connection, permit, id)?;
    require_readable(&import, permit.act.at)?;
    let details = json!({ "file": file.name() });
    let subject = Subject::Import(id);
    let organization = import.organization_id;
    let event = Event::within(
        organization,
        AuditAction::ImportResultsDownloaded,
        subject,
        details,
    );
    audit::record(connection, &permit.act, event)?;
    let (header, former_errors) = original_header(&import)?;
    Ok(Download {
        password_column: password_column(&import, &header)?,
        header,
        former_errors,
        import,
        file,
        after: None,
    })
}

fn require_readable(import: &Import, now: Timestamp) -> Result<()> {
    if !import.status.is_finished() {
        return Err(Error::refused(
            Code::ImportNotReady,
            "This import has not ended yet. Watch its status, and come back when it has.",
        ));
    }
    let expired = import.results_expire_at.is_some_and(|at| at <= now);
    if expired || import.results_discarded_at.is_some() {
        return Err(Error::refused(
            Code::ResultsExpired,
            "The results of this import are gone, and the passwords with them. Who has no password \
             gets a new one by a reset.",
        ));
    }
    Ok(())
}

impl Download {
    /// The next piece of the file; `None` behind its end.
    ///
    /// # Errors
    /// Where the database is away, or the results expired while they were read.
    pub fn next_chunk(
        &mut self,
        connection: &mut Connection,
        keys: &SealingKeys,
    ) -> Result<Option<Vec<u8>>> {
        let Some(after) = self.after else {
            self.after = Some(0);
            return self.first_chunk().map(Some);
        };
        let rows = import_rows::list(connection, self.import.id, self.file.rows(), after, CHUNK)?;
        let Some(last) = rows.last() else {
            return Ok(None);
        };
        self.after = Some(last.row_number);
        let mut writer = CsvWriter::continuing(Vec::new());
        for row in &rows {
            let record = self.record(row, keys)?;
            writer
                .write_record(record.iter().map(Field::cell))
                .map_err(Error::internal)?;
        }
        writer.finish().map(Some).map_err(Error::internal)
    }

    fn first_chunk(&self) -> Result<Vec<u8>> {
        const USER_LIST: [&str; 8] = [
            "row",
            "email",
            "password",
            "username",
            "account_type",
            "status",
            "error_code",
            "error",
        ];
        let columns: Vec<Cow<'_, str>> = match self.file {
            ResultFile::UserList => USER_LIST.map(Cow::Borrowed).to_vec(),
            ResultFile::Errors => self
                .header
                .iter()
                .map(|name| restore(name))
                .chain(ERROR_COLUMNS.map(Cow::Borrowed))
                .collect(),
        };
        let mut writer = CsvWriter::new(Vec::new()).map_err(Error::internal)?;
        writer
            .write_record(columns.iter().map(|name| Cell::Text(name)))
            .map_err(Error::internal)?;
        writer.finish().map_err(Error::internal)
    }

    fn record(&self, row: &ImportRow, keys: &SealingKeys) -> Result<Vec<Field>> {
        let sealed = row.sealed.as_deref().ok_or_else(|| {
            Error::refused(
                Code::ResultsExpired,
                "The results of this import have just expired.",
            )
        })?;
        let secrets = SealedRow::open(sealed, keys, self.import.id, row.row_number)?;
        Ok(match self.file {
            ResultFile::UserList => self.user_record(row.clone(), secrets),
            ResultFile::Errors => self.error_record(row, secrets),
        })
    }

    fn user_record(&self, mut row: ImportRow, secrets: SealedRow) -> Vec<Field> {
        secrets.fill_in(&mut row);
        let is_created = row.outcome == Some(RowOutcome::Created);
        let password = secrets.password.filter(|_| is_created).unwrap_or_default();
        vec![
            Field::Text(row.row_number.to_string()),
            Field::Text(row.email.clone()),
            Field::Password(password),
            Field::Text(row.username.clone()),
            Field::Text(self.import.account_type.to_string()),
            Field::Text(status_word(row.outcome).to_owned()),
            Field::Text(error_code(&row)),
            Field::Text(row.error.unwrap_or_default()),
        ]
    }

    /// The columns of the file, its errors, and behind them the cells that had no column: so they
    /// have none when the file comes back.
    fn error_record(&self, row: &ImportRow, secrets: SealedRow) -> Vec<Field> {
        let mut cells = secrets.cells;
        let columns = self.header.len();
        cells.resize(cells.len().max(columns), String::new());
        let surplus = cells
            .split_off(columns)
            .into_iter()
            .skip(self.former_errors);
        let mut fields: Vec<Field> = cells
            .into_iter()
            .enumerate()
            .map(|(place, cell)| self.original_field(place, cell))
            .collect();
        fields.push(Field::Text(error_code(row)));
        fields.push(Field::Text(row.error.clone().unwrap_or_default()));
        if row.outcome == Some(RowOutcome::TooManyCells) {
            fields.extend(surplus.map(|cell| Field::Text(restore(&cell).into_owned())));
        }
        fields
    }

    /// A password that a spreadsheet would run as a formula has to be replaced anyhow: its cell is
    /// left empty rather than defused, since a password is never altered.
    fn original_field(&self, place: usize, cell: String) -> Field {
        match self.password_column {
            Some(column) if column == place && is_formula_like(&cell) => {
                Field::Password(String::new())
            }
            Some(column) if column == place => Field::Password(cell),
            // What was no file has not been through a spreadsheet.
            _ if self.import.source == ImportSource::Usernames => Field::Text(cell),
            _ => Field::Text(restore(&cell).into_owned()),
        }
    }
}

/// The header of the file without the columns of an `errors.csv` that was uploaded again, and how
/// many these were.
fn original_header(import: &Import) -> Result<(Vec<String>, usize)> {
    let mut header: Vec<String> =
        serde_json::from_value(import.header.0.clone()).map_err(Error::internal)?;
    match columns_before_errors(&header) {
        None => Ok((header, 0)),
        Some(columns) => {
            header.truncate(columns);
            Ok((header, ERROR_COLUMNS.len()))
        }
    }
}

fn password_column(import: &Import, header: &[String]) -> Result<Option<usize>> {
    let detected: Option<Detected> =
        serde_json::from_value(import.detected.0.clone()).map_err(Error::internal)?;
    let name = detected.and_then(|detected| detected.columns.password);
    Ok(name.and_then(|name| header.iter().position(|cell| *cell == name)))
}

enum Field {
    Text(String),
    Password(String),
}

impl Field {
    fn cell(&self) -> Cell<'_> {
        match self {
            Self::Text(text) => Cell::Text(text),
            Self::Password(password) => Cell::Password(password),
        }
    }
}

fn status_word(outcome: Option<RowOutcome>) -> &'static str {
    match outcome {
        Some(RowOutcome::Created) => "created",
        Some(RowOutcome::Cancelled) => "cancelled",
        _ => "failed",
    }
}

fn error_code(row: &ImportRow) -> String {
    row.outcome
        .filter(|outcome| *outcome != RowOutcome::Created)
        .map(|outcome| outcome.to_string())
        .unwrap_or_default()
}

/// Takes the passwords and original cells of an import away before their time.
///
/// # Errors
/// `import_not_ready`, `results_expired` where they are gone already, `not_found`.
pub fn discard(
    connection: &mut Connection,
    permit: &Permit<ManageImports>,
    id: ImportId,
) -> Result<()> {
    let import = load(connection, permit, id)?;
    require_readable(&import, permit.act.at)?;
    transaction(connection, |connection| {
        erase(connection, import.organization_id, id, permit.act.at)?;
        let subject = Subject::Import(id);
        let organization = import.organization_id;
        let event = Event::within(
            organization,
            AuditAction::ImportResultsDiscarded,
            subject,
            json!({}),
        );
        audit::record(connection, &permit.act, event)
    })
}

/// Takes away what has expired; tells how many imports that were.
///
/// # Errors
/// Where the database is away.
pub fn erase_expired(connection: &mut Connection, now: Timestamp) -> Result<usize> {
    const AT_ONCE: i64 = 20;
    let expired = imports::with_expired_results(connection, now, AT_ONCE)?;
    for (organization, id) in &expired {
        transaction(connection, |connection| {
            erase(connection, *organization, *id, now)
        })?;
    }
    Ok(expired.len())
}

fn erase(
    connection: &mut Connection,
    organization: OrganizationId,
    id: ImportId,
    now: Timestamp,
) -> Result<()> {
    if imports::discard_results(connection, organization, id, now)? {
        import_rows::erase_sealed(connection, id)?;
    }
    Ok(())
}

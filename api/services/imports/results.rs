//! The files that an import leaves to download (`docs/imports.md`).

use std::borrow::Cow;

use super::retention::require_readable;
use super::sealed_row::{RowTexts, SealedRow};
use super::{load, publish};
use crate::crypto::sealing::SealingKeyId;
use crate::domain::events::ImportEvent;
use crate::domain::ids::ImportId;
use crate::domain::imports::{ImportSource, RowEnd, RowOutcome};
use crate::domain::spreadsheet::{
    Cell, CsvWriter, Delimiter, ERROR_COLUMNS, columns_before_errors, is_formula_like, restore,
};
use crate::error::{Code, Error, Result};
use crate::services::authorization::{Permit, ReadImports};
use crate::services::unit_of_work::UnitOfWork;
use crate::store::import_rows;
use crate::store::import_rows::{ImportRow, RowQuery, Which};
use crate::store::imports::Import;

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
    delimiter: Delimiter,
    header: Vec<String>,
    /// How many columns of errors the file came with.
    former_errors: usize,
    password_column: Option<usize>,
    after: Option<i64>,
}

/// Begins a download, which the audit log records.
///
/// # Errors
/// `import_not_ready`, `results_expired`, `not_found`.
pub fn open(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ReadImports>,
    id: ImportId,
    file: ResultFile,
) -> Result<Download> {
    let import = tx.transaction(|tx| {
        let import = load(tx, permit, id)?;
        require_readable(&import, tx.now())?;
        require_keys(tx, &import, file)?;
        let downloaded = ImportEvent::ResultsDownloaded { file: file.name() };
        publish(tx, &import, downloaded)?;
        Ok(import)
    })?;
    let (header, former_errors) = original_header(&import)?;
    Ok(Download {
        password_column: password_column(&import, &header),
        header,
        former_errors,
        import,
        file,
        delimiter: Delimiter::Comma,
        after: None,
    })
}

/// Refuses a file of which a part could not be read: the response would break off in its middle.
///
/// # Errors
/// `internal`, with what whoever runs the server has to do.
fn require_keys(tx: &mut UnitOfWork<'_>, import: &Import, file: ResultFile) -> Result<()> {
    let known = tx.services.sealing.ids();
    for sealed in import_rows::beginnings_of_sealed(tx.connection, import.id, file.rows())? {
        let key = SealingKeyId::of_sealed(&sealed);
        if !key.is_some_and(|key| known.contains(&key)) {
            let key = key.map(|key| key.to_string()).unwrap_or_default();
            return Err(Error::internal(format!(
                "rows of the import {} are sealed with the key {key}, which is not among ours: put it back \
                 (`rollcall doctor`)",
                import.id
            )));
        }
    }
    Ok(())
}

impl Download {
    /// The same file, divided by another character.
    pub fn divided_by(mut self, delimiter: Option<Delimiter>) -> Self {
        self.delimiter = delimiter.unwrap_or(self.delimiter);
        self
    }

    /// Reads the next piece of the file; `None` behind its end.
    ///
    /// # Errors
    /// `results_expired` where the results expired while they were read.
    pub fn next_chunk(&mut self, tx: &mut UnitOfWork<'_>) -> Result<Option<Vec<u8>>> {
        let Some(after) = self.after else {
            self.after = Some(0);
            return self.first_chunk().map(Some);
        };
        let rows = import_rows::list(tx.connection, &self.rows_after(after))?;
        let Some(last) = rows.last() else {
            return Ok(None);
        };
        self.after = Some(last.row_number);
        let mut writer = CsvWriter::continuing(Vec::new(), self.delimiter);
        for row in rows {
            let record = self.record(tx, row)?;
            writer
                .write_record(record.iter().map(Field::cell))
                .map_err(Error::internal)?;
        }
        writer.finish().map(Some).map_err(Error::internal)
    }

    const fn rows_after(&self, after: i64) -> RowQuery {
        RowQuery {
            import: self.import.id,
            which: self.file.rows(),
            after,
            limit: CHUNK,
        }
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
        let mut writer = CsvWriter::new(Vec::new(), self.delimiter).map_err(Error::internal)?;
        writer
            .write_record(columns.iter().map(|name| Cell::Text(name)))
            .map_err(Error::internal)?;
        writer.finish().map_err(Error::internal)
    }

    fn record(&self, tx: &UnitOfWork<'_>, row: ImportRow) -> Result<Vec<Field>> {
        let sealed = row.sealed.as_deref().ok_or_else(|| {
            Error::refused(
                Code::ResultsExpired,
                "The results of this import have just expired.",
            )
        })?;
        let secrets = SealedRow::open_ended(&row, sealed, &tx.services.sealing)?;
        Ok(match self.file {
            ResultFile::UserList => self.user_record(row, secrets),
            ResultFile::Errors => self.error_record(&row, secrets),
        })
    }

    fn user_record(&self, row: ImportRow, secrets: SealedRow) -> Vec<Field> {
        let texts = RowTexts::of(&row, secrets.username);
        let is_created = row.outcome.map(RowOutcome::end) == Some(RowEnd::Created);
        let password = secrets.password.filter(|_| is_created).unwrap_or_default();
        vec![
            Field::Text(row.row_number.to_string()),
            Field::Text(texts.email.unwrap_or_default()),
            Field::Password(password),
            Field::Text(texts.username.unwrap_or_default()),
            Field::Text(self.import.account_type.to_string()),
            Field::Text(status_word(row.outcome).to_owned()),
            Field::Text(error_code(&row)),
            Field::Text(row.error.unwrap_or_default()),
        ]
    }

    /// Writes the columns of the file, its errors, and behind them the cells that had no column, so that
    /// they have none when the file comes back.
    fn error_record(&self, row: &ImportRow, secrets: SealedRow) -> Vec<Field> {
        let mut cells = secrets.cells;
        let columns = self.header.len();
        cells.resize(cells.len().max(columns), String::new());
        let surplus = cells
            .split_off(columns)
            .into_iter()
            .skip(self.former_errors);
        let password = self.password_column;
        let mut fields: Vec<Field> = cells
            .into_iter()
            .enumerate()
            .map(|(place, cell)| match password {
                Some(column) if column == place => password_field(row, cell),
                Some(_) | None => self.original_field(cell),
            })
            .collect();
        fields.push(Field::Text(error_code(row)));
        fields.push(Field::Text(row.error.clone().unwrap_or_default()));
        if row.outcome == Some(RowOutcome::TooManyCells) {
            fields.extend(surplus.map(|cell| Field::Text(restore(&cell).into_owned())));
        }
        fields
    }

    fn original_field(&self, cell: String) -> Field {
        match self.import.source {
            ImportSource::Csv => Field::Text(restore(&cell).into_owned()),
            // A list of names has not been through a spreadsheet.
            ImportSource::Usernames => Field::Text(cell),
        }
    }
}

/// Leaves the cell of a password empty that a spreadsheet would run as a formula, or of which its
/// quotation marks do not tell what it is: a password is never altered, and this one has to be replaced
/// anyhow.
fn password_field(row: &ImportRow, cell: String) -> Field {
    let is_a_guess = row.outcome == Some(RowOutcome::QuotesMalformed) && cell.contains('"');
    if is_a_guess || is_formula_like(&cell) {
        return Field::Password(String::new());
    }
    Field::Password(cell)
}

/// The header of the file without the columns that an `errors.csv` adds, and how many these were.
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

fn password_column(import: &Import, header: &[String]) -> Option<usize> {
    let name = import.detected()?.columns.password?;
    header.iter().position(|cell| *cell == name)
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
    match outcome.map(RowOutcome::end) {
        Some(RowEnd::Created) => "created",
        Some(RowEnd::Cancelled) => "cancelled",
        Some(RowEnd::Failed) | None => "failed",
    }
}

fn error_code(row: &ImportRow) -> String {
    row.outcome
        .filter(|outcome| *outcome != RowOutcome::Created)
        .map(|outcome| outcome.to_string())
        .unwrap_or_default()
}

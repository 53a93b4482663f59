//! The upload: a stream of bytes becomes judged rows, staged batch by batch.
//!
//! No connection is held while the stream is waited for, and no transaction spans two batches, so a
//! slow client holds up nobody. Until it is accepted, the import is nobody's to see; if the upload
//! dies, it is deleted, by [`abandon`] or by the clean-up.

use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::time::Duration;

use crate::clock::Clock;
use crate::crypto::sealing::SealingKeys;
use crate::domain::email_address::{EmailAddress, EmailAddressError};
use crate::domain::ids::{ImportId, OrganizationId};
use crate::domain::imports::{
    ImportSource, ImportStatus, OnRowError, OnSeatShortage, RowError, RowOutcome,
};
use crate::domain::instant::Instant;
use crate::domain::password::Password;
use crate::domain::spreadsheet::{
    Detected, FileRefused, ReadError, RefusalKind, Requirements, Row, Spreadsheet, is_formula_like,
};
use crate::domain::username::{Username, UsernameError};
use crate::error::{Code, Error, Result};
use crate::services::authorization::{ManageImports, Permit};
use crate::store::import_rows::ImportRow;
use crate::store::imports::Import;
use crate::store::sql_types::JsonColumn;
use crate::store::{Pool, accounts, import_rows, imports, transaction};

use super::sealed_row::SealedRow;

/// Rows that are written together.
const BATCH: usize = 500;

/// Sealed bytes that are written together, about, where rows are large.
const BATCH_BYTES: usize = 1024 * 1024;

/// How long an upload may be silent before it is taken for dead.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// What staging needs from around it.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    pub pool: &'a Pool,
    pub keys: &'a SealingKeys,
    pub clock: &'a Clock,
}

/// A file whose rows are staged, waiting to be accepted.
pub struct Staged {
    pub import: ImportId,
    pub detected: Detected,
    pub header: Vec<String>,
    pub rows: i64,
    /// Rows that ended already, in an error.
    pub counts: BTreeMap<RowOutcome, i64>,
}

/// Reads a file to its end and stages its rows.
///
/// # Errors
/// The file's refusal (`file_unreadable`, `file_no_header`, `file_empty`, `too_many_rows`,
/// `payload_too_large`), or that the source broke off. Nothing is left behind then.
pub fn stage(
    around: Surroundings<'_>,
    permit: &Permit<ManageImports>,
    source: impl Read,
) -> Result<Staged> {
    let mut staging = Staging::begin(around, permit)?;
    match staging.read(source) {
        Ok(detected_and_header) => Ok(staging.finish(detected_and_header)),
        Err(error) => {
            abandon(around.pool, staging.import);
            Err(error)
        }
    }
}

/// Forgets a staged file. Where that fails, the clean-up does it later.
pub fn abandon(pool: &Pool, import: ImportId) {
    let deleted = pool
        .get()
        .and_then(|mut connection| imports::delete_staging(&mut connection, import));
    if let Err(error) = deleted {
        tracing::warn!(%error, %import, "an abandoned upload is left to the clean-up");
    }
}

struct Staging<'a> {
    around: Surroundings<'a>,
    organization: OrganizationId,
    import: ImportId,
    rows: i64,
    counts: BTreeMap<RowOutcome, i64>,
    /// In which row each address stood first, by a hash of it: a hundred thousand addresses would
    /// take ten times the memory.
    seen: HashMap<[u8; 16], u32>,
}

impl<'a> Staging<'a> {
    fn begin(around: Surroundings<'a>, permit: &Permit<ManageImports>) -> Result<Self> {
        let import = placeholder(permit, around.clock.now());
        imports::insert(&mut *around.pool.get()?, &import)?;
        Ok(Self {
            around,
            organization: permit.organization.id,
            import: import.id,
            rows: 0,
            counts: BTreeMap::new(),
            seen: HashMap::new(),
        })
    }

    fn read(&mut self, source: impl Read) -> Result<(Detected, Vec<String>)> {
        let mut sheet = Spreadsheet::open(source, Requirements::default()).map_err(refused)?;
        let mut batch = Vec::with_capacity(BATCH);
        let mut bytes = 0;
        while let Some(row) = sheet.next_row().map_err(refused)? {
            let judged = self.judge(row)?;
            bytes += judged.0.sealed.as_ref().map_or(0, Vec::len);
            batch.push(judged);
            if batch.len() == BATCH || bytes >= BATCH_BYTES {
                self.write(std::mem::take(&mut batch))?;
                bytes = 0;
            }
        }
        self.write(batch)?;
        Ok((sheet.detected(), sheet.header().to_vec()))
    }

    fn finish(self, (detected, header): (Detected, Vec<String>)) -> Staged {
        Staged {
            import: self.import,
            detected,
            header,
            rows: self.rows,
            counts: self.counts,
        }
    }

    /// What can be told of a row without the database.
    fn judge(&mut self, mut row: Row) -> Result<(ImportRow, Option<EmailAddress>)> {
        // A cell that shows nothing holds no password: spreadsheets leave spaces in empty ones.
        row.password = row.password.filter(|password| !password.trim().is_empty());
        if row.surplus_cells {
            hide_misplaced(&mut row);
        }
        let email = EmailAddress::parse(&row.email);
        let username = Username::parse(&row.username);
        let error = self.find_error(&row, &email, &username);
        let number = i64::from(row.number);
        let secrets = SealedRow {
            email: email.is_err().then_some(row.email),
            username: username.is_err().then(|| row.username.trim().to_owned()),
            password: row.password,
            cells: row.cells,
        };
        let email = email.ok();
        let mut staged = ImportRow {
            import_id: self.import,
            row_number: number,
            email: email.as_ref().map(ToString::to_string).unwrap_or_default(),
            username: username.map(|name| name.to_string()).unwrap_or_default(),
            outcome: None,
            error: None,
            account_id: None,
            password_hash: None,
            sealed: Some(secrets.seal(self.around.keys, self.import, number)?),
        };
        if let Some(error) = error {
            staged.fail(error);
        }
        Ok((staged, email))
    }

    /// The first thing that is wrong with a row. Its address is taken for the rows below only where
    /// it may become an account: a bad row must not stop a good one.
    fn find_error(
        &mut self,
        row: &Row,
        email: &Result<EmailAddress, EmailAddressError>,
        username: &Result<Username, UsernameError>,
    ) -> Option<RowError> {
        if row.surplus_cells {
            return Some(RowError::new(RowOutcome::TooManyCells));
        }
        let email = match email {
            Ok(email) => email,
            Err(error) => return Some((*error).into()),
        };
        if let Some(first) = self.first_with(email) {
            return Some(RowError::duplicate_of(first));
        }
        let error = match username {
            Ok(_) => password_error(row),
            Err(error) => Some((*error).into()),
        };
        if error.as_ref().is_none_or(may_be_mended) {
            self.seen.insert(digest(email), row.number);
        }
        error
    }

    fn first_with(&self, email: &EmailAddress) -> Option<u32> {
        self.seen.get(&digest(email)).copied()
    }

    fn write(&mut self, mut batch: Vec<(ImportRow, Option<EmailAddress>)>) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let mut connection = self.around.pool.get()?;
        let until = self.around.clock.now().plus(PATIENCE);
        transaction(&mut connection, |connection| {
            if !imports::keep_staging(connection, self.import, until)? {
                return Err(Error::not_found("organization"));
            }
            fail_taken(connection, self.organization, &mut batch)?;
            let rows: Vec<ImportRow> = batch.into_iter().map(|(row, _)| row).collect();
            import_rows::insert_all(connection, &rows)?;
            self.count(&rows);
            Ok(())
        })
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
    connection: &mut crate::store::Connection,
    organization: OrganizationId,
    batch: &mut [(ImportRow, Option<EmailAddress>)],
) -> Result<()> {
    let emails: Vec<EmailAddress> = batch
        .iter()
        .filter_map(|(_, email)| email.clone())
        .collect();
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

fn password_error(row: &Row) -> Option<RowError> {
    let Some(password) = &row.password else {
        return Some(RowError::new(RowOutcome::PasswordMissing));
    };
    if is_formula_like(password) {
        return Some(RowError::new(RowOutcome::PasswordFormulaLike));
    }
    Password::parse(password.clone()).err().map(RowError::from)
}

/// A password that is missing may yet be generated: that is settled when the whole request has been
/// read.
fn may_be_mended(error: &RowError) -> bool {
    error.outcome == RowOutcome::PasswordMissing
}

/// A delimiter too many moves the cells behind it, so that a piece of a password may stand where the
/// name or the address should. What is certainly an address is kept in sight; all cells stay sealed.
fn hide_misplaced(row: &mut Row) {
    row.username.clear();
    if EmailAddress::parse(&row.email).is_err() {
        row.email.clear();
    }
}

/// Half of a hash: enough to tell addresses apart, whoever made them up.
fn digest(email: &EmailAddress) -> [u8; 16] {
    let digest = ring::digest::digest(&ring::digest::SHA256, email.as_str().as_bytes());
    let mut half = [0_u8; 16];
    for (slot, byte) in half.iter_mut().zip(digest.as_ref()) {
        *slot = *byte;
    }
    half
}

/// What an import is while its file arrives; the acceptance puts its real options in place.
fn placeholder(permit: &Permit<ManageImports>, now: Instant) -> Import {
    Import {
        id: ImportId::new(),
        organization_id: permit.organization.id,
        created_by_account_id: permit.holder,
        source: ImportSource::Csv,
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
        leased_by: None,
        leased_until: now.plus(PATIENCE),
        created_at: now,
        started_at: None,
        finished_at: None,
        results_expire_at: None,
        results_discarded_at: None,
    }
}

fn refused(error: ReadError) -> Error {
    match error {
        ReadError::Refused(FileRefused { kind, detail }) => {
            let code = match kind {
                RefusalKind::Unreadable => Code::FileUnreadable,
                RefusalKind::NoHeader => Code::FileNoHeader,
                RefusalKind::Empty => Code::FileEmpty,
                RefusalKind::TooManyRows => Code::TooManyRows,
                RefusalKind::TooLarge => Code::PayloadTooLarge,
            };
            Error::refused(code, detail)
        }
        ReadError::Source(_) => Error::refused(
            Code::MalformedRequest,
            "The upload broke off before the end of the file. Nothing was imported: upload it again.",
        ),
    }
}

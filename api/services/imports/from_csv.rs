//! An import from a CSV file (`docs/imports.md`): a stream of bytes becomes validated rows while it
//! arrives.
//!
//! No connection is held while the stream is waited for, and no transaction spans two batches, so a
//! slow client holds up nobody.

use std::collections::HashMap;
use std::io::Read;

use super::sealed_row::SealedRow;
use super::staging::{FileLayout, Staged, Staging, ValidatedRow, abandon};
use crate::crypto::digest::sha256;
use crate::domain::email_address::{EmailAddress, EmailAddressError};
use crate::domain::generated_address::LoginDomain;
use crate::domain::imports::{ImportSource, RowOutcome};
use crate::domain::password::Password;
use crate::domain::row_error::RowError;
use crate::domain::spreadsheet::{
    FileRefused, ReadError, ReadOptions, RefusalKind, Requirements, Row, Spreadsheet, is_date_like,
    is_formula_like, is_number_like, stand_in_marks,
};
use crate::domain::username::artifacts::parse_from_file;
use crate::domain::username::{Username, UsernameError};
use crate::error::{Code, Error, Result};
use crate::services::authorization::{ManageImports, Permit};
use crate::services::context::RequestContext;
use crate::services::unit_of_work::Services;

/// A file that arrives, from somebody who may say how it is to be read.
pub trait FileSource: Read {
    /// What is known of that when the beginning of the file has arrived, or all of it.
    fn options(&self) -> ReadOptions;
}

impl<T: FileSource> FileSource for &mut T {
    fn options(&self) -> ReadOptions {
        (**self).options()
    }
}

/// Reads a file to its end and stages its rows, each batch in a unit of work of its own.
///
/// # Errors
/// The file's refusal (`file_unreadable`, `file_no_header`, `file_empty`, `encoding_unclear`,
/// `delimiter_unclear`, `too_many_rows`, `payload_too_large`), or that the source broke off. Nothing is left behind then.
pub fn stage(
    services: &Services,
    context: &RequestContext,
    permit: &Permit<ManageImports>,
    source: impl FileSource,
) -> Result<Staged> {
    let mut arrival = Arrival {
        services,
        context,
        staging: services.run(context, |tx| Staging::begin(tx, permit, ImportSource::Csv))?,
    };
    match arrival.read(source) {
        Ok(layout) => Ok(arrival.staging.finish(layout)),
        Err(error) => {
            abandon(&services.pool, arrival.staging.import());
            Err(error)
        }
    }
}

/// A file that is being staged.
struct Arrival<'a> {
    services: &'a Services,
    context: &'a RequestContext,
    staging: Staging,
}

impl Arrival<'_> {
    fn read(&mut self, source: impl FileSource) -> Result<FileLayout> {
        let services = self.services;
        let mut options = ReadOptions::default();
        let ask = |source: &_| {
            options = FileSource::options(source);
            options
        };
        let limits = Requirements::default();
        let mut sheet = Spreadsheet::open_with(source, limits, ask).map_err(refused)?;
        let unused = sheet.detected().columns.unused_passwords;
        let has_passwords = sheet.password_column().is_some() || !unused.is_empty();
        let mut validator = RowValidator {
            login_domain: &services.config.login_domain,
            has_passwords,
            names_from_addresses: options.usernames_from_addresses,
            seen: HashMap::new(),
        };
        while let Some(row) = sheet.next_row().map_err(refused)? {
            self.staging
                .add(&services.sealing, validator.validate(row))?;
            if self.staging.is_full() {
                self.write()?;
            }
        }
        self.write()?;
        Ok(FileLayout {
            detected: Some(sheet.detected()),
            cleaned: None,
            header: sheet.header().to_vec(),
            options,
        })
    }

    /// Writes the batch at the present time: an upload may take minutes.
    fn write(&mut self) -> Result<()> {
        let context = self.context.at(self.services.clock.now());
        self.services.run(&context, |tx| self.staging.write(tx))
    }
}

/// Validates rows as far as that is possible without the database.
struct RowValidator<'a> {
    login_domain: &'a LoginDomain,
    /// Whether the file has a column of passwords, or one that looks like it.
    has_passwords: bool,
    /// Whether a row without a name gets it from its address.
    names_from_addresses: bool,
    /// The row in which each address came first, by a hash of the address: a hundred thousand addresses
    /// would take ten times the memory.
    seen: HashMap<[u8; 16], u32>,
}

impl RowValidator<'_> {
    fn validate(&mut self, mut row: Row) -> ValidatedRow {
        // A cell that shows nothing holds no password: spreadsheets leave spaces in empty ones.
        row.password = row.password.filter(|password| !password.trim().is_empty());
        let email = self.login_domain.parse_outside(&row.email);
        let username = self.username(&row, email.as_ref().ok());
        let error = self.first_error(&row, &email, &username);
        self.note_address(&row, email.as_ref().ok(), error.as_ref());
        let shows_name = self.shows_name(&row, error.as_ref());
        ValidatedRow {
            number: row.number,
            email: email.ok().filter(|_| !row.undivided),
            username: username.ok().filter(|_| shows_name),
            secrets: SealedRow {
                username: None,
                password: row.password,
                cells: row.cells,
            },
            error,
        }
    }

    /// The name in its column, or else the one that stands beside the address, or else one from the address.
    fn username(&self, row: &Row, email: Option<&EmailAddress>) -> Result<Username, UsernameError> {
        let name = parse_from_file(&row.username);
        if name != Err(UsernameError::Missing) {
            return name;
        }
        match (&row.name_beside_email, email) {
            (Some(name), Some(_)) => parse_from_file(name),
            (None, Some(email)) if self.names_from_addresses => Ok(Username::of_address(email)),
            (None | Some(_), None | Some(_)) => name,
        }
    }

    /// Whether what stands in the column of names may be shown and stored readable. In a row that is
    /// divided otherwise, or filled in beside its columns, it may be a password: the row has to have a
    /// password where it belongs, or be one that may get its password yet.
    fn shows_name(&self, row: &Row, error: Option<&RowError>) -> bool {
        let is_certain = match error.map(|error| error.outcome) {
            None | Some(RowOutcome::PasswordMissing) => true,
            Some(RowOutcome::DuplicateInFile) => {
                !self.has_passwords || password_error(row).is_none()
            }
            Some(_) => !self.has_passwords,
        };
        is_certain && misplaced(row).is_none()
    }

    /// The first error of a row.
    fn first_error(
        &self,
        row: &Row,
        email: &Result<EmailAddress, EmailAddressError>,
        username: &Result<Username, UsernameError>,
    ) -> Option<RowError> {
        if let Some(error) = misplaced(row) {
            return Some(error);
        }
        let email = match email {
            Ok(email) => email,
            Err(error) => return Some((*error).into()),
        };
        if let Some(first) = self.first_with(email) {
            return Some(RowError::duplicate_of(first));
        }
        match username {
            Ok(_) => password_error(row),
            Err(error) => Some((*error).into()),
        }
    }

    /// Has rows below be duplicates of this one's address where the row may become an account: a bad row must not
    /// stop a good one.
    fn note_address(&mut self, row: &Row, email: Option<&EmailAddress>, error: Option<&RowError>) {
        if let Some(email) = email.filter(|_| error.is_none_or(may_be_mended)) {
            self.seen.insert(digest(email), row.number);
        }
    }

    fn first_with(&self, email: &EmailAddress) -> Option<u32> {
        self.seen.get(&digest(email)).copied()
    }
}

/// The error of a row whose cells may stand in wrong columns.
fn misplaced(row: &Row) -> Option<RowError> {
    if row.broken_quotes || stand_in_marks(row.password.as_deref(), &row.username) {
        Some(RowError::new(RowOutcome::QuotesMalformed))
    } else if row.surplus_cells {
        Some(RowError::new(RowOutcome::TooManyCells))
    } else if row.undivided {
        Some(RowError::undivided())
    } else {
        None
    }
}

fn password_error(row: &Row) -> Option<RowError> {
    let Some(password) = &row.password else {
        return Some(RowError::new(RowOutcome::PasswordMissing));
    };
    if is_formula_like(password) {
        return Some(RowError::new(RowOutcome::PasswordFormulaLike));
    }
    if is_number_like(password) || is_date_like(password) {
        return Some(RowError::new(RowOutcome::PasswordNumberLike));
    }
    Password::parse(password.clone()).err().map(RowError::from)
}

/// A missing password may still be generated: the options are known when the whole request has been
/// read.
fn may_be_mended(error: &RowError) -> bool {
    error.outcome.awaits_password()
}

/// Half of a SHA-256: enough to tell addresses apart, even if somebody chose them to collide.
fn digest(email: &EmailAddress) -> [u8; 16] {
    let digest = sha256(email.as_str().as_bytes());
    let mut half = [0_u8; 16];
    for (slot, byte) in half.iter_mut().zip(digest) {
        *slot = byte;
    }
    half
}

/// The refusal of a file that cannot be read to its end.
pub fn refused(error: ReadError) -> Error {
    match error {
        ReadError::Refused(FileRefused { kind, detail }) => {
            let code = match kind {
                RefusalKind::Unreadable => Code::FileUnreadable,
                RefusalKind::NoHeader => Code::FileNoHeader,
                RefusalKind::EncodingUnclear => Code::EncodingUnclear,
                RefusalKind::DelimiterUnclear => Code::DelimiterUnclear,
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

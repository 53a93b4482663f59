//! An import from a list of names (`docs/imports.md`): the addresses and passwords are generated when
//! the accounts are created. The list is staged and accepted in one transaction.

use super::sealed_row::SealedRow;
use super::staging::{FileLayout, Staging, ValidatedRow};
use super::submission::{self, Options};
use super::{ImportWithCounts, require_any_reach};
use crate::domain::imports::ImportSource;
use crate::domain::row_error::RowError;
use crate::domain::spreadsheet::ReadOptions;
use crate::domain::username_list::{UsernameList, UsernameListError, is_shown, listed_name};
use crate::error::{Code, Error, Result};
use crate::services::authorization::{ManageImports, Permit};
use crate::services::unit_of_work::UnitOfWork;

/// The only column of such a list, as `errors.csv` names it.
const COLUMN: &str = "username";

/// Makes an import of a list of names.
///
/// # Errors
/// As [`submission::submit`].
pub fn submit(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageImports>,
    list: &UsernameList,
    options: &Options,
) -> Result<ImportWithCounts> {
    tx.transaction(|tx| {
        require_any_reach(tx, permit)?;
        let mut staging = Staging::begin(tx, permit, ImportSource::Usernames)?;
        for (number, name) in (1..).zip(list.names()) {
            staging.add(&tx.services.sealing, validate(number, name))?;
            if staging.is_full() {
                staging.write(tx)?;
            }
        }
        staging.write(tx)?;
        let staged = staging.finish(FileLayout {
            detected: None,
            cleaned: list.cleaned().cloned(),
            header: vec![COLUMN.to_owned()],
            options: ReadOptions::default(),
        });
        submission::submit_staged(tx, permit, &staged, options)
    })
}

fn validate(number: u32, name: &str) -> ValidatedRow {
    let username = listed_name(name);
    let is_shown = matches!(&username, Err(error) if is_shown(name, error));
    ValidatedRow {
        number,
        email: None,
        error: username.as_ref().err().map(|error| RowError::from(*error)),
        secrets: SealedRow {
            username: is_shown.then(|| name.trim().to_owned()),
            password: None,
            cells: vec![name.to_owned()],
        },
        username: username.ok(),
    }
}

/// The refusal of a list, by the codes of every import.
impl From<UsernameListError> for Error {
    fn from(error: UsernameListError) -> Self {
        let code = match error {
            UsernameListError::NoText(_)
            | UsernameListError::WebPage
            | UsernameListError::Table
            | UsernameListError::EndlessLine { .. } => Code::FileUnreadable,
            UsernameListError::EncodingUnclear(_) => Code::EncodingUnclear,
            UsernameListError::Empty => Code::FileEmpty,
            UsernameListError::TooMany => Code::TooManyRows,
        };
        Self::refused(code, error.to_string())
    }
}

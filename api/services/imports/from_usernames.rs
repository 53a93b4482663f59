//! An import from a list of names (PRODUCT 3.7): the addresses and passwords are made up when the
//! accounts are. The list is there as a whole, so that it is staged and accepted in one transaction.

use super::sealed_row::SealedRow;
use super::staging::{FileLayout, Staging, ValidatedRow};
use super::submission::{self, Options};
use crate::domain::ids::ImportId;
use crate::domain::imports::{ImportSource, RowError};
use crate::domain::username::Username;
use crate::domain::username_list::{UsernameList, UsernameListError};
use crate::error::{Code, Error, Result};
use crate::services::authorization::{ManageImports, Permit};
use crate::services::unit_of_work::Services;
use crate::store::{Connection, transaction};

/// The one column of such a list, as `errors.csv` names it.
const COLUMN: &str = "username";

/// Makes an import of a list of names.
///
/// # Errors
/// As [`submission::accept`].
pub fn accept(
    connection: &mut Connection,
    services: &Services,
    permit: &Permit<ManageImports>,
    list: &UsernameList,
    options: &Options,
) -> Result<ImportId> {
    transaction(connection, |connection| {
        let source = ImportSource::Usernames;
        let mut staging = Staging::begin(&mut *connection, services, permit, source)?;
        for (number, name) in (1..).zip(list.names()) {
            staging.add(judge(number, name))?;
        }
        let staged = staging.finish(FileLayout {
            detected: None,
            header: vec![COLUMN.to_owned()],
        })?;
        submission::accept(connection, services, permit, &staged, options)?;
        Ok(staged.import)
    })
}

fn judge(number: u32, name: &str) -> ValidatedRow {
    let username = Username::parse(name);
    ValidatedRow {
        number,
        email: None,
        error: username.as_ref().err().map(|error| RowError::from(*error)),
        secrets: SealedRow {
            email: None,
            username: username.is_err().then(|| name.trim().to_owned()),
            password: None,
            cells: vec![name.to_owned()],
        },
        username: username.ok(),
    }
}

/// A list that is none, in the words of every import.
impl From<UsernameListError> for Error {
    fn from(error: UsernameListError) -> Self {
        let code = match error {
            UsernameListError::NotUtf8 | UsernameListError::EndlessLine { .. } => {
                Code::FileUnreadable
            }
            UsernameListError::Empty => Code::FileEmpty,
            UsernameListError::TooMany => Code::TooManyRows,
        };
        Self::refused(code, error.to_string())
    }
}

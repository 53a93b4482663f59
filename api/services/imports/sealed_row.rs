//! The part of a row that has to stay secret, and readable until the results expire: its password and
//! the original cells, which hold the password too.

use serde::{Deserialize, Serialize};

use crate::crypto::sealing::SealingKeys;
use crate::domain::ids::ImportId;
use crate::domain::imports::RowOutcome;
use crate::error::{Error, Result};
use crate::store::import_rows::ImportRow;

/// The secrets of one row.
#[derive(Serialize, Deserialize)]
pub(super) struct SealedRow {
    /// None until it is generated.
    pub password: Option<String>,
    /// The cells of the row in the file.
    pub cells: Vec<String>,
    /// What a list of names has in the place of a name, and is none. Of a file it is not kept: where
    /// somebody has mixed up the columns, or a row is divided otherwise, it is a password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
}

/// The address and the name of a row for those who may see them.
pub struct RowTexts {
    /// None where what was given is no address, or until it is made up.
    pub email: Option<String>,
    /// None where what was given is no name, or may be a password.
    pub username: Option<String>,
}

impl RowTexts {
    /// The texts of a row, and what a list has `given` in the place of a name.
    pub fn of(row: &ImportRow, given: Option<String>) -> Self {
        // Where the cell of the password is empty, the password may stand in that of the name.
        let is_sure = row.outcome != Some(RowOutcome::PasswordMissing);
        let stored = row.username.as_ref().filter(|_| is_sure);
        Self {
            email: row.email.as_ref().map(ToString::to_string),
            username: stored.map(ToString::to_string).or(given),
        }
    }
}

impl SealedRow {
    /// Encrypts it for its row.
    pub fn seal(&self, keys: &SealingKeys, import: ImportId, row: i64) -> Result<Vec<u8>> {
        let plain = serde_json::to_vec(self).map_err(Error::internal)?;
        keys.seal(&place(import, row), &plain)
    }

    /// Decrypts what was sealed for this row.
    pub fn open(sealed: &[u8], keys: &SealingKeys, import: ImportId, row: i64) -> Result<Self> {
        let plain = keys.open(&place(import, row), sealed)?;
        serde_json::from_slice(&plain).map_err(Error::internal)
    }

    /// Decrypts the secrets of a row that has ended. Those of a row that could not be processed may be
    /// the reason for that: what is lost of them does not keep the others from being read.
    pub fn open_ended(row: &ImportRow, sealed: &[u8], keys: &SealingKeys) -> Result<Self> {
        let opened = Self::open(sealed, keys, row.import_id, row.row_number);
        match (opened, row.outcome) {
            (Err(_), Some(RowOutcome::Unprocessed)) => Ok(Self::lost()),
            (opened, _) => opened,
        }
    }

    const fn lost() -> Self {
        Self {
            password: None,
            cells: Vec::new(),
            username: None,
        }
    }
}

/// The texts of a row of a list, which is opened where it has no name.
pub(super) fn texts_of(row: &ImportRow, keys: &SealingKeys) -> Result<RowTexts> {
    let given = match &row.sealed {
        Some(sealed) if row.username.is_none() => {
            SealedRow::open_ended(row, sealed, keys)?.username
        }
        Some(_) | None => None,
    };
    Ok(RowTexts::of(row, given))
}

/// What a row's secrets are bound to.
pub(in crate::services) fn place(import: ImportId, row: i64) -> Vec<u8> {
    format!("import {import} row {row}").into_bytes()
}

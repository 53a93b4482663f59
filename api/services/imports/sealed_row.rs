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
    /// What was given as the address or the name and is none. It is kept out of the readable columns:
    /// where somebody has mixed up the columns of a file, it is a password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
}

/// The address and the name of a row for those who may see them: as stored, or as given where they
/// are unusable.
pub struct RowTexts {
    /// None until it is made up.
    pub email: Option<String>,
    /// None where nobody can tell any more what was given.
    pub username: Option<String>,
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
            email: None,
            username: None,
        }
    }

    /// The texts of the row, with what was given in the place of what could not be stored.
    pub fn texts(&self, row: &ImportRow) -> RowTexts {
        let stored = stored_texts(row);
        RowTexts {
            email: self.email.clone().or(stored.email),
            username: self.username.clone().or(stored.username),
        }
    }
}

/// The texts of a row, opened only where a stored one is missing.
pub(super) fn texts_of(row: &ImportRow, keys: &SealingKeys) -> Result<RowTexts> {
    let is_complete = row.email.is_some() && row.username.is_some();
    match &row.sealed {
        Some(sealed) if !is_complete => Ok(SealedRow::open_ended(row, sealed, keys)?.texts(row)),
        _ => Ok(stored_texts(row)),
    }
}

fn stored_texts(row: &ImportRow) -> RowTexts {
    RowTexts {
        email: row.email.as_ref().map(ToString::to_string),
        username: row.username.as_ref().map(ToString::to_string),
    }
}

fn place(import: ImportId, row: i64) -> Vec<u8> {
    format!("import {import} row {row}").into_bytes()
}

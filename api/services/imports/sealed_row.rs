//! What of a row has to stay secret and readable until the results expire: its password, and the
//! original cells, among which the password stands too.

use serde::{Deserialize, Serialize};

use crate::crypto::sealing::SealingKeys;
use crate::domain::ids::ImportId;
use crate::error::{Error, Result};
use crate::store::import_rows::ImportRow;

/// The secrets of one row.
#[derive(Serialize, Deserialize)]
pub(super) struct SealedRow {
    /// None yet, where it is to be generated.
    pub password: Option<String>,
    /// As they stood in the file.
    pub cells: Vec<String>,
    /// What was given for an address or a name and is none. It stays out of the readable columns:
    /// where somebody has mixed up the columns of a file, it is a password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
}

impl SealedRow {
    /// Encrypts it for its place.
    pub fn seal(&self, keys: &SealingKeys, import: ImportId, row: i64) -> Result<Vec<u8>> {
        let plain = serde_json::to_vec(self).map_err(Error::internal)?;
        keys.seal(&place(import, row), &plain)
    }

    /// Puts what was given where a row has none.
    pub fn fill_in(&self, row: &mut ImportRow) {
        if let Some(email) = &self.email {
            row.email.clone_from(email);
        }
        if let Some(username) = &self.username {
            row.username.clone_from(username);
        }
    }

    /// Decrypts what was sealed for this place.
    pub fn open(sealed: &[u8], keys: &SealingKeys, import: ImportId, row: i64) -> Result<Self> {
        let plain = keys.open(&place(import, row), sealed)?;
        serde_json::from_slice(&plain).map_err(Error::internal)
    }
}

/// Puts what was given in the place of what could not be kept readable, for those who may see it.
pub(super) fn show_given(row: &mut ImportRow, keys: &SealingKeys) -> Result<()> {
    let is_readable = !row.email.is_empty() && !row.username.is_empty();
    if let (false, Some(sealed)) = (is_readable, &row.sealed) {
        let secrets = SealedRow::open(sealed, keys, row.import_id, row.row_number)?;
        secrets.fill_in(row);
    }
    Ok(())
}

fn place(import: ImportId, row: i64) -> Vec<u8> {
    format!("import {import} row {row}").into_bytes()
}

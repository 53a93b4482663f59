//! What of a row has to stay secret and readable until the results expire: its password, and the
//! original cells, among which the password stands too.

use serde::{Deserialize, Serialize};

use crate::crypto::sealing::SealingKeys;
use crate::domain::ids::ImportId;
use crate::error::{Error, Result};

/// The secrets of one row.
#[derive(Serialize, Deserialize)]
pub(super) struct SealedRow {
    /// None yet, where it is to be generated.
    pub password: Option<String>,
    /// As they stood in the file.
    pub cells: Vec<String>,
}

impl SealedRow {
    /// Encrypts it for its place.
    pub fn seal(&self, keys: &SealingKeys, import: ImportId, row: i64) -> Result<Vec<u8>> {
        let plain = serde_json::to_vec(self).map_err(Error::internal)?;
        keys.seal(&place(import, row), &plain)
    }

    /// Decrypts what was sealed for this place.
    pub fn open(sealed: &[u8], keys: &SealingKeys, import: ImportId, row: i64) -> Result<Self> {
        let plain = keys.open(&place(import, row), sealed)?;
        serde_json::from_slice(&plain).map_err(Error::internal)
    }
}

fn place(import: ImportId, row: i64) -> Vec<u8> {
    format!("import {import} row {row}").into_bytes()
}

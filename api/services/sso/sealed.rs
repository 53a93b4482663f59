//! Values of flows that only Rollcall is to read, each sealed for its place.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::services::unit_of_work::UnitOfWork;

/// Seals a value for its place.
pub(super) fn seal<T: Serialize>(
    tx: &UnitOfWork<'_>,
    kind: &str,
    place: &[u8],
    value: &T,
) -> Result<Vec<u8>> {
    let plain = serde_json::to_vec(value).map_err(Error::internal)?;
    tx.services.sealing.seal(&context(kind, place), &plain)
}

/// Opens what [`seal`] has sealed for the same place.
///
/// # Errors
/// `internal` where its key is gone, or it was moved.
pub(super) fn open_sealed<T: for<'de> Deserialize<'de>>(
    tx: &UnitOfWork<'_>,
    kind: &str,
    place: &[u8],
    sealed: &[u8],
) -> Result<T> {
    let plain = tx.services.sealing.open(&context(kind, place), sealed)?;
    serde_json::from_slice(&plain).map_err(Error::internal)
}

pub(super) fn context(kind: &str, place: &[u8]) -> Vec<u8> {
    [b"sso ", kind.as_bytes(), b" ", place].concat()
}

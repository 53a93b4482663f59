//! Client secrets, each sealed for the connection or the operator's app whose it is.

use crate::domain::ids::{AppId, ConnectionId};
use crate::error::{Error, Result};
use crate::services::unit_of_work::UnitOfWork;

/// What becomes of a client secret.
#[derive(Clone, Default)]
pub enum SecretChange {
    #[default]
    Kept,
    Dropped,
    Replaced(String),
}

/// What the client secret of a connection is sealed for.
pub fn context_of_connection(id: ConnectionId) -> String {
    format!("client secret {id}")
}

/// What the client secret of an app is sealed for.
pub fn context_of_app(id: AppId) -> String {
    format!("client secret of app {id}")
}

/// Seals a client secret for its place.
pub(super) fn seal(tx: &UnitOfWork<'_>, context: &str, secret: &str) -> Result<Vec<u8>> {
    let sealing = &tx.services.sealing;
    sealing.seal(context.as_bytes(), secret.as_bytes())
}

/// Opens a client secret, where there is one.
///
/// # Errors
/// `internal` where its sealing key is gone.
pub(super) fn open(
    tx: &UnitOfWork<'_>,
    context: &str,
    sealed: Option<&[u8]>,
) -> Result<Option<String>> {
    let Some(sealed) = sealed else {
        return Ok(None);
    };
    let plain = tx.services.sealing.open(context.as_bytes(), sealed)?;
    String::from_utf8(plain).map(Some).map_err(Error::internal)
}

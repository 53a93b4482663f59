//! Client secrets, each sealed for the connection or the operator's app whose it is.

use crate::domain::ids::{AppId, ConnectionId};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::services::unit_of_work::UnitOfWork;

/// A client secret, and until when the identity provider takes it, where that is known.
#[derive(Clone)]
pub struct ClientSecret {
    pub secret: String,
    pub expires_at: Option<Timestamp>,
}

/// What becomes of a client secret.
#[derive(Clone, Default)]
pub enum SecretChange {
    #[default]
    Kept,
    /// The same secret, whose end is told anew.
    Ends(Option<Timestamp>),
    Dropped,
    Replaced(ClientSecret),
}

/// A client secret as it is kept. Where there is none, nothing ends.
#[derive(Clone, Default)]
pub(super) struct KeptSecret {
    pub sealed: Option<Vec<u8>>,
    pub expires_at: Option<Timestamp>,
}

impl KeptSecret {
    /// A new secret, sealed for its place.
    pub fn new(tx: &UnitOfWork<'_>, context: &str, secret: Option<ClientSecret>) -> Result<Self> {
        secret.map_or_else(
            || Ok(Self::default()),
            |secret| {
                Ok(Self {
                    sealed: Some(seal(tx, context, &secret.secret)?),
                    expires_at: secret.expires_at,
                })
            },
        )
    }

    /// The secret after a change.
    pub fn changed(self, tx: &UnitOfWork<'_>, context: &str, change: SecretChange) -> Result<Self> {
        match change {
            SecretChange::Kept => Ok(self),
            SecretChange::Ends(at) => Ok(Self {
                expires_at: at.filter(|_| self.sealed.is_some()),
                ..self
            }),
            SecretChange::Dropped => Ok(Self::default()),
            SecretChange::Replaced(secret) => Self::new(tx, context, Some(secret)),
        }
    }
}

/// What the client secret of a connection is sealed for.
pub fn context_of_connection(id: ConnectionId) -> String {
    format!("client secret {id}")
}

/// What the client secret of an app is sealed for.
pub fn context_of_app(id: AppId) -> String {
    format!("client secret of app {id}")
}

fn seal(tx: &UnitOfWork<'_>, context: &str, secret: &str) -> Result<Vec<u8>> {
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

//! Requests that are executed once however often they are sent (`Idempotency-Key`).
//!
//! The work and the response that is stored for it are one transaction, so that a crash leaves both or
//! neither. The response to a refused request is not stored: nothing was done, and the same key may be
//! tried again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::unit_of_work::UnitOfWork;
use crate::crypto::digest::Sha256;
use crate::domain::idempotency_key::IdempotencyKey;
use crate::error::{Code, Error, Result};
use crate::store::idempotency_keys::{self, KeyClaim, KeyHash, SealedResponse};

/// How long a response is given again.
const RETENTION: Duration = Duration::from_secs(24 * 60 * 60);

/// A request with a key.
#[derive(Clone)]
pub struct KeyedRequest {
    key: KeyHash,
    fingerprint: [u8; 32],
}

/// A response that can be stored and given again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredResponse {
    /// The HTTP status.
    pub status: u16,
    /// The path of what was created.
    pub location: Option<String>,
    /// The cookie that it sets.
    pub cookie: Option<String>,
    /// JSON; empty for a response without a body.
    pub body: Vec<u8>,
}

/// How a request was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Execution {
    /// The work was done now.
    Executed(StoredResponse),
    /// The work had been done before; this is the response it got then.
    Replayed(StoredResponse),
}

impl Execution {
    /// Whether the work had been done before.
    pub const fn is_replayed(&self) -> bool {
        matches!(self, Self::Replayed(_))
    }
}

impl StoredResponse {
    /// 200 with a body.
    ///
    /// # Errors
    /// `internal` for what cannot be written as JSON.
    pub fn ok(body: &impl Serialize) -> Result<Self> {
        Self::with_body(200, body)
    }

    /// 201 with what was created, and its path.
    ///
    /// # Errors
    /// As [`StoredResponse::ok`].
    pub fn created(location: String, body: &impl Serialize) -> Result<Self> {
        Ok(Self::with_body(201, body)?.at(location))
    }

    /// The same with a cookie.
    #[must_use]
    pub fn with_cookie(self, cookie: Option<String>) -> Self {
        Self { cookie, ..self }
    }

    /// 202 with what was accepted, and the path to watch it at.
    ///
    /// # Errors
    /// As [`StoredResponse::ok`].
    pub fn accepted(location: String, body: &impl Serialize) -> Result<Self> {
        Ok(Self::with_body(202, body)?.at(location))
    }

    /// 202 without a body.
    pub const fn accepted_without_body() -> Self {
        Self::without_body(202)
    }

    /// 204.
    pub const fn no_content() -> Self {
        Self::without_body(204)
    }

    fn at(mut self, location: String) -> Self {
        self.location = Some(location);
        self
    }

    fn with_body(status: u16, body: &impl Serialize) -> Result<Self> {
        Ok(Self {
            status,
            location: None,
            cookie: None,
            body: serde_json::to_vec(body).map_err(Error::internal)?,
        })
    }

    const fn without_body(status: u16) -> Self {
        Self {
            status,
            location: None,
            cookie: None,
            body: Vec::new(),
        }
    }
}

impl KeyedRequest {
    /// A request by its key, whose key that is, and its fingerprint: a SHA-256 of everything it asks.
    pub fn new(owner: &str, key: &IdempotencyKey, fingerprint: [u8; 32]) -> Self {
        let mut hash = Sha256::new();
        hash.update(owner.as_bytes());
        hash.update(b"\n");
        hash.update(key.as_str().as_bytes());
        Self {
            key: hash.finish(),
            fingerprint,
        }
    }

    /// Executes `work` in one transaction with its stored response, or gives the response that the
    /// request got before.
    ///
    /// # Errors
    /// `idempotency_conflict` where the key came with another request; the work's own.
    pub fn execute(
        &self,
        tx: &mut UnitOfWork<'_>,
        work: impl FnOnce(&mut UnitOfWork<'_>) -> Result<StoredResponse>,
    ) -> Result<Execution> {
        // A keyed hash: bodies hold passwords, which a plain hash would let somebody guess.
        let fingerprint = tx.services.sealing.mac(&self.fingerprint)?;
        tx.transaction(|tx| {
            let now = tx.now();
            let claim = KeyClaim {
                key: &self.key,
                fingerprint: &fingerprint,
                expires_at: now.plus(RETENTION),
            };
            if !idempotency_keys::claim(tx.connection, &claim, now)? {
                let known = self.replay(tx)?;
                return known.map(Execution::Replayed).ok_or_else(vanished);
            }
            let response = work(tx)?;
            let sealed = tx.services.sealing.seal(&self.key, &response.to_bytes()?)?;
            idempotency_keys::keep(tx.connection, &self.key, &sealed)?;
            Ok(Execution::Executed(response))
        })
    }

    /// The response that the request got before, if it did.
    ///
    /// # Errors
    /// `idempotency_conflict` where the key came with another request.
    pub fn replay(&self, tx: &mut UnitOfWork<'_>) -> Result<Option<StoredResponse>> {
        let kept = idempotency_keys::find(tx.connection, &self.key, tx.now())?;
        kept.map(|kept| self.open(tx, &kept)).transpose()
    }

    fn open(&self, tx: &UnitOfWork<'_>, kept: &SealedResponse) -> Result<StoredResponse> {
        let keys = &tx.services.sealing;
        if !keys.recognises(&self.fingerprint, &kept.fingerprint) {
            return Err(conflict());
        }
        StoredResponse::from_bytes(&keys.open(&self.key, &kept.sealed)?)
    }
}

/// The refusal of a key that came with another request.
pub fn conflict() -> Error {
    Error::refused(
        Code::IdempotencyConflict,
        "This Idempotency-Key was sent with another request before. Take a new key for each thing that \
         is to be done, and the same one only to repeat it.",
    )
}

/// The response expired and was deleted between two statements: the client may send it again.
fn vanished() -> Error {
    Error::conflict("a stored response expired at this very moment")
}

#[derive(Serialize, Deserialize)]
struct ResponseHead {
    status: u16,
    location: Option<String>,
    cookie: Option<String>,
}

impl StoredResponse {
    /// A line of JSON, and the body as it is.
    fn to_bytes(&self) -> Result<Vec<u8>> {
        let head = ResponseHead {
            status: self.status,
            location: self.location.clone(),
            cookie: self.cookie.clone(),
        };
        let mut bytes = serde_json::to_vec(&head).map_err(Error::internal)?;
        bytes.push(b'\n');
        bytes.extend_from_slice(&self.body);
        Ok(bytes)
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let mut parts = bytes.splitn(2, |byte| *byte == b'\n');
        let head = parts.next().unwrap_or_default();
        let ResponseHead {
            status,
            location,
            cookie,
        } = serde_json::from_slice(head).map_err(Error::internal)?;
        Ok(Self {
            status,
            location,
            cookie,
            body: parts.next().unwrap_or_default().to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_stored_whole() {
        for (location, body) in [
            (None, ""),
            (Some("/v1/x\n"), "{\"a\":\n\"b\"}\n"),
            (None, "\n"),
        ] {
            let response = StoredResponse {
                status: 201,
                location: location.map(str::to_owned),
                cookie: location.map(|_| "a=b; Secure".to_owned()),
                body: body.into(),
            };
            let stored = response.to_bytes().unwrap();
            assert_eq!(StoredResponse::from_bytes(&stored).unwrap(), response);
        }
    }
}

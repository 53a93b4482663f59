//! Requests that are done once however often they are sent (PRODUCT 4, `Idempotency-Key`).
//!
//! The work and the answer that is kept of it are one transaction, so that whatever dies when leaves
//! both or neither. What was refused is not kept: nothing was done, and the same key may be tried
//! again.

use std::time::Duration;

use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use crate::crypto::sealing::SealingKeys;
use crate::domain::idempotency_key::IdempotencyKey;
use crate::domain::timestamp::Timestamp;
use crate::error::{Code, Error, Result};
use crate::store::idempotency_keys::{self, KeptAnswer, KeyHash};
use crate::store::{Connection, transaction};

/// How long an answer is given again (PRODUCT 4).
pub const KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// A request with a key.
pub struct KeyedRequest {
    key: KeyHash,
    digest: [u8; 32],
}

/// An answer, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub location: Option<String>,
    pub body: Vec<u8>,
}

/// How a request ended.
pub enum Ending {
    /// It was done now.
    Done(Answer),
    /// It had been done before, and this is what it was answered.
    Known(Answer),
}

impl KeyedRequest {
    /// A request by its key, whose key that is, and a SHA-256 of everything that it asks.
    pub fn new(owner: &str, key: &IdempotencyKey, digest: [u8; 32]) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(owner.as_bytes());
        context.update(b"\n");
        context.update(key.as_str().as_bytes());
        let mut hash = [0_u8; 32];
        hash.copy_from_slice(context.finish().as_ref());
        Self { key: hash, digest }
    }

    /// Does `work`, or gives the answer that it got before.
    ///
    /// # Errors
    /// `idempotency_conflict` where the key came with another request; the work's own.
    pub fn once(
        &self,
        connection: &mut Connection,
        keys: &SealingKeys,
        now: Timestamp,
        work: impl FnOnce(&mut Connection) -> Result<Answer>,
    ) -> Result<Ending> {
        // Bodies hold passwords, which a plain hash would let be guessed.
        let fingerprint = keys.mac(&self.digest)?;
        let expiry = now.plus(KEPT_FOR);
        transaction(connection, |connection| {
            if !idempotency_keys::claim(connection, &self.key, &fingerprint, expiry, now)? {
                let known = self.known(connection, keys, now)?;
                return known.map(Ending::Known).ok_or_else(vanished);
            }
            let answer = work(connection)?;
            let sealed = keys.seal(&self.key, &answer.to_bytes()?)?;
            idempotency_keys::keep(connection, &self.key, &sealed)?;
            Ok(Ending::Done(answer))
        })
    }

    /// The answer that the request got before, if it did.
    ///
    /// # Errors
    /// `idempotency_conflict` where the key came with another request.
    pub fn known(
        &self,
        connection: &mut Connection,
        keys: &SealingKeys,
        now: Timestamp,
    ) -> Result<Option<Answer>> {
        let kept = idempotency_keys::find(connection, &self.key, now)?;
        kept.map(|kept| self.read(keys, &kept)).transpose()
    }

    fn read(&self, keys: &SealingKeys, kept: &KeptAnswer) -> Result<Answer> {
        if !keys.recognises(&self.digest, &kept.fingerprint) {
            return Err(Error::refused(
                Code::IdempotencyConflict,
                "This Idempotency-Key was sent with another request before. Take a new key for \
                 each thing that is to be done, and the same one only to repeat it.",
            ));
        }
        Answer::from_bytes(&keys.open(&self.key, &kept.sealed)?)
    }
}

/// Expired and swept away between two statements: the client may send it again.
fn vanished() -> Error {
    Error::unavailable("a kept answer has expired at this very moment")
}

#[derive(Serialize, Deserialize)]
struct Head {
    status: u16,
    location: Option<String>,
}

impl Answer {
    /// A line of JSON, and the body as it is.
    fn to_bytes(&self) -> Result<Vec<u8>> {
        let head = Head {
            status: self.status,
            location: self.location.clone(),
        };
        let mut bytes = serde_json::to_vec(&head).map_err(Error::internal)?;
        bytes.push(b'\n');
        bytes.extend_from_slice(&self.body);
        Ok(bytes)
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let mut parts = bytes.splitn(2, |byte| *byte == b'\n');
        let head = parts.next().unwrap_or_default();
        let Head { status, location } = serde_json::from_slice(head).map_err(Error::internal)?;
        Ok(Self {
            status,
            location,
            body: parts.next().unwrap_or_default().to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_kept_whole() {
        for (location, body) in [
            (None, ""),
            (Some("/v1/x\n"), "{\"a\":\n\"b\"}\n"),
            (None, "\n"),
        ] {
            let answer = Answer {
                status: 201,
                location: location.map(str::to_owned),
                body: body.into(),
            };
            let kept = answer.to_bytes().unwrap();
            assert_eq!(Answer::from_bytes(&kept).unwrap(), answer);
        }
    }
}

//! Secrets that have to be readable again for a while: the passwords of an import's results, and
//! answers that may have to be given again.
//!
//! ChaCha20-Poly1305 (RFC 8439) with a key that lies outside the database. What is sealed is bound
//! to its place by associated data, so that no row's secret can be moved to another. What has only to
//! be recognised again, and could be guessed from a plain hash, gets a MAC with a key of the same origin.

use std::fmt;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf;
use ring::hmac;

use super::digest::sha256;
use super::key_file::{self, KeyError};
use super::random;
use crate::error::{Error, Result};

/// How many bytes of a key's hash name it.
const KEY_ID_LEN: usize = 4;

/// What a line begins with that is no key.
const NOTE: char = '#';

/// What names a key: the first bytes of its hash, with which everything begins that it has sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealingKeyId([u8; KEY_ID_LEN]);

impl SealingKeyId {
    /// The id of the key that has sealed something, of which the beginning is enough.
    pub fn of_sealed(sealed: &[u8]) -> Option<Self> {
        let id = sealed.get(..KEY_ID_LEN)?;
        id.try_into().ok().map(Self)
    }

    /// What everything begins with that the key has sealed.
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for SealingKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The keys that seal: the first one seals, any of them opens, so that keys can be changed.
pub struct SealingKeys {
    keys: Vec<SealingKey>,
}

struct SealingKey {
    id: SealingKeyId,
    key: LessSafeKey,
    mac: hmac::Key,
}

impl SealingKeys {
    /// Reads the keys of a file: base64 of 32 bytes a line, as `openssl rand -base64 32` writes.
    ///
    /// # Errors
    /// Where the file cannot be read or a line is no such key.
    pub fn load(path: &Path, make_if_missing: bool) -> Result<Self, KeyError> {
        let text = if make_if_missing {
            key_file::read_or_make(path, make)?
        } else {
            key_file::read_or_make(path, || {
                Err(KeyError::Unusable {
                    path: path.to_owned(),
                    problem: "it does not exist; make it with `openssl rand -base64 32`",
                })
            })?
        };
        let keys: Option<Vec<SealingKey>> = text
            .lines()
            .filter(|line| !line.trim().is_empty() && !line.starts_with(NOTE))
            .map(SealingKey::parse)
            .collect();
        match keys {
            Some(keys) if !keys.is_empty() => Ok(Self { keys }),
            _ => Err(KeyError::Unusable {
                path: path.to_owned(),
                problem: "each line has to be the base64 of 32 bytes, as `openssl rand -base64 32` \
                          writes",
            }),
        }
    }

    /// The ids of the keys, the one that seals first.
    pub fn ids(&self) -> Vec<SealingKeyId> {
        self.keys.iter().map(|key| key.id).collect()
    }

    /// Encrypts `secret` for the place that `context` names.
    ///
    /// # Errors
    /// Where the system has no randomness to give.
    pub fn seal(&self, context: &[u8], secret: &[u8]) -> Result<Vec<u8>> {
        let key = self
            .keys
            .first()
            .ok_or_else(|| Error::internal("no sealing key"))?;
        let mut nonce = [0_u8; NONCE_LEN];
        random::fill(&mut nonce)?;
        let mut sealed = secret.to_vec();
        key.key
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(context),
                &mut sealed,
            )
            .map_err(|_| Error::internal("sealing failed"))?;
        Ok([key.id.0.as_slice(), nonce.as_slice(), sealed.as_slice()].concat())
    }

    /// Decrypts what [`SealingKeys::seal`] made for the same context.
    ///
    /// # Errors
    /// Where its key is not among ours, or it was changed or moved.
    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>> {
        self.try_open(context, sealed)
            .ok_or_else(|| Error::internal("a sealed value does not open: is its key still there?"))
    }

    /// Seals with the first key what any of them opens; none where none does.
    ///
    /// # Errors
    /// Where the system has no randomness to give.
    pub fn reseal(&self, context: &[u8], sealed: &[u8]) -> Result<Option<Vec<u8>>> {
        let opened = self.try_open(context, sealed);
        opened.map(|secret| self.seal(context, &secret)).transpose()
    }

    /// A keyed hash (HMAC-SHA256) of `message`, to recognise it by.
    ///
    /// # Errors
    /// Never, for keys that were loaded.
    pub fn mac(&self, message: &[u8]) -> Result<Vec<u8>> {
        let key = self.keys.first();
        let key = key.ok_or_else(|| Error::internal("no sealing key"))?;
        Ok(hmac::sign(&key.mac, message).as_ref().to_vec())
    }

    /// What [`SealingKeys::mac`] makes of a message with each of the keys, the first one's first.
    pub fn macs(&self, message: &[u8]) -> impl Iterator<Item = Vec<u8>> {
        let of_key = move |key: &SealingKey| hmac::sign(&key.mac, message).as_ref().to_vec();
        self.keys.iter().map(of_key)
    }

    /// Whether [`SealingKeys::mac`] made this of the same message, with whichever of the keys.
    pub fn recognises(&self, message: &[u8], mac: &[u8]) -> bool {
        self.keys
            .iter()
            .any(|key| hmac::verify(&key.mac, message, mac).is_ok())
    }

    fn try_open(&self, context: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (id, rest) = sealed.split_at_checked(KEY_ID_LEN)?;
        let (nonce, ciphertext) = rest.split_at_checked(NONCE_LEN)?;
        let key = self.keys.iter().find(|key| key.id.0 == id)?;
        let mut buffer = ciphertext.to_vec();
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let length = key
            .key
            .open_in_place(nonce, Aad::from(context), &mut buffer)
            .ok()?
            .len();
        buffer.truncate(length);
        Some(buffer)
    }
}

impl SealingKey {
    fn parse(line: &str) -> Option<Self> {
        let bytes = STANDARD.decode(line.trim()).ok()?;
        let key = UnboundKey::new(&CHACHA20_POLY1305, &bytes).ok()?;
        Some(Self {
            id: SealingKeyId(sha256(&bytes).get(..KEY_ID_LEN)?.try_into().ok()?),
            key: LessSafeKey::new(key),
            mac: mac_key(&bytes)?,
        })
    }
}

/// Derives the key for MACs (HKDF, RFC 5869), so that what one key does says nothing of the other.
fn mac_key(sealing_key: &[u8]) -> Option<hmac::Key> {
    let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(sealing_key);
    let derived = extracted.expand(&[b"rollcall: recognising messages"], hmac::HMAC_SHA256);
    derived.ok().map(hmac::Key::from)
}

/// The id of the one key that a text is, with what is noted before it.
pub(super) fn key_id(text: &str) -> Option<SealingKeyId> {
    let mut lines = text.lines().filter(|line| !line.starts_with(NOTE));
    SealingKey::parse(lines.next()?).map(|key| key.id)
}

/// A new key, as a line.
pub(super) fn make() -> Result<String, KeyError> {
    let mut key = [0_u8; 32];
    random::fill(&mut key).map_err(|_| KeyError::NoRandomness)?;
    Ok(format!("{}\n", STANDARD.encode(key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(lines: &[&str]) -> SealingKeys {
        SealingKeys {
            keys: lines
                .iter()
                .map(|line| SealingKey::parse(line).unwrap())
                .collect(),
        }
    }

    #[test]
    fn what_is_sealed_opens_in_its_place_only() {
        let key = make().unwrap();
        let keys = keys(&[key.trim()]);
        let sealed = keys.seal(b"import 1, row 2", b"secret").unwrap();
        assert_eq!(keys.open(b"import 1, row 2", &sealed).unwrap(), b"secret");
        assert!(keys.open(b"import 1, row 3", &sealed).is_err());
        assert!(!sealed.windows(6).any(|window| window == b"secret"));
    }

    #[test]
    fn an_older_key_still_opens_and_a_foreign_one_does_not() {
        let (old, new) = (make().unwrap(), make().unwrap());
        let sealed = keys(&[old.trim()]).seal(b"here", b"secret").unwrap();
        assert_eq!(
            keys(&[new.trim(), old.trim()])
                .open(b"here", &sealed)
                .unwrap(),
            b"secret"
        );
        assert!(keys(&[new.trim()]).open(b"here", &sealed).is_err());
        assert!(keys(&[old.trim()]).open(b"here", b"short").is_err());
    }

    #[test]
    fn a_message_is_recognised_by_its_key_and_by_no_other() {
        let (old, new) = (make().unwrap(), make().unwrap());
        let mac = keys(&[old.trim()]).mac(b"message").unwrap();
        assert!(keys(&[new.trim(), old.trim()]).recognises(b"message", &mac));
        assert!(!keys(&[old.trim()]).recognises(b"another", &mac));
        assert!(!keys(&[new.trim()]).recognises(b"message", &mac));
        assert_ne!(keys(&[new.trim()]).mac(b"message").unwrap(), mac);
    }
}

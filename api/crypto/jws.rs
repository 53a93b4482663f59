//! Signed tokens of foreign systems: JSON Web Signatures in their compact form (RFC 7515). What they say can be had
//! only once a signature holds.
//!
//! `jsonwebtoken` is not used for them: it takes one key, does not look at `crit`, and mixes the signature with
//! claims, which are told one by one here.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::json_web_key::JsonWebKey;
use super::public_key::SignatureAlgorithm;

/// How long a token may be: one with 200 groups has 10 KiB.
pub const MAX_LENGTH: usize = 128 * 1024;

/// A signed token that nobody has verified yet.
pub struct UnverifiedJws<'a> {
    algorithm: SignatureAlgorithm,
    key_id: Option<String>,
    /// Header and payload as they were signed.
    signed: &'a str,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

/// What a token says whose signature holds. Only [`UnverifiedJws::verify`] makes one.
pub struct VerifiedPayload(Vec<u8>);

/// Why a text is no token that can be verified.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    #[error("{0}")]
    Form(&'static str),
    #[error("{0}")]
    Algorithm(String),
    #[error("{0}")]
    Critical(String),
}

/// Why a signature does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignatureError {
    /// None of the keys has the id that the token names: there may be new keys.
    KeyUnknown { key_id: Option<String> },
    /// The keys with that id are for other algorithms.
    KeyForOther,
    /// It was made by none of the keys, or for another text.
    Wrong,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<Vec<String>>,
}

impl<'a> UnverifiedJws<'a> {
    /// Takes a token apart.
    ///
    /// # Errors
    /// Where it has not this form, is signed by an algorithm that is not taken, or asks for an extension.
    pub fn parse(token: &'a str) -> Result<Self, JwsError> {
        if token.len() > MAX_LENGTH {
            return Err(JwsError::Form("a text of more than 128 KiB"));
        }
        let parts = token
            .rsplit_once('.')
            .and_then(|(signed, signature)| Some((signed, signed.split_once('.')?, signature)));
        let Some((signed, (header, payload), signature)) = parts else {
            return Err(JwsError::Form("a text that has not three parts"));
        };
        let header: Header = serde_json::from_slice(&decoded(header)?)
            .map_err(|_| JwsError::Form("a token whose header cannot be read"))?;
        if let Some(names) = header.crit {
            return Err(JwsError::Critical(names.join(", ")));
        }
        let algorithm = header.alg.parse::<SignatureAlgorithm>();
        Ok(Self {
            algorithm: algorithm.map_err(|_| JwsError::Algorithm(header.alg))?,
            key_id: header.kid,
            signed,
            payload: decoded(payload)?,
            signature: decoded(signature)?,
        })
    }

    pub fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }

    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// Whether one of the keys may have signed it.
    pub fn knows_key(&self, keys: &[JsonWebKey]) -> bool {
        !self.candidates(keys).is_empty()
    }

    /// What it says, if one of the keys has signed it.
    ///
    /// # Errors
    /// Where none has.
    pub fn verify(self, keys: &[JsonWebKey]) -> Result<VerifiedPayload, SignatureError> {
        let named = self.candidates(keys);
        if named.is_empty() {
            let key_id = self.key_id;
            return Err(SignatureError::KeyUnknown { key_id });
        }
        let message = self.signed.as_bytes();
        let mut fitting = named
            .iter()
            .filter(|key| key.takes(self.algorithm))
            .peekable();
        if fitting.peek().is_none() {
            return Err(SignatureError::KeyForOther);
        }
        if fitting.any(|key| key.verifies(self.algorithm, message, &self.signature)) {
            return Ok(VerifiedPayload(self.payload));
        }
        Err(SignatureError::Wrong)
    }

    /// The keys with the id that the token names. A token that names none may be of any; a key without an id may be
    /// the one that is meant where no key has an id.
    fn candidates<'keys>(&self, keys: &'keys [JsonWebKey]) -> Vec<&'keys JsonWebKey> {
        let have_no_ids = keys.iter().all(|key| key.id().is_none());
        let is_meant = |key: &&JsonWebKey| match &self.key_id {
            Some(id) => have_no_ids || key.id() == Some(id.as_str()),
            None => true,
        };
        keys.iter().filter(is_meant).collect()
    }
}

impl VerifiedPayload {
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

fn decoded(part: &str) -> Result<Vec<u8>, JwsError> {
    URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| JwsError::Form("a token with a part that is no base64url without padding"))
}

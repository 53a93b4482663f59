//! Access tokens: JSON Web Tokens signed with Ed25519 (RFC 8037), valid for fifteen minutes.
//!
//! Other services check them with the public keys at `/.well-known/jwks.json`. This server looks up
//! the session behind the token too, so that a sign-out holds at once.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use lru::LruCache;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde::{Deserialize, Serialize};

use super::digest::{Digest, sha256};
use super::key_file::{self, KeyError};
use super::ring_provider;
use crate::domain::ids::{AccountId, SessionId};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};

/// How long an access token is good for (`docs/accounts.md`).
pub const LIFETIME: Duration = Duration::from_secs(15 * 60);

/// The audience: no other kind of token of ours carries it.
const AUDIENCE: &str = "rollcall:access";

/// What an access token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    iss: String,
    aud: String,
    /// The account.
    pub sub: AccountId,
    /// The session.
    pub sid: SessionId,
    iat: i64,
    exp: i64,
}

/// The keys that sign access tokens: the first one signs, any of them verifies, so that keys can be
/// changed.
pub struct SigningKeys {
    issuer: String,
    keys: Vec<SigningKey>,
    verified: VerifiedTokens,
}

/// How many tokens are known to be signed by us, the last used: a token is presented many times in its
/// fifteen minutes, and to verify a signature takes longer than to read a session.
const MAX_VERIFIED: NonZeroUsize = NonZeroUsize::new(4_096).unwrap();

/// Whose signatures were verified, by their hashes: no token stays in memory.
struct VerifiedTokens(Mutex<LruCache<Digest, Claims>>);

impl VerifiedTokens {
    fn new() -> Self {
        Self(Mutex::new(LruCache::new(MAX_VERIFIED)))
    }

    fn get_or_verify(
        &self,
        token: &str,
        verify: impl FnOnce(&str) -> Option<Claims>,
    ) -> Option<Claims> {
        let hash = sha256(token.as_bytes());
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = lock().get(&hash).cloned();
        known.or_else(|| {
            let claims = verify(token)?;
            lock().put(hash, claims.clone());
            Some(claims)
        })
    }
}

struct SigningKey {
    id: String,
    public: Vec<u8>,
    encoding: EncodingKey,
    decoding: DecodingKey,
}

/// A JSON Web Key Set (RFC 7517).
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(examples(json!({ "keys": [{
    "kty": "OKP",
    "crv": "Ed25519",
    "alg": "EdDSA",
    "use": "sig",
    "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
}] })))]
pub struct JwkSet {
    #[schema(max_items = 16)]
    pub keys: Vec<Jwk>,
}

/// A public Ed25519 key as a JSON Web Key (RFC 8037).
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Jwk {
    #[schema(max_length = 8, examples("OKP"))]
    kty: &'static str,
    #[schema(max_length = 16, examples("Ed25519"))]
    crv: &'static str,
    #[schema(max_length = 8, examples("EdDSA"))]
    alg: &'static str,
    #[serde(rename = "use")]
    #[schema(max_length = 8, examples("sig"))]
    usage: &'static str,
    /// The key's thumbprint (RFC 7638).
    #[schema(
        max_length = 64,
        examples("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")
    )]
    kid: String,
    /// The public key.
    #[schema(
        max_length = 64,
        examples("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
    )]
    x: String,
}

impl SigningKeys {
    /// Reads the keys of a file: PEM blocks of PKCS#8, as `openssl genpkey -algorithm ed25519`
    /// writes.
    ///
    /// # Errors
    /// Where the file cannot be read or a block is no such key.
    pub fn load(path: &Path, make_if_missing: bool, issuer: &str) -> Result<Self, KeyError> {
        ring_provider::install();
        let unusable = |problem| KeyError::Unusable {
            path: path.to_owned(),
            problem,
        };
        let text = key_file::read_or_make(path, || {
            if make_if_missing {
                make()
            } else {
                Err(unusable(
                    "it does not exist; make it with `openssl genpkey -algorithm ed25519`",
                ))
            }
        })?;
        let keys = signing_keys(&text);
        match keys {
            Some(keys) if !keys.is_empty() => Ok(Self {
                issuer: issuer.to_owned(),
                keys,
                verified: VerifiedTokens::new(),
            }),
            _ => Err(unusable(
                "it has to hold Ed25519 keys in PEM, as `openssl genpkey -algorithm ed25519` writes",
            )),
        }
    }

    /// The ids of the keys, the one that signs first.
    pub fn ids(&self) -> Vec<&str> {
        self.keys.iter().map(|key| key.id.as_str()).collect()
    }

    /// A token for this session, good from `now` on.
    ///
    /// # Errors
    /// Never, with keys that [`SigningKeys::load`] let through.
    pub fn sign(&self, account: AccountId, session: SessionId, now: Timestamp) -> Result<String> {
        let key = self
            .keys
            .first()
            .ok_or_else(|| Error::internal("no signing key"))?;
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(key.id.clone());
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: AUDIENCE.to_owned(),
            sub: account,
            sid: session,
            iat: now.as_seconds(),
            exp: now.plus(LIFETIME).as_seconds(),
        };
        jsonwebtoken::encode(&header, &claims, &key.encoding).map_err(Error::internal)
    }

    /// What a token says, if it is ours, unchanged and still good; else `None`, and no reason.
    pub fn verify(&self, token: &str, now: Timestamp) -> Option<Claims> {
        let claims = self
            .verified
            .get_or_verify(token, |token| self.verify_signature(token))?;
        (now.as_seconds() < claims.exp).then_some(claims)
    }

    fn verify_signature(&self, token: &str) -> Option<Claims> {
        let kid = jsonwebtoken::decode_header(token).ok()?.kid?;
        let key = self.keys.iter().find(|key| key.id == kid)?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[&self.issuer]);
        // Compared at each use, by the application's clock.
        validation.validate_exp = false;
        let verified = jsonwebtoken::decode::<Claims>(token, &key.decoding, &validation);
        verified.ok().map(|verified| verified.claims)
    }

    /// The public keys.
    pub fn public(&self) -> JwkSet {
        JwkSet {
            keys: self.keys.iter().map(SigningKey::public_jwk).collect(),
        }
    }
}

impl SigningKey {
    fn from_pkcs8(der: &[u8]) -> Option<Self> {
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).ok()?;
        let public = pair.public_key().as_ref().to_vec();
        Some(Self {
            id: thumbprint(&public),
            encoding: EncodingKey::from_ed_der(der),
            decoding: DecodingKey::from_ed_der(&public),
            public,
        })
    }

    fn public_jwk(&self) -> Jwk {
        Jwk {
            kty: "OKP",
            crv: "Ed25519",
            alg: "EdDSA",
            usage: "sig",
            kid: self.id.clone(),
            x: URL_SAFE_NO_PAD.encode(&self.public),
        }
    }
}

/// RFC 7638: the hash of the key's required members in lexicographic order.
fn thumbprint(public: &[u8]) -> String {
    let x = URL_SAFE_NO_PAD.encode(public);
    let canonical = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    URL_SAFE_NO_PAD.encode(sha256(canonical.as_bytes()))
}

/// The keys of a text; none where a block of it is no such key.
fn signing_keys(pem: &str) -> Option<Vec<SigningKey>> {
    PrivatePkcs8KeyDer::pem_slice_iter(pem.as_bytes())
        .map(|der| SigningKey::from_pkcs8(der.ok()?.secret_pkcs8_der()))
        .collect()
}

/// The id of the one key that a text is.
pub(super) fn key_id(pem: &str) -> Option<String> {
    signing_keys(pem)?.pop().map(|key| key.id)
}

const PEM_BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const PEM_END: &str = "-----END PRIVATE KEY-----";

/// A new key in PEM.
pub(super) fn make() -> Result<String, KeyError> {
    let der =
        Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| KeyError::NoRandomness)?;
    Ok(format!(
        "{PEM_BEGIN}\n{}\n{PEM_END}\n",
        STANDARD.encode(der)
    ))
}

#[cfg(test)]
mod tests;

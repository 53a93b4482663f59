//! JSON Web Keys (RFC 7517): public keys as OpenID providers publish them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::public_key::{PublicKey, SignatureAlgorithm};

/// A public key, and what its provider says of it.
#[derive(Clone, Debug)]
pub struct JsonWebKey {
    id: Option<String>,
    /// The one algorithm that it is for, where it says so.
    algorithm: Option<SignatureAlgorithm>,
    key: PublicKey,
}

/// Why a key of a set is none that verifies here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnusableKey {
    #[error("it is not for signatures")]
    OtherUse,
    #[error("it is of a kind or for an algorithm that is not taken")]
    OtherKind,
    #[error("its modulus has less than 2048 or more than 8192 bits")]
    Size,
    #[error("it is incomplete or no JSON Web Key")]
    Broken,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl JsonWebKey {
    /// Reads a JSON Web Key.
    ///
    /// # Errors
    /// Where it is for something else, or no key that is taken.
    pub fn read(jwk: &serde_json::Value) -> Result<Self, UnusableKey> {
        let jwk = Jwk::deserialize(jwk).map_err(|_| UnusableKey::Broken)?;
        let verifies = |operations: &Vec<String>| operations.iter().any(|it| it == "verify");
        let is_for_signatures = jwk.usage.as_deref().is_none_or(|usage| usage == "sig")
            && jwk.key_ops.as_ref().is_none_or(verifies);
        if !is_for_signatures {
            return Err(UnusableKey::OtherUse);
        }
        let algorithm = jwk
            .alg
            .as_deref()
            .map(str::parse::<SignatureAlgorithm>)
            .transpose();
        Ok(Self {
            algorithm: algorithm.map_err(|_| UnusableKey::OtherKind)?,
            key: public_key(&jwk)?,
            id: jwk.kid,
        })
    }

    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Whether it can verify signatures that are made so.
    pub fn takes(&self, algorithm: SignatureAlgorithm) -> bool {
        self.algorithm.is_none_or(|own| own == algorithm) && self.key.takes(algorithm)
    }

    /// Whether a signature is this key's.
    pub fn verifies(
        &self,
        algorithm: SignatureAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> bool {
        self.takes(algorithm) && self.key.verifies(algorithm, message, signature)
    }
}

fn public_key(jwk: &Jwk) -> Result<PublicKey, UnusableKey> {
    match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("RSA", _) => {
            let n = unsigned(jwk.n.as_deref())?;
            let e = unsigned(jwk.e.as_deref())?;
            match bits(&n) {
                2048..=8192 => Ok(PublicKey::Rsa { n, e }),
                _ => Err(UnusableKey::Size),
            }
        }
        ("EC", Some("P-256")) => point(jwk, 32).map(PublicKey::P256),
        ("EC", Some("P-384")) => point(jwk, 48).map(PublicKey::P384),
        _ => Err(UnusableKey::OtherKind),
    }
}

fn decoded(text: Option<&str>) -> Result<Vec<u8>, UnusableKey> {
    let text = text.ok_or(UnusableKey::Broken)?;
    URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| UnusableKey::Broken)
}

/// A number without the zeros before it, which some write and `ring` refuses.
fn unsigned(text: Option<&str>) -> Result<Vec<u8>, UnusableKey> {
    let bytes = decoded(text)?;
    let number: Vec<u8> = bytes.into_iter().skip_while(|byte| *byte == 0).collect();
    if number.is_empty() {
        return Err(UnusableKey::Broken);
    }
    Ok(number)
}

fn bits(number: &[u8]) -> u32 {
    let zeros = number.first().map_or(0, |first| first.leading_zeros());
    let bytes = u32::try_from(number.len()).unwrap_or(u32::MAX);
    bytes.saturating_mul(8).saturating_sub(zeros)
}

/// A point in the uncompressed form of SEC 1.
fn point(jwk: &Jwk, length: usize) -> Result<Vec<u8>, UnusableKey> {
    let mut point = vec![4];
    for coordinate in [&jwk.x, &jwk.y] {
        let coordinate = decoded(coordinate.as_deref())?;
        if coordinate.len() != length {
            return Err(UnusableKey::Broken);
        }
        point.extend(coordinate);
    }
    Ok(point)
}

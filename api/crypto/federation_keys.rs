//! Rollcall's own RSA keys towards foreign systems: they sign `private_key_jwt`, messages of LTI and requests of SAML, and
//! open what identity providers of SAML encrypt.
//!
//! The first key signs, and is the one to encrypt for; all are published, and open. RSA is what every such system
//! knows; `rsa` makes the keys and opens ([`super::envelope`]), which `ring` cannot, and `ring` signs.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, PKCS_RSA_SHA256, PublicKeyData, SerialNumber,
    SignatureAlgorithm, SigningKey,
};
use ring::rand::SystemRandom;
use ring::rsa::{KeyPair, PublicKeyComponents};
use ring::signature::RSA_PKCS1_SHA256;
use rsa::PrivateKey;
use rsa::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, LineEnding};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde::Serialize;

use super::digest::sha256;
use super::key_file::{self, KeyError};
use crate::error::{Error, Result};

/// The most keys of a file: a key and its successor are two, and each is tried with a message that others encrypted.
const MAX_KEYS: usize = 4;

/// How large a new key is: what NIST SP 800-57 takes until 2030, and everybody else.
const BITS: usize = 2048;

/// The keys of a file, the one that signs first.
pub struct FederationKeys(Vec<FederationKey>);

struct FederationKey {
    id: String,
    pair: KeyPair,
    /// The same key as `rsa` has it, for what `ring` cannot do with it.
    decrypting: PrivateKey,
    n: String,
    e: String,
}

/// The public keys as a JSON Web Key Set (RFC 7517).
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(examples(json!({
    "keys": [{
        "kty": "RSA",
        "alg": "RS256",
        "use": "sig",
        "kid": "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
        "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs",
        "e": "AQAB"
    }]
})))]
pub struct FederationJwks {
    #[schema(max_items = 4)]
    pub keys: Vec<FederationJwk>,
}

/// A public RSA key as a JSON Web Key.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct FederationJwk {
    #[schema(max_length = 8, examples("RSA"))]
    kty: &'static str,
    #[schema(max_length = 8, examples("RS256"))]
    alg: &'static str,
    #[serde(rename = "use")]
    #[schema(max_length = 8, examples("sig"))]
    usage: &'static str,
    /// The key's thumbprint (RFC 7638).
    #[schema(max_length = 64)]
    kid: String,
    /// The modulus.
    #[schema(max_length = 1400)]
    n: String,
    /// The exponent.
    #[schema(max_length = 16, examples("AQAB"))]
    e: String,
}

#[derive(Serialize)]
struct Header<'a> {
    alg: &'static str,
    kid: &'a str,
    typ: &'static str,
}

const NEEDS: &str = "it has to hold RSA keys of 2048 bits or more in PEM (PKCS#8), as `openssl genpkey -algorithm rsa` writes";

impl FederationKeys {
    /// Reads the keys of a file; where there is none and one may be made, makes it.
    ///
    /// # Errors
    /// Where the file cannot be read or a block is no such key.
    pub fn load(path: &Path, make_if_missing: bool) -> Result<Self, KeyError> {
        let unusable = |problem| KeyError::Unusable {
            path: path.to_owned(),
            problem,
        };
        let text = key_file::read_or_make(path, || {
            if make_if_missing {
                make()
            } else {
                Err(unusable(
                    "it does not exist; make it with `openssl genpkey -algorithm rsa`",
                ))
            }
        })?;
        match keys(&text) {
            Some(keys) if keys.len() > MAX_KEYS => Err(unusable(
                "it has more than four keys: take those away that nothing knows any more",
            )),
            Some(keys) if !keys.is_empty() => Ok(Self(keys)),
            _ => Err(unusable(NEEDS)),
        }
    }

    /// The ids of the keys, the one that signs first.
    pub fn ids(&self) -> Vec<&str> {
        self.0.iter().map(|key| key.id.as_str()).collect()
    }

    /// A signed token (RS256) that says this.
    ///
    /// # Errors
    /// Never, with keys that [`FederationKeys::load`] let through.
    pub fn sign_token(&self, claims: &impl Serialize) -> Result<String> {
        let key = self.first()?;
        let header = Header {
            alg: "RS256",
            kid: &key.id,
            typ: "JWT",
        };
        let signed = format!("{}.{}", encoded(&header)?, encoded(claims)?);
        let signature = URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes())?);
        Ok(format!("{signed}.{signature}"))
    }

    /// The signature of the first key over a message: RSA PKCS#1 v1.5 with SHA-256.
    ///
    /// # Errors
    /// As [`FederationKeys::sign_token`].
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        self.first()?.sign(message)
    }

    /// The certificate (DER) of the key that signs, by that key itself: identity providers of SAML want keys in this
    /// form. It is the same at each call.
    ///
    /// # Errors
    /// As [`FederationKeys::sign_token`].
    pub fn certificate(&self) -> Result<Vec<u8>> {
        let key = self.first()?;
        let mut about = CertificateParams::default();
        about.distinguished_name = DistinguishedName::new();
        about
            .distinguished_name
            .push(DnType::CommonName, "Rollcall");
        about.not_before = rcgen::date_time_ymd(2026, 1, 1);
        // Who trusts it has been told to by its metadata; an end would only break sign-ins.
        about.not_after = rcgen::date_time_ymd(2100, 1, 1);
        let serial: Vec<u8> = key.id.bytes().take(16).collect();
        about.serial_number = Some(SerialNumber::from(serial));
        let certificate = about.self_signed(key).map_err(Error::internal)?;
        Ok(certificate.der().to_vec())
    }

    /// The public keys.
    pub fn public(&self) -> FederationJwks {
        FederationJwks {
            keys: self.0.iter().map(FederationKey::public).collect(),
        }
    }

    /// The keys as what decrypts, in the same order.
    pub(super) fn decrypting(&self) -> impl Iterator<Item = &PrivateKey> {
        self.0.iter().map(|key| &key.decrypting)
    }

    fn first(&self) -> Result<&FederationKey> {
        let first = self.0.first();
        first.ok_or_else(|| Error::internal("no federation key"))
    }
}

impl FederationKey {
    fn from_pkcs8(der: &[u8]) -> Option<Self> {
        let pair = KeyPair::from_pkcs8(der).ok()?;
        let PublicKeyComponents::<Vec<u8>> { n, e } = pair.public().into();
        let (n, e) = (URL_SAFE_NO_PAD.encode(n), URL_SAFE_NO_PAD.encode(e));
        // RFC 7638: the hash of the key's required members in lexicographic order.
        let canonical = format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#);
        let id = URL_SAFE_NO_PAD.encode(sha256(canonical.as_bytes()));
        Some(Self {
            id,
            pair,
            decrypting: PrivateKey::from_pkcs8_der(der).ok()?,
            n,
            e,
        })
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        let mut signature = vec![0; self.pair.public().modulus_len()];
        let random = SystemRandom::new();
        let signed = self
            .pair
            .sign(&RSA_PKCS1_SHA256, &random, message, &mut signature);
        signed.map_err(|_| Error::internal("the federation key does not sign"))?;
        Ok(signature)
    }

    fn public(&self) -> FederationJwk {
        FederationJwk {
            kty: "RSA",
            alg: "RS256",
            usage: "sig",
            kid: self.id.clone(),
            n: self.n.clone(),
            e: self.e.clone(),
        }
    }
}

impl PublicKeyData for FederationKey {
    fn der_bytes(&self) -> &[u8] {
        self.pair.public().as_ref()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_RSA_SHA256
    }
}

impl SigningKey for FederationKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Self::sign(self, message).map_err(|_| rcgen::Error::RingUnspecified)
    }
}

fn encoded(part: &impl Serialize) -> Result<String> {
    let json = serde_json::to_vec(part).map_err(Error::internal)?;
    Ok(URL_SAFE_NO_PAD.encode(json))
}

/// The keys of a text; none where a block of it is no such key.
fn keys(pem: &str) -> Option<Vec<FederationKey>> {
    PrivatePkcs8KeyDer::pem_slice_iter(pem.as_bytes())
        .map(|der| FederationKey::from_pkcs8(der.ok()?.secret_pkcs8_der()))
        .collect()
}

/// The id of the one key that a text is.
pub(super) fn key_id(pem: &str) -> Option<String> {
    keys(pem)?.pop().map(|key| key.id)
}

/// A new key in PEM.
pub(super) fn make() -> Result<String, KeyError> {
    let key = PrivateKey::new(&mut getrandom::SysRng, BITS);
    let pem = key
        .ok()
        .and_then(|key| key.to_pkcs8_pem(LineEnding::LF).ok());
    let pem = pem.ok_or(KeyError::NoRandomness)?;
    Ok(pem.as_str().to_owned())
}

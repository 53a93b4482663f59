//! Certificates that stand for a key: what SAML's metadata names is trusted because it is named there, whoever signed
//! it. `x509-cert` reads DER.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use x509_cert::certificate::{CertificateInner, Raw};
use x509_cert::der::asn1::{ObjectIdentifier, UintRef};
use x509_cert::der::{Decode as _, Reader as _, Result as DerResult, SliceReader};
use x509_cert::spki::SubjectPublicKeyInfoOwned;

use crate::crypto::digest::sha256;
use crate::crypto::public_key::PublicKey;
use crate::domain::timestamp::Timestamp;

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const ELLIPTIC_CURVE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");

/// What an RSA modulus may have, in bits.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;
/// What an RSA exponent may be: odd, and what `ring` takes.
const RSA_EXPONENTS: std::ops::RangeInclusive<u64> = 3..=0x1_ffff_ffff;

/// A certificate: its key, and until when it says that it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    key: PublicKey,
    not_after: Timestamp,
    der: Vec<u8>,
}

/// Why a certificate is of no use, in words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnusableCertificate(String);

impl Certificate {
    /// Reads a certificate.
    ///
    /// # Errors
    /// Where it is none, or its key is not RSA of 2048 to 8192 bits or on P-256 or P-384.
    pub fn from_der(der: &[u8]) -> Result<Self, UnusableCertificate> {
        let certificate = CertificateInner::<Raw>::from_der(der)
            .map_err(|error| UnusableCertificate(format!("not an X.509 certificate: {error}")))?;
        let body = certificate.tbs_certificate();
        let not_after = body.validity().not_after.to_unix_duration();
        Ok(Self {
            key: public_key(body.subject_public_key_info())?,
            not_after: Timestamp::EPOCH.plus(not_after),
            der: der.to_vec(),
        })
    }

    /// Reads a certificate as text: PEM, or its base64 alone.
    ///
    /// # Errors
    /// As [`Certificate::from_der`].
    pub fn from_text(text: &str) -> Result<Self, UnusableCertificate> {
        let is_boundary = |line: &&str| line.starts_with("-----");
        let lines = text.lines().map(str::trim);
        let packed: String = lines.filter(|line| !is_boundary(line)).collect();
        let der = STANDARD.decode(packed);
        let der = der.map_err(|_| UnusableCertificate("not PEM".to_owned()))?;
        Self::from_der(&der)
    }

    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The end of its validity, as it says.
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// SHA-256 of the whole certificate, as tools print it: pairs of hexadecimal digits with colons.
    pub fn fingerprint(&self) -> String {
        hexadecimal(&sha256(&self.der))
    }

    /// The certificate as it was read.
    pub fn der(&self) -> &[u8] {
        &self.der
    }
}

fn public_key(info: &SubjectPublicKeyInfoOwned) -> Result<PublicKey, UnusableCertificate> {
    let bytes = info.subject_public_key.as_bytes().unwrap_or_default();
    match info.algorithm.oid {
        RSA => rsa(bytes),
        ELLIPTIC_CURVE => curve(info, bytes),
        other => {
            let words = format!("a key of the kind {other}, neither RSA nor elliptic curve");
            Err(UnusableCertificate(words))
        }
    }
}

fn rsa(key: &[u8]) -> Result<PublicKey, UnusableCertificate> {
    let unreadable = || UnusableCertificate("an RSA key that cannot be read".to_owned());
    let (n, e) = rsa_numbers(key).ok_or_else(unreadable)?;
    let bits = bits(n).ok_or_else(unreadable)?;
    if !RSA_BITS.contains(&bits) {
        let words = format!("an RSA key of {bits} bits, where 2048 to 8192 are allowed");
        return Err(UnusableCertificate(words));
    }
    if !small(e).is_some_and(|it| RSA_EXPONENTS.contains(&it) && it % 2 == 1) {
        let words = "an RSA key with an exponent that nobody should use";
        return Err(UnusableCertificate(words.to_owned()));
    }
    Ok(PublicKey::Rsa {
        n: n.to_vec(),
        e: e.to_vec(),
    })
}

/// Modulus and exponent (RFC 8017, A.1.1).
fn numbers<'a>(reader: &mut SliceReader<'a>) -> DerResult<(UintRef<'a>, UintRef<'a>)> {
    Ok((UintRef::decode(reader)?, UintRef::decode(reader)?))
}

/// Modulus and exponent, without zeros before them.
fn rsa_numbers(key: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut reader = SliceReader::new(key).ok()?;
    let (modulus, exponent) = reader.sequence(numbers).ok()?;
    reader.finish().ok()?;
    Some((modulus.as_bytes(), exponent.as_bytes()))
}

fn bits(number: &[u8]) -> Option<usize> {
    let unused = number.first()?.leading_zeros();
    (number.len() * 8).checked_sub(usize::try_from(unused).ok()?)
}

/// A number, where it is small enough for an exponent.
fn small(number: &[u8]) -> Option<u64> {
    let add = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
    (number.len() <= 5).then(|| number.iter().fold(0, add))
}

fn curve(info: &SubjectPublicKeyInfoOwned, point: &[u8]) -> Result<PublicKey, UnusableCertificate> {
    let parameters = info.algorithm.parameters.as_ref();
    let named = parameters.and_then(|any| any.decode_as::<ObjectIdentifier>().ok());
    match (named, point.len()) {
        (Some(P256), 65) => Ok(PublicKey::P256(point.to_vec())),
        (Some(P384), 97) => Ok(PublicKey::P384(point.to_vec())),
        _ => {
            let words = "a key on an elliptic curve other than P-256 and P-384";
            Err(UnusableCertificate(words.to_owned()))
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    pairs.join(":")
}

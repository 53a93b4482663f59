//! Public keys of foreign systems, by which their signatures are verified, whatever they came in. `ring` verifies.

use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents,
    UnparsedPublicKey,
};

use crate::domain::string_enum::string_enum;

string_enum! {
    /// How a signature is made (RFC 7518). Nothing else is taken: no `none`, and nothing with a shared secret. Those of
    /// elliptic curves have their values side by side, as XML Signature has them too, not in DER.
    SignatureAlgorithm {
        Rs256 = "RS256",
        Rs384 = "RS384",
        Rs512 = "RS512",
        Ps256 = "PS256",
        Ps384 = "PS384",
        Ps512 = "PS512",
        Es256 = "ES256",
        Es384 = "ES384",
    }
}

/// A public key that verifies signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicKey {
    /// Modulus and exponent, without zeros before them.
    Rsa { n: Vec<u8>, e: Vec<u8> },
    /// A point in the uncompressed form of SEC 1.
    P256(Vec<u8>),
    /// As that of P-256.
    P384(Vec<u8>),
}

impl PublicKey {
    /// Whether it is of the kind of key that makes signatures so.
    pub fn takes(&self, algorithm: SignatureAlgorithm) -> bool {
        match self {
            Self::Rsa { .. } => rsa(algorithm).is_some(),
            Self::P256(_) => algorithm == SignatureAlgorithm::Es256,
            Self::P384(_) => algorithm == SignatureAlgorithm::Es384,
        }
    }

    /// Whether a signature is this key's. A key of another kind than the algorithm's did not make it.
    pub fn verifies(
        &self,
        algorithm: SignatureAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> bool {
        if !self.takes(algorithm) {
            return false;
        }
        let verified = match self {
            Self::Rsa { n, e } => {
                let key = RsaPublicKeyComponents { n, e };
                rsa(algorithm).map(|parameters| key.verify(parameters, message, signature))
            }
            Self::P256(point) => {
                let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
                Some(key.verify(message, signature))
            }
            Self::P384(point) => {
                let key = UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point);
                Some(key.verify(message, signature))
            }
        };
        verified.is_some_and(|verified| verified.is_ok())
    }
}

fn rsa(algorithm: SignatureAlgorithm) -> Option<&'static RsaParameters> {
    match algorithm {
        SignatureAlgorithm::Rs256 => Some(&RSA_PKCS1_2048_8192_SHA256),
        SignatureAlgorithm::Rs384 => Some(&RSA_PKCS1_2048_8192_SHA384),
        SignatureAlgorithm::Rs512 => Some(&RSA_PKCS1_2048_8192_SHA512),
        SignatureAlgorithm::Ps256 => Some(&RSA_PSS_2048_8192_SHA256),
        SignatureAlgorithm::Ps384 => Some(&RSA_PSS_2048_8192_SHA384),
        SignatureAlgorithm::Ps512 => Some(&RSA_PSS_2048_8192_SHA512),
        SignatureAlgorithm::Es256 | SignatureAlgorithm::Es384 => None,
    }
}

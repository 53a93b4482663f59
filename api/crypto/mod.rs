//! Secrets at work: hashing passwords, sealing what has to be readable again, signing access tokens, verifying the
//! signatures of foreign systems.
//!
//! One crate, `ring`, gives randomness, SHA-2, signatures and the AEAD; `argon2` gives the password hash, `rsa` makes the
//! keys that `ring` cannot make and unwraps with them, `aes`, `cbc` and `sha1` are there for what providers of SAML
//! encrypt, and `x509-cert` reads the keys of certificates.

pub mod access_token;
pub mod certificate;
pub mod digest;
pub mod envelope;
pub mod federation_keys;
pub mod hasher;
pub mod hashing_lane;
pub mod json_web_key;
pub mod jws;
#[cfg(test)]
mod jws_tests;
pub mod key_file;
pub mod key_ring;
pub mod password_hash;
pub mod public_key;
pub mod random;
mod ring_provider;
pub mod sealing;
pub mod token;
pub mod turns;

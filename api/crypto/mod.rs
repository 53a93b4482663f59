//! Secrets at work: hashing passwords, sealing what has to be readable again, signing access tokens.
//!
//! One crate, `ring`, gives randomness, SHA-256, Ed25519 and the AEAD; `argon2` gives the password
//! hash.

pub mod access_token;
pub mod digest;
pub mod hasher;
pub mod hashing_lane;
pub mod key_file;
pub mod key_ring;
pub mod password_hash;
pub mod random;
mod ring_provider;
pub mod sealing;
pub mod token;
pub mod turns;

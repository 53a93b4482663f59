//! SAML 2.0 as a service provider: metadata read and written, requests written, responses verified.
//!
//! One shape of signature is verified, that which identity providers send; whatever else comes is refused
//! (`docs/decisions/0092-one-shape-of-signature.md`). Nothing of a response can be read before it is verified: only
//! [`response::verify`] makes a [`assertion::VerifiedAssertion`], and what it holds is read from the very bytes that
//! were signed. What is encrypted is decrypted before, and believed no more for it: anybody can encrypt
//! (`docs/decisions/0121-encrypted-assertions.md`).

pub mod assertion;
mod c14n;
mod conditions;
mod encryption;
mod entities;
pub mod expected;
pub mod metadata;
mod moment;
mod names;
pub mod person;
pub mod request;
pub mod response;
pub mod service_provider;
mod shape;
mod signature;
mod tags;
mod xml;

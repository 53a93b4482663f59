//! SAML 2.0: what three identity providers send is verified as it should be, and what attackers make of it is refused.
//!
//! The documents in `tests/fixtures/saml` were made by pysaml2 (with xmlsec1), samlp (with xml-crypto) and
//! SimpleSAMLphp (with xmlseclibs), some of samlp's encrypted by xmlsec1, at a time that stands beside them.
//! `tests/peers/saml/run` makes them anew and has these tests read them from the folder that `ROLLCALL_SAML_FIXTURES`
//! names.

mod contents;
mod encrypted_attacks;
pub mod encrypting;
mod encryption;
mod metadata;
mod peers;
pub mod provider;
mod requests;
mod signatures;
mod tricks;
mod wrapping;

//! Metadata of identity providers: no panic, and nothing that a federation has not signed.

#![no_main]

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use libfuzzer_sys::fuzz_target;
use rollcall::crypto::certificate::Certificate;
use rollcall::domain::timestamp::Timestamp;
use rollcall::saml::metadata::{WantedEntity, read};

/// The certificate of a key that signs no metadata.
static FEDERATION: LazyLock<Certificate> = LazyLock::new(|| {
    let pem = include_str!("../../tests/fixtures/saml/keys/other.cert.pem");
    let body: String = pem.lines().filter(|it| !it.starts_with('-')).collect();
    let der = STANDARD.decode(body).expect("base64");
    Certificate::from_der(&der).expect("a certificate")
});

fuzz_target!(|document: &[u8]| {
    let now = Timestamp::EPOCH;
    let wanted = WantedEntity {
        entity_id: None,
        signed_by: None,
        now,
    };
    if let Ok(provider) = read(document, &wanted) {
        assert!(!provider.certificates.is_empty());
        assert!(!provider.entity_id.is_empty());
    }
    let signed = WantedEntity {
        signed_by: Some(&FEDERATION),
        ..wanted
    };
    assert!(read(document, &signed).is_err());
});

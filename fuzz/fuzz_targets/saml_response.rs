//! Responses of identity providers, as they come and as what comes out of an encrypted assertion: no panic, and nobody
//! but whom the signed documents name.
//!
//! A good corpus to begin with: `cargo fuzz run saml_response fuzz/corpus/saml_response tests/fixtures/saml/pysaml2`.

#![no_main]

use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use libfuzzer_sys::fuzz_target;
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use rollcall::crypto::public_key::PublicKey;
use rollcall::crypto::federation_keys::FederationKeys;
use rollcall::domain::diagnosis::Steps;
use rollcall::domain::timestamp::Timestamp;
use rollcall::saml::expected::Expected;
use rollcall::saml::metadata::{self, WantedEntity};
use rollcall::saml::response::verify;

const ISSUER: &str = "urn:idp:pysaml2";
const METADATA: &[u8] = include_bytes!("../../tests/fixtures/saml/pysaml2/metadata.xml");

/// The clock stands where the stored documents hold: the beginning of the case's file names the time.
static NOW: LazyLock<Timestamp> = LazyLock::new(|| {
    let case = include_str!("../../tests/fixtures/saml/pysaml2/case.json");
    let (_, rest) = case.split_once("\"now\": \"").expect("a time");
    let (now, _) = rest.split_once('"').expect("a time");
    Timestamp::parse_time_or_day(now).expect("a time")
});

static KEYS: LazyLock<Vec<PublicKey>> = LazyLock::new(|| {
    let wanted = WantedEntity {
        entity_id: Some(ISSUER),
        signed_by: None,
        now: *NOW,
    };
    metadata::read(METADATA, &wanted).expect("metadata").keys()
});

/// The key of the tests.
static FEDERATION: LazyLock<FederationKeys> = LazyLock::new(|| {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tests/fixtures/saml/keys/other.key.pem"
    );
    FederationKeys::load(Path::new(file), false).expect("keys")
});

/// A key of AES-128 of sixteen sevens, wrapped for the key of the tests.
const WRAPPED: &str = "YdkuaBXKHd5HeS1MDrk8HggqNVvSUXjl/5Y5Vrttu9ZlDcgW6vEyIfjld8m86u3n6AwPTwjUlwQ9nnzF88YBdUP4df17L9VCxPigc02ftxNCVE7xpPhoCM3M1FChNpGAJB8S3xLTbmM9k/v1Zem6triZkYT44luukyjfFfyfsj5gyYKeZxNhHjs4kp5jNyB0kruPayq7HUsxDxUcJjbjzgV4Mvy9taMk3ISKZuGqFxqOWDlj0wgbXZ0cDjFIGZENQFcn8uboTXuCblfT+sNvhkea/xFyqvvGH4Fq8Il9mIOQgZMIgJ1t6G5oHIz02j2Ta3RYbMYFEESiGW2rn1s28g==";

/// A response with this for its assertion, encrypted as a provider would: what a fuzzer changes would never open.
fn encrypting(plain: &[u8]) -> String {
    let key = UnboundKey::new(&AES_128_GCM, &[7; 16]).expect("a key");
    let mut sealed = plain.to_vec();
    let nonce = Nonce::assume_unique_for_key([9; 12]);
    LessSafeKey::new(key)
        .seal_in_place_append_tag(nonce, Aad::empty(), &mut sealed)
        .expect("a tag");
    let content = STANDARD.encode([&[9; 12][..], &sealed].concat());
    format!(
        r#"<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_r" InResponseTo="_ok" Version="2.0"><samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status><saml:EncryptedAssertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"><xenc:EncryptedData xmlns:xenc="http://www.w3.org/2001/04/xmlenc#"><xenc:EncryptionMethod Algorithm="http://www.w3.org/2009/xmlenc11#aes128-gcm"/><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><xenc:EncryptedKey><xenc:EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p"/><xenc:CipherData><xenc:CipherValue>{WRAPPED}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedKey></ds:KeyInfo><xenc:CipherData><xenc:CipherValue>{content}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData></saml:EncryptedAssertion></samlp:Response>"#
    )
}

fuzz_target!(|document: &[u8]| {
    judge(document);
    judge(encrypting(document).as_bytes());
});

fn judge(document: &[u8]) {
    let expected = Expected {
        keys: &KEYS,
        issuer: ISSUER,
        acs_url: "https://rollcall.example.org/v1/sso/saml/1/acs",
        audience: "urn:sp:rollcall",
        request_id: "_ok",
        federation_keys: Some(&FEDERATION),
        now: *NOW,
        skew: Duration::from_secs(180),
    };
    let verified = verify(&STANDARD.encode(document), &expected, &mut Steps::default());
    if let Ok(assertion) = verified {
        let name = assertion.name_id().map(|it| it.value.as_str());
        assert_eq!(name, Some("ada@example.org"));
    }
}

//! Responses of identity providers: no panic, and nobody but whom the signed documents name.
//!
//! A good corpus to begin with: `cargo fuzz run saml_response fuzz/corpus/saml_response tests/fixtures/saml/pysaml2`.

#![no_main]

use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use libfuzzer_sys::fuzz_target;
use rollcall::crypto::certificate::PublicKey;
use rollcall::domain::diagnosis::Steps;
use rollcall::domain::timestamp::Timestamp;
use rollcall::saml::expected::Expected;
use rollcall::saml::metadata::{self, Wanted};
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
    let wanted = Wanted {
        entity_id: Some(ISSUER),
        signed_by: None,
        now: *NOW,
    };
    metadata::read(METADATA, &wanted).expect("metadata").keys()
});

fuzz_target!(|document: &[u8]| {
    let expected = Expected {
        keys: &KEYS,
        issuer: ISSUER,
        acs_url: "https://rollcall.example.org/v1/sso/saml/1/acs",
        audience: "urn:sp:rollcall",
        request_id: "_ok",
        now: *NOW,
        skew: Duration::from_secs(180),
    };
    let verified = verify(&STANDARD.encode(document), &expected, &mut Steps::default());
    if let Ok(assertion) = verified {
        let name = assertion.name_id().map(|it| it.value.as_str());
        assert_eq!(name, Some("ada@example.org"));
    }
});

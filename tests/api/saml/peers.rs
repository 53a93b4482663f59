//! The answers of real identity providers.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rollcall::crypto::public_key::PublicKey;
use rollcall::domain::connections::SubjectSource;
use rollcall::domain::diagnosis::{StepName, StepResult, Steps};
use rollcall::domain::timestamp::Timestamp;
use rollcall::saml::assertion::{NoSubject, VerifiedAssertion};
use rollcall::saml::expected::Expected;
use rollcall::saml::metadata::{self, WantedEntity};
use rollcall::saml::response::{Unverified, verify};
use serde::Deserialize;

use super::provider::FEDERATION;

/// What a peer's documents expect of who reads them.
#[derive(Deserialize)]
struct Case {
    issuer: String,
    acs_url: String,
    now: String,
    /// Our entity id, by the name of the document.
    audiences: BTreeMap<String, String>,
}

pub struct Peer {
    folder: PathBuf,
    case: Case,
    keys: Vec<PublicKey>,
}

/// How a document was judged.
pub type Judgement = (Result<VerifiedAssertion, Unverified>, Steps);

impl Peer {
    pub fn named(name: &str) -> Self {
        let fixtures = std::env::var("ROLLCALL_SAML_FIXTURES");
        let fixtures = fixtures.unwrap_or_else(|_| "tests/fixtures/saml".to_owned());
        let folder = PathBuf::from(fixtures).join(name);
        let case = std::fs::read(folder.join("case.json")).unwrap();
        let case: Case = serde_json::from_slice(&case).unwrap();
        let metadata = std::fs::read(folder.join("metadata.xml")).unwrap();
        let wanted = WantedEntity {
            entity_id: Some(&case.issuer),
            signed_by: None,
            now: moment(&case.now),
        };
        let keys = metadata::read(&metadata, &wanted).unwrap().keys();
        Self { folder, case, keys }
    }

    pub fn document(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.join(format!("{name}.xml"))).unwrap()
    }

    pub fn judge(&self, name: &str) -> Judgement {
        self.judge_document(&self.document(name), name)
    }

    /// Judges a document in the place of the stored one.
    pub fn judge_document(&self, document: &str, name: &str) -> Judgement {
        let request_id = format!("_{name}");
        let expected = Expected {
            keys: &self.keys,
            issuer: &self.case.issuer,
            acs_url: &self.case.acs_url,
            audience: &self.case.audiences[name],
            request_id: &request_id,
            federation_keys: Some(&FEDERATION),
            now: moment(&self.case.now),
            skew: Duration::from_secs(180),
        };
        let mut steps = Steps::default();
        let result = verify(&STANDARD.encode(document), &expected, &mut steps);
        (result, steps)
    }
}

pub fn moment(text: &str) -> Timestamp {
    Timestamp::parse_time_or_day(text).unwrap()
}

/// The step at which a document was refused, which has advice.
#[track_caller]
pub fn refused_at((result, steps): &Judgement) -> StepName {
    assert!(result.is_err(), "accepted: {result:?}");
    let last = steps.as_slice().last().unwrap();
    assert_eq!(last.result, StepResult::Failed);
    assert!(
        last.advice.as_ref().is_some_and(|it| it.len() > 40),
        "{last:?}"
    );
    last.name
}

#[test]
fn every_mode_of_pysaml2_is_judged_as_it_should_be() {
    let peer = Peer::named("pysaml2");
    for mode in ["ok", "assertion_signed_only", "response_signed_only"] {
        let (result, steps) = peer.judge(mode);
        let assertion = result.unwrap_or_else(|_| panic!("{mode}: {steps:?}"));
        assert_eq!(assertion.name_id().unwrap().value, "ada@example.org");
        assert_eq!(
            assertion.values("urn:oid:0.9.2342.19200300.100.1.3"),
            ["ada@example.org"]
        );
        assert_eq!(
            assertion.values("mail"),
            ["ada@example.org"],
            "by its friendly name"
        );
        assert_eq!(assertion.values("givenName"), ["Ada"]);
    }
    for (mode, step) in [
        ("replay", StepName::InResponseTo),
        ("unsigned_all", StepName::Signature),
        ("tampered", StepName::Signature),
        ("wrong_key", StepName::Signature),
        ("wrong_audience", StepName::Audience),
        ("wrong_recipient", StepName::Destination),
        ("expired", StepName::Time),
        ("not_yet", StepName::Time),
        ("wrong_irt", StepName::InResponseTo),
        ("no_irt", StepName::InResponseTo),
        ("wrong_issuer", StepName::Issuer),
        ("status_fail", StepName::Status),
        ("comment_nameid", StepName::Document),
        ("xsw_wrapped", StepName::Shape),
        ("xsw_sibling", StepName::Shape),
    ] {
        assert_eq!(refused_at(&peer.judge(mode)), step, "{mode}");
    }
}

#[test]
fn samlp_is_understood_and_its_sha1_is_not() {
    let peer = Peer::named("samlp");
    for mode in ["assertion", "response", "encrypted", "encrypted_cbc"] {
        let (result, steps) = peer.judge(mode);
        let assertion = result.unwrap_or_else(|_| panic!("{mode}: {steps:?}"));
        let address = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress";
        assert_eq!(assertion.values(address), ["ada@example.org"]);
        assert!(assertion.session().authenticated_at.is_some());
    }
    let judgement = peer.judge("sha1");
    assert_eq!(refused_at(&judgement), StepName::Algorithm);
    let advice = judgement
        .1
        .as_slice()
        .last()
        .unwrap()
        .advice
        .as_ref()
        .unwrap();
    assert!(advice.contains("SHA-1 can be forged"), "{advice}");
}

#[test]
fn simplesamlphp_is_understood() {
    let peer = Peer::named("simplesamlphp");
    for mode in [
        "both",
        "assertion",
        "response",
        "sha512",
        "encrypted",
        "encrypted_response",
    ] {
        let (result, mut steps) = peer.judge(mode);
        let assertion = result.unwrap_or_else(|_| panic!("{mode}: {steps:?}"));
        let subject = assertion
            .subject(&SubjectSource::NameId, &mut steps)
            .unwrap();
        assert!(subject.len() > 20, "{subject}");
        assert_eq!(assertion.values("urn:oid:2.5.4.4"), ["Lovelace & Søn"]);
        let affiliations = assertion.values("urn:oid:1.3.6.1.4.1.5923.1.1.1.9");
        assert_eq!(affiliations, ["member@example.org", "staff@example.org"]);
    }
    assert_eq!(refused_at(&peer.judge("sha1")), StepName::Algorithm);
    let judgement = peer.judge("encrypted_assertion");
    assert_eq!(refused_at(&judgement), StepName::Encryption);
    let received = judgement.1.as_slice().last().unwrap().received.clone();
    assert_eq!(
        received.unwrap(),
        "AES-CBC in a Response that is not signed"
    );
}

#[test]
fn what_xmlsec1_encrypts_is_opened() {
    let peer = Peer::named("xmlsec1");
    for mode in ["aes128_gcm", "aes256_gcm"] {
        let (result, steps) = peer.judge(mode);
        let assertion = result.unwrap_or_else(|_| panic!("{mode}: {steps:?}"));
        let address = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress";
        assert_eq!(assertion.values(address), ["ada@example.org"]);
    }
    assert_eq!(refused_at(&peer.judge("aes256_cbc")), StepName::Encryption);
}

#[test]
fn a_transient_name_is_no_subject_but_an_attribute_beside_it_is() {
    let (result, mut steps) = Peer::named("simplesamlphp").judge("transient");
    let assertion = result.unwrap();
    let refused = assertion.subject(&SubjectSource::NameId, &mut steps);
    assert_eq!(refused, Err(NoSubject::Transient));
    let last = steps.as_slice().last().unwrap();
    assert!(
        last.advice.as_ref().unwrap().contains("persistent"),
        "{last:?}"
    );

    let by = |name: &str| SubjectSource::Attribute(name.to_owned());
    let principal = by("urn:oid:1.3.6.1.4.1.5923.1.1.1.6");
    assert_eq!(
        assertion.subject(&principal, &mut steps),
        Ok("ada@example.org")
    );
    for (name, why) in [
        ("urn:oid:1.3.6.1.4.1.5923.1.1.1.9", "it has two values"),
        ("urn:oid:1.2.3", "nobody sent it"),
        ("", "it has no name"),
    ] {
        let refused = assertion.subject(&by(name), &mut steps);
        assert_eq!(refused, Err(NoSubject::Missing), "{why}");
    }
}

/// Each step that held is told, and what was refused says only what has to be known.
#[test]
fn the_steps_tell_what_was_checked() {
    let (_, steps) = Peer::named("pysaml2").judge("ok");
    let names: Vec<&str> = steps.as_slice().iter().map(|it| it.name.as_str()).collect();
    let expected = "document destination in_response_to status encryption shape issuer algorithm signature time \
                    recipient audience";
    assert_eq!(names.join(" "), expected);
    let all_hold = steps
        .as_slice()
        .iter()
        .all(|it| it.result == StepResult::Ok);
    assert!(all_hold, "{steps:?}");
}

/// A proxy or an attacker changes a document in one place: it is refused, or it says the same.
#[test]
fn a_changed_document_never_says_something_else() {
    let mut random = fastrand::Rng::with_seed(7);
    for (peer, mode) in [
        ("pysaml2", "ok"),
        ("simplesamlphp", "response"),
        ("samlp", "assertion"),
    ] {
        let peer = Peer::named(peer);
        let original = peer.document(mode);
        let meant = peer.judge(mode).0.unwrap();
        let (mut same, mut unsigned) = (0, 0);
        for round in 0..400 {
            let mut bytes = original.clone().into_bytes();
            for _ in 0..=random.usize(0..3) {
                mutate(&mut bytes, &mut random);
            }
            let Ok(changed) = String::from_utf8(bytes) else {
                continue;
            };
            let judgement = peer.judge_document(&changed, mode);
            if let (Ok(assertion), _) = &judgement {
                assert_eq!(assertion, &meant, "round {round}: {changed}");
                same += usize::from(changed != original);
            } else if refused_at(&judgement) == StepName::Signature {
                unsigned += 1;
            }
        }
        // Some changes reach neither what is signed nor the signature, others do.
        assert!(same > 0 && unsigned > 0, "{same} and {unsigned}");
    }
}

/// Flips a bit, deletes, doubles or moves a piece.
fn mutate(bytes: &mut Vec<u8>, random: &mut fastrand::Rng) {
    let from = random.usize(0..bytes.len());
    let to = (from + random.usize(1..200)).min(bytes.len());
    match random.u8(0..4) {
        0 => bytes[from] ^= 1 << random.u8(0..8),
        1 => {
            bytes.drain(from..to);
        }
        2 => {
            let piece = bytes[from..to].to_vec();
            bytes.splice(from..from, piece);
        }
        _ => {
            let piece: Vec<u8> = bytes.drain(from..to).collect();
            let place = random.usize(0..=bytes.len());
            bytes.splice(place..place, piece);
        }
    }
}

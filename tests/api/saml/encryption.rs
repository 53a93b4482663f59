//! Assertions that are encrypted: what is read, and what is refused with which advice.

use std::path::Path;

use rollcall::crypto::federation_keys::FederationKeys;
use rollcall::domain::diagnosis::{Step, StepName};

use super::encrypting::*;
use super::peers::{Judgement, refused_at};
use super::provider::{assertion, judge, judge_with, response, sign};

const SHA1: &str = "http://www.w3.org/2000/09/xmldsig#sha1";
pub const SHA256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";
const SHA512: &str = "http://www.w3.org/2001/04/xmlenc#sha512";
const MGF_SHA1: &str = "http://www.w3.org/2009/xmlenc11#mgf1sha1";
const MGF_SHA256: &str = "http://www.w3.org/2009/xmlenc11#mgf1sha256";
const MGF_SHA384: &str = "http://www.w3.org/2009/xmlenc11#mgf1sha384";

/// A response around an encrypted assertion, of which these parts are signed.
pub fn responding(encryption: Encryption, (of_assertion, of_response): (bool, bool)) -> String {
    let assertion = match of_assertion {
        true => sign(&assertion()),
        false => assertion(),
    };
    let response = response(&encryption.encrypt(&assertion));
    if of_response {
        sign(&response)
    } else {
        response
    }
}

#[track_caller]
pub fn last_of(judgement: &Judgement) -> &Step {
    refused_at(judgement);
    judgement.1.as_slice().last().unwrap()
}

#[track_caller]
fn names_ada(document: &str) -> Vec<String> {
    let (result, steps) = judge(document);
    let verified = result.unwrap_or_else(|_| panic!("{steps:?}"));
    assert_eq!(verified.name_id().unwrap().value, "ada@example.org");
    assert_eq!(verified.values("mail"), ["ada@example.org"]);
    let told = |step: &Step| format!("{}: {}", step.name, step.received.clone().unwrap());
    steps.as_slice().iter().map(told).collect()
}

#[test]
fn every_way_of_wrapping_and_encrypting_is_read() {
    for cipher in [GCM_128, GCM_256, CBC_128, CBC_256] {
        for (wrapping, digest, mask) in [
            (OAEP_MGF1P, None, None),
            (OAEP_MGF1P, Some(SHA1), None),
            (OAEP_MGF1P, Some(SHA256), None),
            // xml-encryption calls it so.
            (
                OAEP_MGF1P,
                Some("http://www.w3.org/2000/09/xmldsig#sha256"),
                None,
            ),
            (OAEP, None, None),
            (OAEP, Some(SHA1), Some(MGF_SHA1)),
            (OAEP, Some(SHA256), Some(MGF_SHA1)),
            (OAEP, Some(SHA256), Some(MGF_SHA256)),
            (OAEP, Some(SHA512), Some(MGF_SHA384)),
        ] {
            for beside in [false, true] {
                let encryption = Encryption {
                    cipher,
                    wrapping,
                    digest,
                    mask,
                    beside,
                    ..GCM
                };
                names_ada(&responding(encryption, (true, true)));
            }
        }
    }
}

#[test]
fn the_steps_tell_what_was_signed_and_how_it_was_encrypted() {
    for (signed, words) in [
        ((true, false), "signature: the Assertion"),
        ((false, true), "signature: the Response"),
        ((true, true), "signature: the Response and the Assertion"),
    ] {
        let steps = names_ada(&responding(GCM, signed)).join("\n");
        assert!(steps.contains(words), "{steps}");
        assert!(
            steps.contains("encryption: the Assertion, by AES-128-GCM"),
            "{steps}"
        );
        let names: Vec<&str> = steps
            .lines()
            .map(|it| it.split_once(':').unwrap().0)
            .collect();
        let expected = "document destination in_response_to status encryption shape issuer algorithm signature time \
                        recipient audience";
        assert_eq!(names.join(" "), expected);
    }
}

#[test]
fn cbc_is_read_only_where_nobody_else_can_have_changed_it() {
    for cipher in [CBC_128, CBC_256] {
        let judgement = judge(&responding(Encryption { cipher, ..CBC }, (true, false)));
        assert_eq!(refused_at(&judgement), StepName::Encryption);
        let advice = last_of(&judgement).advice.clone().unwrap();
        assert!(advice.contains("AES-128-GCM"), "{advice}");
        assert!(advice.contains("sign the response as well"), "{advice}");
    }
    let broken =
        responding(CBC, (true, true)).replace("Destination=", "Consent=\"x\" Destination=");
    assert_eq!(
        refused_at(&judge(&broken)),
        StepName::Signature,
        "before it is decrypted"
    );
}

#[test]
fn other_shapes_and_algorithms_are_refused_with_advice() {
    let good = response(&GCM.encrypt(&sign(&assertion())));
    let method = format!(r#"<xenc:EncryptionMethod Algorithm="{OAEP_MGF1P}">"#);
    let with = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replace(from, to)
    };
    let value = good
        .split_once("<xenc:CipherData>")
        .unwrap()
        .1
        .split_once("</xenc:CipherData>")
        .unwrap()
        .0;
    for (document, words) in [
        (
            with(ELEMENT, "http://www.w3.org/2001/04/xmlenc#Content"),
            "#Content",
        ),
        (
            with(
                value,
                r#"<xenc:CipherReference URI="http://169.254.169.254/"></xenc:CipherReference>"#,
            ),
            "without a CipherValue",
        ),
        (
            with("<xenc:CipherValue>", "<xenc:CipherValue>!"),
            "not base64",
        ),
        (
            with(GCM_128, "http://www.w3.org/2009/xmlenc11#aes192-gcm"),
            "aes192-gcm",
        ),
        (
            with(GCM_128, "http://www.w3.org/2001/04/xmlenc#tripledes-cbc"),
            "tripledes",
        ),
        (with(&format!(r#" Algorithm="{GCM_128}""#), ""), "nothing"),
        (
            with(OAEP_MGF1P, "http://www.w3.org/2001/04/xmlenc#rsa-1_5"),
            "rsa-1_5",
        ),
        (
            with(OAEP_MGF1P, "http://www.w3.org/2001/04/xmlenc#kw-aes128"),
            "kw-aes128",
        ),
        (
            with(
                &method,
                &format!("{method}<xenc:OAEPparams>eA==</xenc:OAEPparams>"),
            ),
            "OAEPparams",
        ),
        (
            with(
                &method,
                &format!(
                    r#"{method}<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#md5"></ds:DigestMethod>"#
                ),
            ),
            "md5",
        ),
        (
            with(
                &method,
                &format!(
                    r#"{method}<m:MGF xmlns:m="http://www.w3.org/2009/xmlenc11#" Algorithm="{MGF_SHA256}"></m:MGF>"#
                ),
            ),
            "another mask",
        ),
        (
            with(&method, &format!("{method}<x></x>")),
            "other parameters",
        ),
        (
            with(
                "<saml:EncryptedAssertion xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\">",
                "<saml:EncryptedAssertion xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\"><x></x>",
            ),
            "x in an",
        ),
        (
            with(
                "</ds:KeyInfo>",
                &format!("{}</ds:KeyInfo>", GCM.wrapped(&[7; 16]).repeat(4)),
            ),
            "more than 4",
        ),
        (response(&GCM.around(b"", &[])), "no EncryptedKey"),
        (
            response(
                r#"<saml:EncryptedAssertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"></saml:EncryptedAssertion>"#,
            ),
            "without one EncryptedData",
        ),
    ] {
        let judgement = judge(&document);
        assert_eq!(refused_at(&judgement), StepName::Encryption, "{words}");
        let received = last_of(&judgement).received.clone().unwrap();
        assert!(received.contains(words), "{received} for {words}");
    }
    let broken = judge(&with(
        OAEP_MGF1P,
        "http://www.w3.org/2001/04/xmlenc#rsa-1_5",
    ));
    let advice = last_of(&broken).advice.clone().unwrap();
    assert!(advice.contains("rsa-oaep-mgf1p"), "{advice}");
    // What may stand there and says nothing.
    names_ada(&with(&format!(r#" Type="{ELEMENT}""#), ""));
    names_ada(&with(
        &method,
        &format!("{method}<xenc:OAEPparams></xenc:OAEPparams>"),
    ));
    names_ada(&with(
        "<xenc:EncryptedKey>",
        r#"<xenc:EncryptedKey Recipient="urn:x">"#,
    ));
    let referred = response(
        &Encryption {
            beside: true,
            ..GCM
        }
        .encrypt(&sign(&assertion())),
    );
    names_ada(&referred.replace(
        "<xenc:CipherData>",
        r##"<ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:RetrievalMethod URI="#_k"></ds:RetrievalMethod></ds:KeyInfo><xenc:CipherData>"##,
    ).replacen("<xenc:EncryptedKey ", "<xenc:EncryptedKey Id=\"_k\" ", 1));
}

#[test]
fn a_key_for_others_and_an_older_key_of_ours_do_not_disturb() {
    let content = GCM.content(sign(&assertion()).as_bytes());
    let ours = GCM.wrapped(&content_key(GCM_128));
    let others = Encryption { key: "idp", ..GCM }.wrapped(&content_key(GCM_128));
    let by_other_means = ours.replace(OAEP_MGF1P, "http://www.w3.org/2001/04/xmlenc#rsa-1_5");
    for keys in [
        vec![others.clone(), ours.clone()],
        vec![others.clone(), others.clone(), others.clone(), ours.clone()],
        vec![by_other_means, ours],
    ] {
        names_ada(&response(&GCM.around(&content, &keys)));
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.pem");
    let key = |name: &str| {
        std::fs::read_to_string(format!("tests/fixtures/saml/keys/{name}.key.pem")).unwrap()
    };
    std::fs::write(&file, key("idp") + &key("other")).unwrap();
    let both = FederationKeys::load(Path::new(&file), false).unwrap();
    for key in ["other", "idp"] {
        let document = response(&Encryption { key, ..GCM }.encrypt(&sign(&assertion())));
        assert!(judge_with(&document, Some(&both)).0.is_ok(), "{key}");
    }
    let judgement = judge_with(&response(&GCM.encrypt(&sign(&assertion()))), None);
    assert_eq!(refused_at(&judgement), StepName::Encryption);
    let advice = last_of(&judgement).advice.clone().unwrap();
    assert!(advice.contains("ROLLCALL_FEDERATION_KEY_FILE"), "{advice}");
}

/// Some encrypt what stood in the response, with the namespaces that are declared there.
#[test]
fn namespaces_of_the_place_are_known_inside() {
    let saml = r#" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion""#;
    let signed = sign(&assertion());
    let bare = signed.replacen(saml, "", 1);
    names_ada(&response(&GCM.encrypt(&bare)));
    names_ada(&sign(&response(
        &GCM.encrypt(&assertion().replacen(saml, "", 1)),
    )));
    names_ada(&response(&GCM.encrypt(&format!("\n{bare}\n"))));
    names_ada(&response(
        &GCM.encrypt(&format!("<?xml version=\"1.0\"?>\n{signed}")),
    ));
    let unknown = GCM.encrypt(&bare.replace("saml:", "sa:"));
    assert_eq!(
        refused_at(&judge(&response(&unknown))),
        StepName::Encryption
    );
    // What was signed is read as it was signed, whatever the place makes of its prefixes.
    let rebound = GCM
        .encrypt(&bare)
        .replace("saml:EncryptedAssertion", "x:EncryptedAssertion")
        .replacen(
            saml,
            r#" xmlns:x="urn:oasis:names:tc:SAML:2.0:assertion" xmlns:saml="urn:x""#,
            1,
        );
    let judgement = judge(&response(&rebound));
    assert_eq!(refused_at(&judgement), StepName::Shape);
}

//! What whoever can encrypt for Rollcall, which is everybody, gets by it, and who has caught another's message.

use rollcall::domain::diagnosis::StepName;

use super::encrypting::*;
use super::encryption::{SHA256, last_of, responding};
use super::peers::{Judgement, refused_at};
use super::provider::{
    AUDIENCE, ISSUER, assertion, assertion_of, judge, response, response_of, sign,
};

/// How a document was judged but for its size, which is told.
fn judged(document: &str) -> Judgement {
    let (result, steps) = judge(document);
    let but_size = steps.into_vec().split_off(1);
    (result, but_size.into())
}

/// Anybody can encrypt: the certificate is published.
#[test]
fn what_is_encrypted_is_signed_by_nobody_for_that() {
    let judgement = judge(&responding(GCM, (false, false)));
    assert_eq!(refused_at(&judgement), StepName::Signature);
    assert_eq!(judgement.0.unwrap_err().claims, None);
    let eve = sign(&assertion()).replace("ada@", "eve@");
    let judgement = judge(&response(&GCM.encrypt(&eve)));
    assert_eq!(refused_at(&judgement), StepName::Signature);
    // The signature of the response is one over what was encrypted.
    let good = responding(GCM, (false, true));
    let (before, rest) = good.split_once("<saml:EncryptedAssertion").unwrap();
    let (_, after) = rest.split_once("</saml:EncryptedAssertion>").unwrap();
    let other = GCM.encrypt(&assertion_of("_a55e", "eve@example.org"));
    let judgement = judge(&format!("{before}{other}{after}"));
    assert_eq!(refused_at(&judgement), StepName::Signature);
    let told = last_of(&judgement).received.clone().unwrap();
    assert!(told.contains("changed after it was signed"), "{told}");
}

/// A key that is used for all organizations must not tell one what it opens of another.
#[test]
fn whoever_signs_around_anothers_assertion_learns_nothing_of_it() {
    let elsewhere = assertion().replace(AUDIENCE, "https://elsewhere.example");
    let unaddressed = assertion().replace("2026-03-01T12:05:00Z", "2026-02-01T12:05:00Z");
    let forged = sign(&assertion()).replace("ada@", "eve@");
    let misnamed = assertion().replace(ISSUER, "https://elsewhere.example");
    let foreign = Encryption { key: "idp", ..CBC };
    let unopened = judged(&sign(&response(&foreign.encrypt(&assertion()))));
    let garbage = CBC.around(&[7; 64], &[CBC.wrapped(&content_key(CBC_256))]);
    for encrypted in [
        CBC.encrypt(&elsewhere),
        CBC.encrypt(&unaddressed),
        CBC.encrypt(&forged),
        CBC.encrypt(&misnamed),
        CBC.encrypt("<saml:Assertion"),
        CBC.encrypt("no XML"),
        CBC.encrypt("<x/>"),
        CBC.encrypt(&format!("{}{}", assertion(), assertion())),
        CBC.encrypt(&response("")),
        CBC.encrypt(&assertion().replace("_a55e", "_4e5b")),
        garbage,
    ] {
        let judgement = judged(&sign(&response(&encrypted)));
        assert_eq!(judgement, unopened);
        assert_eq!(last_of(&judgement).name, StepName::Encryption);
    }
    // By GCM nothing can be found out by changes; what it says of a person is told of no replayed one either.
    let judgement = judge(&sign(&response(&GCM.encrypt(&elsewhere))));
    assert_eq!(refused_at(&judgement), StepName::Audience);
    assert_eq!(judgement.0.unwrap_err().claims, None);
    // Nor is it where the assertion is signed: metadata of another organization's provider is for all to take.
    for encryption in [GCM, CBC] {
        let judgement = judge(&sign(&response(&encryption.encrypt(&sign(&elsewhere)))));
        assert_eq!(refused_at(&judgement), StepName::Audience);
        assert_eq!(judgement.0.unwrap_err().claims, None);
    }
}

/// A message of somebody else, whose key stands before one of the attacker's own: whether the second one opens it would tell
/// whether the first one had.
#[test]
fn one_key_is_tried_with_the_content() {
    for encryption in [GCM, CBC] {
        let own = content_key(encryption.cipher);
        let others = vec![9; own.len()];
        let content = encryption.content(sign(&assertion()).as_bytes());
        let with = |keys: &[&[u8]]| {
            let keys: Vec<_> = keys.iter().map(|key| encryption.wrapped(key)).collect();
            judge(&sign(&response(&encryption.around(&content, &keys))))
        };
        with(&[&own, &others]).0.unwrap();
        // One of another length is no key of this cipher.
        with(&[&[9; 24], &own]).0.unwrap();
        let refused = with(&[&others, &own]);
        assert_eq!(refused_at(&refused), StepName::Encryption);
    }
}

/// Nobody learns whether it was the key, the tag, the padding or the text.
#[test]
fn all_that_does_not_open_is_told_alike() {
    let assertion = sign(&assertion());
    let right = content_key(GCM_128);
    let content = GCM.content(assertion.as_bytes());
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut changed = content.clone();
        change(&mut changed);
        GCM.around(&changed, &[GCM.wrapped(&right)])
    };
    let flipped = |place: usize| with(&move |it: &mut Vec<u8>| it[place] ^= 1);
    let foreign = Encryption { key: "idp", ..GCM };
    let expected = judged(&response(&foreign.encrypt(&assertion)));
    assert_eq!(refused_at(&expected), StepName::Encryption);
    let wrapped = GCM.wrapped(&right);
    let value = wrapped
        .split_once("CipherValue>")
        .unwrap()
        .1
        .split_once('<')
        .unwrap()
        .0;
    for encrypted in [
        flipped(0),
        flipped(20),
        flipped(content.len() - 1),
        with(&|it| it.truncate(20)),
        with(&|it| it.truncate(3)),
        with(&Vec::clear),
        GCM.around(&content, &[GCM.wrapped(&[8; 16])]),
        GCM.around(&content, &[GCM.wrapped(&[7; 32])]),
        GCM.around(&content, &[GCM.wrapped(&[])]),
        GCM.around(
            &content,
            &[Encryption {
                digest: Some(SHA256),
                ..GCM
            }
            .wrapped(&right)
            .replace("xmlenc#sha256", "xmlenc#sha1")],
        ),
        GCM.around(&content, &[wrapped.replace(value, "AAAA")]),
        GCM.around(&content, &[wrapped.replace(value, "")]),
        GCM.encrypt("no XML"),
        GCM.encrypt(""),
        GCM.encrypt("<saml:Assertion"),
        GCM.encrypt(&format!("<!DOCTYPE x>{assertion}")),
        GCM.encrypt(&format!("{assertion}{assertion}")),
        GCM.encrypt(&format!("{assertion}<!-- -->")),
        GCM.encrypt(&assertion.replace("ada@example.org<", "ada@example.org<!-- -->.evil<")),
        GCM.encrypt(&format!("{}{}", "<x>".repeat(100), "</x>".repeat(100))),
        GCM.encrypt(&format!("<x>{}</x>", "<x/>".repeat(30_000))),
    ] {
        assert_eq!(judged(&response(&encrypted)), expected, "{encrypted}");
    }
    let huge = GCM.encrypt(&format!("<x>{}</x>", " ".repeat(280 * 1024)));
    assert_eq!(refused_at(&judge(&response(&huge))), StepName::Document);
}

#[test]
fn there_is_one_assertion_encrypted_or_not() {
    let (plain, signed) = (assertion(), sign(&assertion()));
    let encrypted = GCM.encrypt(&signed);
    let eve = sign(&assertion_of("_e111", "eve@example.org"));
    let status = "</samlp:Status>";
    let inside = |more: &str| {
        let response = response(&encrypted);
        response.replace(
            status,
            &format!("<samlp:StatusDetail>{more}</samlp:StatusDetail>{status}"),
        )
    };
    let data = encrypted.replace("saml:EncryptedAssertion", "saml:Advice");
    for (trick, document) in [
        (
            "beside a plain one",
            response(&format!("{encrypted}{plain}")),
        ),
        (
            "behind a signed one",
            response(&format!("{signed}{encrypted}")),
        ),
        (
            "two",
            response(&format!("{encrypted}{}", GCM.encrypt(&eve))),
        ),
        ("twice", response(&encrypted.repeat(2))),
        ("one in the status, too", inside(&GCM.encrypt(&eve))),
        ("a plain one in the status", inside(&plain)),
        (
            "in the status only",
            response("").replace(status, &format!("{encrypted}{status}")),
        ),
        (
            "within a signed one",
            response(&signed.replace(
                "</saml:Assertion>",
                &format!("{encrypted}</saml:Assertion>"),
            )),
        ),
        (
            "in another namespace",
            response(&encrypted.replace("SAML:2.0:assertion", "SAML:2.0:x")),
        ),
        ("another element around it", response(&data)),
        ("one in one", response(&GCM.encrypt(&encrypted))),
        (
            "a response",
            response(&GCM.encrypt(&response_of("_0ther", &signed))),
        ),
        (
            "a signed response",
            response(&GCM.encrypt(&sign(&response_of("_0ther", &plain)))),
        ),
        (
            "an element around it",
            response(&GCM.encrypt(&format!("<x>{signed}</x>"))),
        ),
        (
            "one within it",
            response(&GCM.encrypt(&signed.replace(
                "<saml:Conditions",
                &format!("<saml:Advice>{eve}</saml:Advice><saml:Conditions"),
            ))),
        ),
        (
            "an encrypted one within it",
            response(&GCM.encrypt(&signed.replace(
                "<saml:Conditions",
                &format!(
                    "<saml:Advice>{}</saml:Advice><saml:Conditions",
                    GCM.encrypt(&eve)
                ),
            ))),
        ),
        (
            "the signature of another",
            response(&GCM.encrypt(
                &eve.replace("</saml:Issuer>", &format!("</saml:Issuer><x>{signed}</x>")),
            )),
        ),
        (
            "another version",
            response(&GCM.encrypt(&sign(&plain.replace("Version=\"2.0\"", "Version=\"1.1\"")))),
        ),
    ] {
        assert_eq!(refused_at(&judge(&document)), StepName::Shape, "{trick}");
        // Nor does the signature of the response help.
        assert_eq!(
            refused_at(&judge(&sign(&document))),
            StepName::Shape,
            "{trick}, signed"
        );
    }
    for (trick, assertion) in [
        (
            "the response's ID",
            sign(&assertion_of("_4e5b", "ada@example.org")),
        ),
        (
            "the response's ID at a name",
            sign(&plain).replace("<saml:NameID ", "<saml:NameID Id=\"_4e5b\" "),
        ),
    ] {
        let judgement = judge(&response(&GCM.encrypt(&assertion)));
        assert_eq!(refused_at(&judgement), StepName::Document, "{trick}");
    }
    for part in ["EncryptedID", "EncryptedAttribute"] {
        let within = plain.replace(
            "<saml:NameID ",
            &format!("<saml:{part}></saml:{part}><saml:NameID "),
        );
        let judgement = judge(&response(&GCM.encrypt(&sign(&within))));
        assert_eq!(refused_at(&judgement), StepName::Encryption, "{part}");
        assert_eq!(last_of(&judgement).received.as_deref(), Some(part));
    }
}

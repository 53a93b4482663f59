//! What a response has to say, and what of it is read.

use rollcall::domain::connections::SubjectSource;
use rollcall::domain::diagnosis::{StepName, Steps};

use super::peers::{moment, refused_at};
use super::provider::{
    ACS, AUDIENCE, ISSUER, REQUEST, assertion, assertion_of, judge, judge_at, response, sign,
};

/// A response whose assertion says what a test has it say, rightly signed.
fn saying(from: &str, to: &str) -> String {
    let assertion = assertion();
    assert!(assertion.contains(from), "{from}");
    response(&sign(&assertion.replace(from, to)))
}

fn good() -> String {
    response(&sign(&assertion()))
}

#[test]
fn a_good_response_tells_all_that_was_signed() {
    let (result, steps) = judge(&good());
    let verified = result.unwrap_or_else(|_| panic!("{steps:?}"));
    assert_eq!(verified.id(), "_a55e");
    assert_eq!(verified.issuer(), ISSUER);
    assert_eq!(verified.name_id().unwrap().value, "ada@example.org");
    assert_eq!(verified.not_on_or_after(), moment("2026-03-01T12:05:00Z"));
    assert_eq!(verified.issued_at(), Some(moment("2026-03-01T11:59:58Z")));
    let session = verified.session();
    assert_eq!(session.index.as_deref(), Some("_5e55"));
    assert_eq!(
        session.authenticated_at,
        Some(moment("2026-03-01T09:00:00Z"))
    );
    assert_eq!(
        session.not_on_or_after,
        Some(moment("2026-03-01T20:00:00Z"))
    );
    assert_eq!(verified.values("mail"), ["ada@example.org"]);
}

#[test]
fn whom_when_and_where_it_is_for_is_checked_though_it_is_signed() {
    let audience = format!("<saml:Audience>{AUDIENCE}</saml:Audience>");
    let restriction = format!("<saml:AudienceRestriction>{audience}</saml:AudienceRestriction>");
    let other = "<saml:Audience>https://other.example/</saml:Audience>";
    let recipient = format!(r#" Recipient="{ACS}""#);
    let answers = format!(r#" InResponseTo="{REQUEST}""#);
    let until = r#" NotOnOrAfter="2026-03-01T12:05:00Z" Recipient"#;
    let bearer = "cm:bearer";
    for (step, from, to) in [
        (StepName::Audience, audience.as_str(), other.to_owned()),
        (StepName::Audience, restriction.as_str(), String::new()),
        (
            StepName::Audience,
            restriction.as_str(),
            format!("{restriction}<saml:AudienceRestriction>{other}</saml:AudienceRestriction>"),
        ),
        (
            StepName::Audience,
            restriction.as_str(),
            "<saml:AudienceRestriction></saml:AudienceRestriction>".to_owned(),
        ),
        (StepName::Audience, AUDIENCE, format!("{AUDIENCE}/")),
        (StepName::Recipient, recipient.as_str(), String::new()),
        (
            StepName::Recipient,
            recipient.as_str(),
            r#" Recipient="https://evil.example/""#.to_owned(),
        ),
        (
            StepName::Recipient,
            recipient.as_str(),
            format!(r#" Recipient="{}""#, ACS.to_uppercase()),
        ),
        (StepName::InResponseTo, answers.as_str(), String::new()),
        (
            StepName::InResponseTo,
            answers.as_str(),
            r#" InResponseTo="_0ther""#.to_owned(),
        ),
        (StepName::Shape, until, " Recipient".to_owned()),
        (
            StepName::Time,
            until,
            r#" NotOnOrAfter="tomorrow" Recipient"#.to_owned(),
        ),
        (
            StepName::Time,
            until,
            r#" NotOnOrAfter="2026-03-01T11:00:00Z" Recipient"#.to_owned(),
        ),
        (
            StepName::Time,
            r#"SessionNotOnOrAfter="2026-03-01T20"#,
            r#"SessionNotOnOrAfter="2026-03-01T10"#.to_owned(),
        ),
        (StepName::Shape, bearer, "cm:holder-of-key".to_owned()),
        (StepName::Issuer, ISSUER, "https://evil.example/".to_owned()),
    ] {
        let judgement = judge(&saying(from, &to));
        assert_eq!(refused_at(&judgement), step, "{from} → {to}");
    }
    let condition = |name: &str| {
        saying(
            "<saml:AudienceRestriction>",
            &format!("<saml:{name}></saml:{name}><saml:AudienceRestriction>"),
        )
    };
    assert_eq!(refused_at(&judge(&condition("Condition"))), StepName::Shape);
    assert!(judge(&condition("OneTimeUse")).0.is_ok());
    let both = saying(&audience, &format!("{other}{audience}"));
    assert!(judge(&both).0.is_ok(), "one of several audiences");
    let statement = assertion()
        .split_once("<saml:AuthnStatement")
        .unwrap()
        .1
        .split_once("</saml:AuthnStatement>")
        .unwrap()
        .0
        .to_owned();
    let without = saying(
        &format!("<saml:AuthnStatement{statement}</saml:AuthnStatement>"),
        "",
    );
    assert_eq!(
        refused_at(&judge(&without)),
        StepName::Shape,
        "no sign-in is stated"
    );
}

#[test]
fn clocks_may_differ_by_three_minutes() {
    let good = good();
    for (now, is_right) in [
        ("2026-03-01T11:56:59Z", true),
        ("2026-03-01T11:56:57Z", false),
        ("2026-03-01T12:07:59Z", true),
        ("2026-03-01T12:08:01Z", false),
    ] {
        let judgement = judge_at(&good, now, "idp");
        assert_eq!(judgement.0.is_ok(), is_right, "{now}");
        if !is_right {
            assert_eq!(refused_at(&judgement), StepName::Time);
        }
    }
}

#[test]
fn what_the_response_itself_says_is_checked() {
    let good = sign(&response(&assertion()));
    assert!(judge(&good).0.is_ok());
    for (step, from, to) in [
        (StepName::Destination, ACS, "https://evil.example/acs"),
        (StepName::Destination, ACS, ""),
        (StepName::InResponseTo, REQUEST, "_0ther"),
        (StepName::Status, "status:Success", "status:Requester"),
        (StepName::Issuer, ISSUER, "https://evil.example/"),
        (StepName::Shape, r#"Version="2.0""#, r#"Version="1.1""#),
    ] {
        let changed = response(&assertion()).replacen(from, to, 1);
        assert_eq!(refused_at(&judge(&sign(&changed))), step, "{from} → {to}");
    }
    let no_destination =
        response(&assertion()).replacen(&format!(r#" Destination="{ACS}""#), "", 1);
    assert!(judge(&sign(&no_destination)).0.is_ok());
}

/// What an identity provider says when it lets nobody in is shown, without a signature and without harm.
#[test]
fn the_words_of_a_failure_are_shown_and_cleaned() {
    let status = r#"<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"></samlp:StatusCode>"#;
    let failed = format!(
        r#"<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Responder"><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:AuthnFailed"/></samlp:StatusCode><samlp:StatusMessage>not{}assigned {}</samlp:StatusMessage>"#,
        "\n\t",
        "x".repeat(1000)
    );
    let judgement = judge(&response("").replace(status, &failed));
    assert_eq!(refused_at(&judgement), StepName::Status);
    let received = judgement
        .1
        .as_slice()
        .last()
        .unwrap()
        .received
        .as_ref()
        .unwrap();
    assert!(
        received.contains("AuthnFailed · not  assigned xxx"),
        "{received}"
    );
    assert!(received.chars().count() <= 201, "{received}");
}

/// Whoever reads a diagnosis reads what came, in the order in which it came.
#[test]
fn no_value_turns_the_words_around_it() {
    const TURNED: &str = "https://\u{202e}elpmaxe.loohcs/";
    let inside = [
        AUDIENCE,
        ISSUER,
        ACS,
        REQUEST,
        "_a55e",
        "2026-03-01T12:05:00Z",
    ];
    let inside = inside.map(|from| saying(from, TURNED));
    let around = [ISSUER, ACS, REQUEST, "status:Success", "2.0", "_4e5b"];
    let around = around.map(|from| sign(&response(&assertion()).replacen(from, TURNED, 1)));
    for document in inside.iter().chain(&around) {
        let (_, steps) = judge(document);
        for step in steps.as_slice() {
            let texts = [&step.expected, &step.received, &step.advice];
            let turns = |text: &String| text.contains('\u{202e}');
            assert!(!texts.into_iter().flatten().any(turns), "{step:?}");
        }
    }
    let other_audience = judge(&inside[0]).1;
    let received = other_audience
        .as_slice()
        .last()
        .unwrap()
        .received
        .as_deref();
    assert_eq!(received, Some("https://elpmaxe.loohcs/"));
}

#[test]
fn a_subject_has_to_name_somebody_again() {
    let spaces = [
        "",
        " ada",
        "ada ",
        "a\tda",
        "\u{a0}ada",
        "a&#xD;da",
        "a\u{85}b",
    ];
    let long = "a".repeat(257);
    for name in spaces.iter().copied().chain([long.as_str()]) {
        let (result, mut steps) = judge(&response(&sign(&assertion_of("_a55e", name))));
        let verified = result.unwrap_or_else(|_| panic!("{name:?}: {steps:?}"));
        assert!(
            verified
                .subject(&SubjectSource::NameId, &mut steps)
                .is_err(),
            "{name:?}"
        );
        assert_eq!(steps.as_slice().last().unwrap().name, StepName::Subject);
    }
    let mut steps = Steps::default();
    let none = saying(
        r#"<saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">ada@example.org</saml:NameID>"#,
        "",
    );
    let verified = judge(&none).0.unwrap();
    assert!(verified.name_id().is_none());
    assert!(
        verified
            .subject(&SubjectSource::NameId, &mut steps)
            .is_err(),
        "it does not fall back"
    );
    let mail = SubjectSource::Attribute("urn:oid:0.9.2342.19200300.100.1.3".to_owned());
    assert_eq!(verified.subject(&mail, &mut steps), Ok("ada@example.org"));
    let by_friendly_name = SubjectSource::Attribute("mail".to_owned());
    assert!(verified.subject(&by_friendly_name, &mut steps).is_err());
}

#[test]
fn parts_that_are_encrypted_by_themselves_are_refused_with_advice() {
    for (place, document) in [
        (
            "the name",
            saying(
                "<saml:NameID ",
                "<saml:EncryptedID></saml:EncryptedID><saml:NameID ",
            ),
        ),
        (
            "an attribute",
            saying(
                "<saml:AttributeStatement>",
                "<saml:AttributeStatement><saml:EncryptedAttribute></saml:EncryptedAttribute>",
            ),
        ),
    ] {
        let judgement = judge(&document);
        assert_eq!(refused_at(&judgement), StepName::Encryption, "{place}");
    }
}

/// The attributes of SAML stand in no namespace: one of another is an extension, whatever it is called.
#[test]
fn an_attribute_of_another_namespace_is_not_the_one_of_saml() {
    let confirmed = "<saml:SubjectConfirmationData ";
    let data = format!(
        r#"{confirmed}InResponseTo="{REQUEST}" NotOnOrAfter="2026-03-01T12:05:00Z" Recipient="{ACS}">"#
    );
    for (step, other) in [
        (
            StepName::Recipient,
            format!(
                r#"{confirmed}xmlns:x="urn:x" InResponseTo="{REQUEST}" NotOnOrAfter="2026-03-01T12:05:00Z" x:Recipient="{ACS}">"#
            ),
        ),
        (
            StepName::Shape,
            format!(
                r#"{confirmed}xmlns:x="urn:x" InResponseTo="{REQUEST}" Recipient="{ACS}" x:NotOnOrAfter="2026-03-01T12:05:00Z">"#
            ),
        ),
    ] {
        let judgement = judge(&saying(&data, &other));
        assert_eq!(refused_at(&judgement), step, "{other}: {judgement:?}");
    }
    let version = r#" IssueInstant="2026-03-01T11:59:58Z" Version="2.0"><saml:Issuer>"#;
    let other =
        r#" IssueInstant="2026-03-01T11:59:58Z" xmlns:x="urn:x" x:Version="2.0"><saml:Issuer>"#;
    assert_eq!(refused_at(&judge(&saying(version, other))), StepName::Shape);
}

//! Signature wrapping: a signed element is kept somewhere, and another one stands where it is read. The eight known
//! forms (Somorovsky and others, "On Breaking SAML", 2012), and more.

use rollcall::domain::diagnosis::StepName;

use super::peers::refused_at;
use super::provider::{
    RSA_SHA256, assertion, assertion_of, judge, response, response_of, sign, signature,
};

/// What the attacker says, under an id of their own and under that of the signed element.
fn evil(id: &str) -> String {
    assertion_of(id, "eve@example.org")
}

/// The assertion that the identity provider signed.
fn signed() -> String {
    sign(&assertion())
}

/// The signature of that assertion.
fn its_signature() -> String {
    signature(&assertion(), RSA_SHA256, |info| info)
}

/// A signature with something inside, as the last of its children.
fn holding(signature: &str, inside: &str) -> String {
    signature.replace("</ds:Signature>", &format!("{inside}</ds:Signature>"))
}

fn object(inside: &str) -> String {
    format!("<ds:Object>{inside}</ds:Object>")
}

/// An element with something more, behind its issuer.
fn with(element: &str, more: &str) -> String {
    element.replacen("</saml:Issuer>", &format!("</saml:Issuer>{more}"), 1)
}

#[test]
fn what_is_wrapped_is_a_good_document() {
    let (result, steps) = judge(&response(&signed()));
    assert!(result.is_ok(), "{steps:?}");
    assert!(judge(&sign(&response(&assertion()))).0.is_ok());
    assert!(judge(&sign(&response(&signed()))).0.is_ok());
}

#[test]
fn the_eight_known_forms_are_refused() {
    for id in ["_e111", "_a55e"] {
        let evil_response = |id: &str| response_of(id, &evil("_e222"));
        let good = response(&assertion());
        let of_response = signature(&good, RSA_SHA256, |info| info);
        for (form, document) in [
            // The signed Response inside of the signature of another.
            ("1", with(&evil_response(id), &holding(&of_response, &good))),
            // The signed Response beside its signature.
            (
                "2",
                with(&evil_response(id), &format!("{good}{of_response}")),
            ),
            // The signed Assertion behind another.
            ("3", response(&format!("{}{}", evil(id), signed()))),
            // The signed Assertion inside of another.
            ("4", response(&with(&evil(id), &signed()))),
            // The signature at another Assertion, its own behind it.
            (
                "5",
                response(&format!(
                    "{}{}",
                    with(&evil(id), &its_signature()),
                    assertion()
                )),
            ),
            // The signed Assertion inside of its signature, which is at another.
            (
                "6",
                response(&with(&evil(id), &holding(&its_signature(), &assertion()))),
            ),
            // Another Assertion in Extensions.
            ("7", with(&response(&signed()), &extensions(&evil(id)))),
            // The signed Assertion in an Object of its signature, which is at another.
            (
                "8",
                response(&with(
                    &evil(id),
                    &holding(&its_signature(), &object(&assertion())),
                )),
            ),
        ] {
            let step = refused_at(&judge(&document));
            let is_right = matches!(
                step,
                StepName::Shape | StepName::Document | StepName::Signature
            );
            assert!(is_right, "form {form} with the id {id}: {step}");
        }
    }
}

fn extensions(inside: &str) -> String {
    format!("<samlp:Extensions>{inside}</samlp:Extensions>")
}

#[test]
fn further_forms_are_refused() {
    let advice = |inside: &str| format!("<saml:Advice>{inside}</saml:Advice>");
    let foreign = r#"<x:Box xmlns:x="urn:x">"#;
    let good = response(&signed());
    for (form, document) in [
        (
            "in the status",
            good.replace(
                "</samlp:Status>",
                &format!(
                    "<samlp:StatusDetail>{}</samlp:StatusDetail></samlp:Status>",
                    evil("_e1")
                ),
            ),
        ),
        (
            "in the Advice",
            response(&sign(&assertion().replace(
                "<saml:AuthnStatement",
                &format!("{}<saml:AuthnStatement", advice(&evil("_e1"))),
            ))),
        ),
        (
            "signed in the Advice of another",
            response(&with(&evil("_e1"), &advice(&signed()))),
        ),
        (
            "in a foreign element",
            response(&format!("{foreign}{}</x:Box>{}", signed(), evil("_e1"))),
        ),
        ("behind", response(&format!("{}{}", signed(), evil("_e1")))),
        (
            "two that are signed",
            response(&format!("{}{}", signed(), sign(&evil("_e1")))),
        ),
        ("without its signature", response(&evil("_a55e"))),
        (
            "with the signature of another",
            response(&with(&evil("_a55e"), &its_signature())),
        ),
        (
            "with two signatures",
            response(&with(&signed(), &its_signature())),
        ),
        (
            "with its signature at the Response",
            with(&response(&assertion()), &its_signature()),
        ),
        (
            "with its signature in Extensions",
            with(&response(&assertion()), &extensions(&its_signature())),
        ),
        (
            "with its signature in the subject",
            response(&assertion().replace(
                "<saml:Subject>",
                &format!("<saml:Subject>{}", its_signature()),
            )),
        ),
        ("the assertion alone", signed()),
        ("a response in a response", response(&good)),
        (
            "an ID of another namespace",
            response(
                &with(&evil("_e1"), &its_signature())
                    .replace(r#"ID="_e1""#, r#"ID="_e1" xmlns:x="urn:x" x:ID="_a55e""#),
            ),
        ),
        (
            "Id beside ID",
            response(
                &with(&evil("_e1"), &its_signature())
                    .replace(r#"ID="_e1""#, r#"ID="_e1" Id="_a55e""#),
            ),
        ),
        (
            "xml:id",
            response(&format!(
                "{}{}",
                with(&evil("_e1"), &its_signature()),
                assertion().replace("ID=", "xml:id=")
            )),
        ),
        (
            "another assertion's namespace",
            response(&format!(
                "{}{}",
                signed(),
                evil("_e1").replace("SAML:2.0:assertion\"", "SAML:1.0:assertion\"")
            )),
        ),
    ] {
        let step = refused_at(&judge(&document));
        let is_right = matches!(
            step,
            StepName::Shape | StepName::Document | StepName::Signature
        );
        assert!(is_right, "{form}: {step}");
    }
}

/// The signature holds for what it covers, and for nothing around it.
#[test]
fn an_attribute_that_is_added_inside_breaks_the_signature() {
    let good = response(&signed());
    let added = good.replace("<saml:AttributeStatement>", r#"<saml:AttributeStatement><saml:Attribute Name="role"><saml:AttributeValue>admin</saml:AttributeValue></saml:Attribute>"#);
    assert_eq!(refused_at(&judge(&added)), StepName::Signature);
    // In the Response, which is not signed, nobody reads it.
    let statement = r#"<saml:AttributeStatement xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"><saml:Attribute Name="role"><saml:AttributeValue>admin</saml:AttributeValue></saml:Attribute></saml:AttributeStatement>"#;
    let (result, _) = judge(&with(&good, statement));
    assert!(result.is_ok_and(|it| it.values("role").is_empty()));
}

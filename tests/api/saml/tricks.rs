//! What a document may not have, however rightly it is signed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rollcall::domain::diagnosis::StepName;

use super::peers::refused_at;
use super::provider::{ISSUER, NOW, assertion, judge, judge_field, response, sign};

fn good() -> String {
    response(&sign(&assertion()))
}

#[test]
fn documents_that_two_readers_could_read_differently_are_refused() {
    let good = good();
    let name = "ada@example.org</saml:NameID>";
    let nested = format!("{}{}", "<x>".repeat(100), "</x>".repeat(100));
    let many_attributes: String = (0..100).map(|it| format!(r#" a{it}="""#)).collect();
    let many_namespaces: String = (0..100)
        .map(|it| format!(r#" xmlns:n{it}="urn:n""#))
        .collect();
    for (trick, document) in [
        ("a DOCTYPE", format!("<!DOCTYPE x>{good}")),
        (
            "an entity",
            format!(r#"<!DOCTYPE x [<!ENTITY e "eve">]>{good}"#),
        ),
        (
            "an external entity",
            format!(r#"<!DOCTYPE x SYSTEM "file:///etc/passwd">{good}"#),
        ),
        (
            "an unknown entity",
            good.replace(name, &format!("&nbsp;{name}")),
        ),
        (
            "a comment in a name",
            good.replace(name, "ada@example.org<!-- -->.evil</saml:NameID>"),
        ),
        ("a comment before", format!("<!-- -->{good}")),
        ("a comment behind", format!("{good}<!-- -->")),
        (
            "an instruction in a name",
            good.replace(name, "ada@example.org<?x?>.evil</saml:NameID>"),
        ),
        (
            "an instruction before",
            format!("<?xml-stylesheet href='x'?>{good}"),
        ),
        ("XML 1.1", format!("<?xml version='1.1'?>{good}")),
        (
            "UTF-16",
            format!("<?xml version='1.0' encoding='UTF-16'?>{good}"),
        ),
        (
            "UTF-7",
            format!("<?xml version='1.0' encoding='UTF-7'?>{good}"),
        ),
        (
            "a declaration without quotes",
            format!("<?xml version=1.0?>{good}"),
        ),
        (
            "a relative namespace",
            good.replacen(
                "<samlp:Response ",
                r#"<samlp:Response xmlns:r="relative" "#,
                1,
            ),
        ),
        (
            "a namespace with an ampersand",
            good.replacen(
                "<samlp:Response ",
                r#"<samlp:Response xmlns:r="urn:a&amp;b" "#,
                1,
            ),
        ),
        (
            "a prefix without a namespace",
            good.replacen("<samlp:Response ", r#"<samlp:Response xmlns:r="" "#, 1),
        ),
        (
            "a default namespace twice",
            good.replacen(
                "<samlp:Response ",
                r#"<samlp:Response xmlns="urn:a" xmlns="urn:b" "#,
                1,
            ),
        ),
        (
            "an attribute twice",
            good.replacen("<samlp:Response ", r#"<samlp:Response Version="1.0" "#, 1),
        ),
        (
            "one ID twice",
            good.replace(r#"ID="_4e5b""#, r#"ID="_a55e""#),
        ),
        (
            "one ID twice, otherwise written",
            good.replacen("<saml:NameID ", r#"<saml:NameID Id="_a55e" "#, 1),
        ),
        (
            "one ID twice, as xml:id",
            good.replacen("<saml:NameID ", r#"<saml:NameID xml:id="_a55e" "#, 1),
        ),
        (
            "a name without end",
            good.replace(
                "</samlp:Status>",
                &format!("</samlp:Status><{0}></{0}>", "x".repeat(70_000)),
            ),
        ),
        (
            "elements inside each other",
            good.replace("</samlp:Status>", &format!("</samlp:Status>{nested}")),
        ),
        (
            "attributes without end",
            good.replacen(
                "<samlp:Response",
                &format!("<samlp:Response{many_attributes}"),
                1,
            ),
        ),
        (
            "namespaces without end",
            good.replacen(
                "<samlp:Response",
                &format!("<samlp:Response{many_namespaces}"),
                1,
            ),
        ),
        (
            "elements without end",
            good.replace(
                "</samlp:Status>",
                &format!("</samlp:Status>{}", "<x/>".repeat(30_000)),
            ),
        ),
        (
            "300 KiB",
            good.replace(
                "</samlp:Status>",
                &format!("{}</samlp:Status>", " ".repeat(300 * 1024)),
            ),
        ),
        ("two documents", format!("{good}{good}")),
        ("nothing", String::new()),
        ("no XML", "ada@example.org".to_owned()),
        ("half of it", good[..good.len() / 2].to_owned()),
        (
            "a control character",
            good.replace(name, &format!("\u{1}{name}")),
        ),
        (
            "a control character by reference",
            good.replace(name, &format!("&#1;{name}")),
        ),
    ] {
        let judgement = judge(&document);
        assert_eq!(
            refused_at(&judgement),
            StepName::Document,
            "{trick}: {judgement:?}"
        );
    }
    for (trick, field) in [
        ("no base64", "<xml>".to_owned()),
        (
            "base64 of URLs",
            STANDARD
                .encode(good.as_bytes())
                .replace('+', "-")
                .replace('/', "_")
                + "-_",
        ),
        (
            "not UTF-8",
            STANDARD.encode(
                good.replace("ada", "\u{e9}")
                    .chars()
                    .map(|it| u8::try_from(u32::from(it)).unwrap())
                    .collect::<Vec<u8>>(),
            ),
        ),
        ("a megabyte", "A".repeat(1_000_000)),
    ] {
        assert_eq!(
            refused_at(&judge_field(&field, NOW, "idp")),
            StepName::Document,
            "{trick}"
        );
    }
}

/// A person's name does not depend on how it was written down.
#[test]
fn other_ways_of_writing_the_same_are_taken_for_the_same() {
    let good = good();
    let wrapped: Vec<String> = STANDARD
        .encode(&good)
        .as_bytes()
        .chunks(76)
        .map(|it| String::from_utf8(it.to_vec()).unwrap())
        .collect();
    assert!(judge_field(&wrapped.join("\r\n"), NOW, "idp").0.is_ok());
    for (way, document) in [
        (
            "a declaration",
            format!("<?xml version=\"1.0\" encoding=\"utf-8\" standalone='no'?>\r\n{good}"),
        ),
        ("a byte order mark", format!("\u{feff}{good}")),
        (
            "an empty element",
            good.replace("></samlp:StatusCode>", "/>"),
        ),
        (
            "a character reference",
            good.replace("ada@example.org<", "&#97;da@example.org<"),
        ),
        (
            "a CDATA section",
            good.replace("ada@example.org<", "<![CDATA[ada@example.org]]><"),
        ),
        (
            "attributes in another order",
            good.replace(
                r#"ID="_a55e" IssueInstant="2026-03-01T11:59:58Z""#,
                r#"IssueInstant="2026-03-01T11:59:58Z" ID='_a55e'"#,
            ),
        ),
    ] {
        let (result, steps) = judge(&document);
        let verified = result.unwrap_or_else(|_| panic!("{way}: {steps:?}"));
        assert_eq!(
            verified.name_id().unwrap().value,
            "ada@example.org",
            "{way}"
        );
    }
}

#[test]
fn a_step_never_holds_a_signature_or_more_than_a_line() {
    let good = good();
    let value = good
        .split_once("<ds:SignatureValue>")
        .unwrap()
        .1
        .split_once('<')
        .unwrap()
        .0;
    for document in [
        good.clone(),
        good.replace("ada@", "eve@"),
        good.replace(ISSUER, &"x\n".repeat(3000)),
    ] {
        let (_, steps) = judge(&document);
        for step in steps.as_slice() {
            let text = format!("{step:?}");
            assert!(!text.contains(value), "{text}");
            assert!(
                step.received
                    .as_ref()
                    .is_none_or(|it| it.len() < 700 && !it.contains('\n')),
                "{text}"
            );
        }
    }
}

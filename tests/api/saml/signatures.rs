//! Signatures that hold, and are refused for their shape, algorithm or key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rollcall::domain::diagnosis::StepName;

use super::peers::refused_at;
use super::provider::{
    Algorithms, NOW, RSA_SHA256, assertion, judge, judge_at, pem, response, sign_by, sign_oddly,
};

#[test]
fn signatures_of_another_shape_are_refused_though_they_hold() {
    let exclusive =
        r#"<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:Transform>"#;
    let enveloped = r#"<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"></ds:Transform>"#;
    let xpath = r#"<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"><ds:XPath>true()</ds:XPath></ds:Transform>"#;
    let prefixes: String = (0..100).map(|it| format!("p{it} ")).collect();
    let list = r#"<ec:InclusiveNamespaces xmlns:ec="http://www.w3.org/2001/10/xml-exc-c14n#" PrefixList="ds">"#;
    let changes: [(&str, &str, String); 19] = [
        (
            "elements in a list of prefixes",
            "xml-exc-c14n#\"></ds:Transform>",
            format!("xml-exc-c14n#\">{list}<x></x></ec:InclusiveNamespaces></ds:Transform>"),
        ),
        (
            "elements in a list of prefixes before anything is verified",
            "xml-exc-c14n#\"></ds:CanonicalizationMethod>",
            format!(
                "xml-exc-c14n#\">{list}<x></x></ec:InclusiveNamespaces></ds:CanonicalizationMethod>"
            ),
        ),
        (
            "text in a canonicalization",
            "xml-exc-c14n#\"></ds:CanonicalizationMethod>",
            "xml-exc-c14n#\">x</ds:CanonicalizationMethod>".to_owned(),
        ),
        (
            "prefixes without end",
            "xml-exc-c14n#\"></ds:Transform>",
            format!(
                "xml-exc-c14n#\"><ec:InclusiveNamespaces xmlns:ec=\"http://www.w3.org/2001/10/xml-exc-c14n#\" PrefixList=\"{prefixes}\"></ec:InclusiveNamespaces></ds:Transform>"
            ),
        ),
        ("no reference", "<ds:Reference ", "<ds:Manifest ".to_owned()),
        (
            "the whole document",
            r##"URI="#_a55e""##,
            r#"URI="""#.to_owned(),
        ),
        (
            "another element",
            r##"URI="#_a55e""##,
            r##"URI="#_4e5b""##.to_owned(),
        ),
        ("no URI", r##" URI="#_a55e""##, String::new()),
        (
            "a pointer",
            r##"URI="#_a55e""##,
            r##"URI="#xpointer(id('_a55e'))""##.to_owned(),
        ),
        (
            "another document",
            r##"URI="#_a55e""##,
            r#"URI="http://evil.example/""#.to_owned(),
        ),
        ("no transform", exclusive, String::new()),
        ("not enveloped", enveloped, String::new()),
        (
            "transforms in another order",
            enveloped,
            format!("{exclusive}{enveloped}"),
        ),
        ("an XPath", exclusive, format!("{exclusive}{xpath}")),
        ("an XPath for the enveloped", enveloped, xpath.to_owned()),
        (
            "inclusive canonicalization",
            "2001/10/xml-exc-c14n#\"></ds:Transform>",
            "TR/2001/REC-xml-c14n-20010315\"></ds:Transform>".to_owned(),
        ),
        (
            "canonicalization with comments",
            "xml-exc-c14n#\"></ds:CanonicalizationMethod>",
            "xml-exc-c14n#WithComments\"></ds:CanonicalizationMethod>".to_owned(),
        ),
        (
            "text between",
            "</ds:Transforms>",
            "</ds:Transforms>x".to_owned(),
        ),
        (
            "a parameter",
            "</ds:SignatureMethod>",
            "<ds:HMACOutputLength>0</ds:HMACOutputLength></ds:SignatureMethod>".to_owned(),
        ),
    ];
    for (shape, from, to) in changes {
        let change = |info: String| {
            let changed = info.replace(from, &to);
            assert_ne!(changed, info, "{shape}");
            match to.starts_with("<ds:Manifest") {
                true => changed.replace("</ds:Reference>", "</ds:Manifest>"),
                false => changed,
            }
        };
        let judgement = judge(&response(&sign_oddly(&assertion(), change)));
        assert_eq!(
            refused_at(&judgement),
            StepName::Shape,
            "{shape}: {judgement:?}"
        );
    }
    let twice = |info: String| {
        let reference = info[info.find("<ds:Reference").unwrap()..].to_owned();
        info + &reference
    };
    let two_references = judge(&response(&sign_oddly(&assertion(), twice)));
    assert_eq!(refused_at(&two_references), StepName::Shape);
}

/// A shorter digest, or none, is no digest.
#[test]
fn the_whole_digest_counts() {
    for keep in [0, 4, 40] {
        let shorten = |info: String| {
            let (before, after) = info.split_once("<ds:DigestValue>").unwrap();
            let (value, after) = after.split_once("</ds:DigestValue>").unwrap();
            format!(
                "{before}<ds:DigestValue>{}</ds:DigestValue>{after}",
                &value[..keep]
            )
        };
        let judgement = judge(&response(&sign_oddly(&assertion(), shorten)));
        assert_eq!(refused_at(&judgement), StepName::Signature, "{keep}");
    }
}

#[test]
fn algorithms_of_sha2_are_taken_and_others_are_refused() {
    const MORE: &str = "http://www.w3.org/2001/04/xmldsig-more#";
    let algorithms = |method: String, digest: &'static str, key| Algorithms {
        method: method.leak(),
        digest,
        key,
    };
    let sha256 = "http://www.w3.org/2001/04/xmlenc#sha256";
    let sha384 = "http://www.w3.org/2001/04/xmldsig-more#sha384";
    let sha512 = "http://www.w3.org/2001/04/xmlenc#sha512";
    for (method, digest, key) in [
        ("rsa-sha256", sha256, "idp"),
        ("rsa-sha384", sha384, "idp"),
        ("rsa-sha512", sha512, "idp"),
        ("ecdsa-sha256", sha256, "p256"),
        ("ecdsa-sha384", sha384, "p384"),
    ] {
        let chosen = algorithms(format!("{MORE}{method}"), digest, key);
        let document = response(&sign_by(&assertion(), chosen));
        let (result, steps) = judge_at(&document, NOW, key);
        assert!(result.is_ok(), "{method}: {steps:?}");
        for other in ["idp", "other", "p256", "p384"]
            .into_iter()
            .filter(|it| *it != key)
        {
            let judgement = judge_at(&document, NOW, other);
            assert_eq!(
                refused_at(&judgement),
                StepName::Signature,
                "{method} by {other}"
            );
        }
    }
    for (method, digest) in [
        (
            "http://www.w3.org/2000/09/xmldsig#rsa-sha1".to_owned(),
            sha256,
        ),
        (
            format!("{MORE}rsa-sha256"),
            "http://www.w3.org/2000/09/xmldsig#sha1",
        ),
        (
            format!("{MORE}rsa-sha256"),
            "http://www.w3.org/2001/04/xmldsig-more#md5",
        ),
        (format!("{MORE}rsa-md5"), sha256),
        (format!("{MORE}hmac-sha256"), sha256),
        (
            "http://www.w3.org/2000/09/xmldsig#hmac-sha1".to_owned(),
            sha256,
        ),
        (
            "http://www.w3.org/2000/09/xmldsig#dsa-sha1".to_owned(),
            sha256,
        ),
        (String::new(), sha256),
    ] {
        let chosen = algorithms(method.clone(), digest, "idp");
        let judgement = judge(&response(&sign_by(&assertion(), chosen)));
        assert_eq!(
            refused_at(&judgement),
            StepName::Algorithm,
            "{method} {digest}"
        );
    }
}

/// The document's own certificate proves nothing.
#[test]
fn the_key_of_the_document_is_not_trusted() {
    let by_other = sign_by(
        &assertion(),
        Algorithms {
            key: "other",
            ..RSA_SHA256
        },
    );
    let own = STANDARD.encode(pem("other.cert"));
    let info = format!(
        "<ds:KeyInfo><ds:X509Data><ds:X509Certificate>{own}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"
    );
    let document =
        response(&by_other.replace("</ds:Signature>", &format!("{info}</ds:Signature>")));
    assert_eq!(refused_at(&judge(&document)), StepName::Signature);
    assert!(judge_at(&document, NOW, "other").0.is_ok());
}

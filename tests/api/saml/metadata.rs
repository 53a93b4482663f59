//! Metadata of identity providers, as they and as federations give it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rollcall::domain::diagnosis::{Step, StepName};
use rollcall::saml::metadata::{IdentityProvider, WantedEntity, read};

use super::peers::moment;
use super::provider::{ISSUER, NOW, RSA_SHA256, certificate, pem, signature};

const SSO: &str = "https://idp.example.org/sso";

fn key(name: &str, usage: &str) -> String {
    let certificate = STANDARD.encode(pem(&format!("{name}.cert")));
    format!(
        r#"<md:KeyDescriptor{usage}><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"#
    )
}

/// An identity provider in canonical form, with these keys.
fn entity(id: &str, keys: &str) -> String {
    format!(
        r#"<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" ID="_{}" entityID="{id}"><md:IDPSSODescriptor WantAuthnRequestsSigned="true" protocolSupportEnumeration="urn:oasis:names:tc:SAML:1.1:protocol urn:oasis:names:tc:SAML:2.0:protocol">{keys}<md:SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example.org/slo"></md:SingleLogoutService><md:NameIDFormat>urn:oasis:names:tc:SAML:2.0:nameid-format:persistent</md:NameIDFormat><md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://idp.example.org/post"></md:SingleSignOnService><md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="{SSO}"></md:SingleSignOnService></md:IDPSSODescriptor></md:EntityDescriptor>"#,
        id.len()
    )
}

fn usual() -> String {
    entity(ISSUER, &key("idp", r#" use="signing""#))
}

/// A group of entities in canonical form: what it declares, they do not declare again.
fn federation(entities: &str) -> String {
    let entities = entities.replace(r#" xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata""#, "");
    format!(
        r#"<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" ID="_fed" validUntil="2026-03-02T00:00:00Z">{entities}</md:EntitiesDescriptor>"#
    )
}

fn read_as(document: &str, id: Option<&str>) -> Result<IdentityProvider, Step> {
    let wanted = WantedEntity {
        entity_id: id,
        signed_by: None,
        now: moment(NOW),
    };
    read(document.as_bytes(), &wanted)
}

fn read_signed(document: &str, certificate_name: &str) -> Result<IdentityProvider, Step> {
    let wanted = WantedEntity {
        entity_id: Some(ISSUER),
        signed_by: Some(&certificate(certificate_name)),
        now: moment(NOW),
    };
    read(document.as_bytes(), &wanted)
}

#[test]
fn an_identity_provider_is_read() {
    let read = read_as(&usual(), None).unwrap();
    assert_eq!(read.entity_id, ISSUER);
    assert_eq!(read.sign_in_location, SSO);
    assert_eq!(
        read.sign_out_location.as_deref(),
        Some("https://idp.example.org/slo")
    );
    assert_eq!(read.certificates, [certificate("idp")]);
    assert!(read.wants_signed_requests);
    assert_eq!(read.valid_until, None);
    assert_eq!(
        read.name_id_formats,
        ["urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"]
    );
    // People write it, and tools put it into files.
    let commented = format!(
        "\u{feff}<?xml version=\"1.0\"?>\r\n<!-- Ours -->\r\n<?x y?>{}",
        usual()
    );
    assert_eq!(read_as(&commented, None).unwrap(), read);
}

#[test]
fn every_certificate_that_signs_counts() {
    let keys = [
        key("idp", r#" use="signing""#),
        key("other", ""),
        key("p256", r#" use="encryption""#),
        key("p384", r#" use="signing""#),
        key("idp", ""),
        key("small", ""),
        key("p521", ""),
        key("ed25519", ""),
        key("expired", ""),
        key("three", ""),
    ];
    let read = read_as(&entity(ISSUER, &keys.concat()), None).unwrap();
    let expected = ["idp", "other", "p384", "expired", "three"].map(certificate);
    assert_eq!(read.certificates, expected);
    assert_eq!(
        certificate("expired").not_after(),
        moment("2020-12-31T00:00:00Z")
    );
    assert_eq!(read.keys().len(), 5);
    let print = certificate("idp").fingerprint();
    assert_eq!(print.len(), 95, "{print}");
}

#[test]
fn metadata_that_is_of_no_use_is_refused_with_words() {
    let usual = usual();
    let redirect = r#"Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example.org/sso""#;
    let many = key("idp", "") + &key("small", "").repeat(40);
    let huge = key("idp", "").replace("MII", &("MIIA".repeat(6000) + "MII"));
    for (what, step, document) in [
        ("HTML", StepName::Document, "<html></html>".to_owned()),
        (
            "another HTML",
            StepName::Document,
            "<!DOCTYPE html><title>Sign in</title>".to_owned(),
        ),
        ("nothing", StepName::Document, String::new()),
        (
            "a DOCTYPE",
            StepName::Document,
            format!("<!DOCTYPE x>{usual}"),
        ),
        (
            "another entity",
            StepName::Issuer,
            entity("https://other.example.org", ""),
        ),
        (
            "expired",
            StepName::Time,
            usual.replace(
                " entityID",
                r#" validUntil="2026-03-01T11:59:59Z" entityID"#,
            ),
        ),
        (
            "an expired role",
            StepName::Time,
            usual.replace(
                " WantAuthn",
                r#" validUntil="2026-01-01T00:00:00Z" WantAuthn"#,
            ),
        ),
        (
            "an unreadable end",
            StepName::Shape,
            usual.replace(" entityID", r#" validUntil="soon" entityID"#),
        ),
        ("no id", StepName::Issuer, usual.replace(ISSUER, "")),
        (
            "a service provider",
            StepName::Shape,
            usual.replace("IDPSSODescriptor", "SPSSODescriptor"),
        ),
        (
            "SAML 1.1 only",
            StepName::Shape,
            usual.replace(" urn:oasis:names:tc:SAML:2.0:protocol", ""),
        ),
        ("no certificate", StepName::Keys, entity(ISSUER, "")),
        (
            "one that encrypts",
            StepName::Keys,
            entity(ISSUER, &key("idp", r#" use="encryption""#)),
        ),
        (
            "a short key",
            StepName::Keys,
            entity(ISSUER, &key("small", "")),
        ),
        (
            "no base64",
            StepName::Keys,
            entity(ISSUER, &key("idp", "").replace("MII", "!!!")),
        ),
        (
            "no certificate inside",
            StepName::Keys,
            entity(ISSUER, &key("idp", "").replace("MII", "AAA")),
        ),
        (
            "one of more than 16 KiB",
            StepName::Keys,
            entity(ISSUER, &huge),
        ),
        (
            "too many certificates",
            StepName::Shape,
            entity(ISSUER, &many),
        ),
        (
            "HTTP-POST only",
            StepName::Shape,
            usual.replace(
                redirect,
                r#"Binding="urn:x" Location="https://idp.example.org/sso""#,
            ),
        ),
        (
            "plain http",
            StepName::Shape,
            usual.replace(SSO, "http://idp.example.org/sso"),
        ),
        (
            "a script",
            StepName::Shape,
            usual.replace(SSO, "javascript:alert(1)"),
        ),
        (
            "a password in the address",
            StepName::Shape,
            usual.replace(SSO, "https://a:b@idp.example.org/sso"),
        ),
        (
            "a line in the address",
            StepName::Shape,
            usual.replace(SSO, "https://idp.example.org/s&#10;so"),
        ),
        (
            "6 MiB",
            StepName::Document,
            usual.replace(
                "<md:NameIDFormat>",
                &format!("<md:NameIDFormat>{}", " ".repeat(6 << 20)),
            ),
        ),
    ] {
        let refused = read_as(&document, Some(ISSUER)).unwrap_err();
        assert_eq!(refused.name, step, "{what}: {refused:?}");
        assert!(refused.advice.is_some_and(|it| it.len() > 40), "{what}");
    }
    let short = read_as(&entity(ISSUER, &key("small", "")), None).unwrap_err();
    assert!(short.received.is_some_and(|it| it.contains("1024 bits")));
    let huge = read_as(&entity(ISSUER, &huge), None).unwrap_err();
    assert!(huge.received.is_some_and(|it| it.contains("16 KiB")));
    let local = read_as(&usual.replace(SSO, "http://127.0.0.1:8080/sso"), None);
    assert_eq!(local.unwrap().sign_in_location, "http://127.0.0.1:8080/sso");
}

#[test]
fn one_entity_of_a_federation_is_chosen_by_its_id() {
    let other = entity("https://other.example.org", &key("other", ""));
    let group = federation(&other)
        .replace("_fed", "_group")
        .replace(r#"2026-03-02T00"#, "2026-03-01T18");
    let all = federation(&format!("{}{group}", usual()));
    let read = read_as(&all, Some("https://other.example.org")).unwrap();
    assert_eq!(read.certificates, [certificate("other")]);
    assert_eq!(
        read.valid_until,
        Some(moment("2026-03-01T18:00:00Z")),
        "the earliest of those around"
    );
    assert_eq!(
        read_as(&all, Some(ISSUER)).unwrap().certificates,
        [certificate("idp")]
    );

    let refused = read_as(&all, None).unwrap_err();
    assert_eq!(refused.name, StepName::Issuer);
    assert!(
        refused
            .received
            .unwrap()
            .contains("2 entities: https://idp.example.org/metadata, https://other")
    );
    let twice = federation(&(usual() + &usual().replace("ID=\"_32", "ID=\"_33")));
    assert_eq!(
        read_as(&twice, Some(ISSUER)).unwrap_err().name,
        StepName::Issuer
    );
    let hidden = federation(&format!(
        "<md:Extensions>{}</md:Extensions>{other}",
        usual()
    ));
    assert_eq!(
        read_as(&hidden, Some(ISSUER)).unwrap_err().name,
        StepName::Issuer
    );
    let past = federation(&usual()).replace("2026-03-02", "2026-02-02");
    assert_eq!(
        read_as(&past, Some(ISSUER)).unwrap_err().name,
        StepName::Time
    );
}

/// Signs the root, in which the signature stands first.
fn sign_root(document: &str) -> String {
    let signature = signature(document, RSA_SHA256, |info| info);
    document.replacen('>', &format!(">{signature}"), 1)
}

#[test]
fn with_a_federations_certificate_only_what_it_signed_is_read() {
    for document in [usual(), federation(&usual())] {
        let signed = sign_root(&document);
        assert_eq!(read_signed(&signed, "idp").unwrap().entity_id, ISSUER);
        assert!(
            read_as(&signed, Some(ISSUER)).is_ok(),
            "nobody asked for the signature"
        );
        assert_eq!(
            read_signed(&signed, "other").unwrap_err().name,
            StepName::Signature
        );
        assert_eq!(
            read_signed(&document, "idp").unwrap_err().name,
            StepName::Signature
        );
        let changed = signed.replace(SSO, "https://evil.example/sso");
        assert_eq!(
            read_signed(&changed, "idp").unwrap_err().name,
            StepName::Signature
        );
    }
    let inside = federation(&sign_root(&usual()));
    assert_eq!(
        read_signed(&inside, "idp").unwrap_err().name,
        StepName::Signature,
        "only the root counts"
    );
    let evil = usual()
        .replace(SSO, "https://evil.example/sso")
        .replace("ID=\"_32\"", "ID=\"_99\"");
    let wrapped = federation(&format!("{}{evil}", sign_root(&usual())));
    assert_eq!(
        read_signed(&wrapped, "idp").unwrap_err().name,
        StepName::Signature
    );
}

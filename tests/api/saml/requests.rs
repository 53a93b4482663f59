//! What Rollcall itself says: requests to sign in, and its metadata.

use std::collections::BTreeMap;
use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::DeflateDecoder;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rollcall::crypto::public_key::SignatureAlgorithm;
use rollcall::saml::request::AuthnRequest;
use rollcall::saml::service_provider::ServiceProvider;
use url::Url;

use super::encrypting::{CBC_128, CBC_256, GCM_128, GCM_256, OAEP, OAEP_MGF1P};
use super::peers::moment;
use super::provider::{ACS, AUDIENCE, certificate, pem};

fn request(id: &str) -> AuthnRequest<'_> {
    AuthnRequest {
        id,
        issued_at: moment("2026-03-01T12:00:00.123456Z"),
        entity_id: AUDIENCE,
        acs_url: ACS,
        destination: "https://idp.example.org/sso",
        name_id_format: None,
        force_authn: false,
    }
}

fn query(url: &str) -> BTreeMap<String, String> {
    Url::parse(url)
        .unwrap()
        .query_pairs()
        .into_owned()
        .collect()
}

fn xml(url: &str) -> String {
    let packed = STANDARD.decode(&query(url)["SAMLRequest"]).unwrap();
    let mut xml = String::new();
    DeflateDecoder::new(packed.as_slice())
        .read_to_string(&mut xml)
        .unwrap();
    xml
}

#[test]
fn a_request_says_who_asks_and_where_the_answer_goes() {
    let id = "_f00d";
    let url = request(id).url("state / & =", None).unwrap();
    assert!(url.starts_with("https://idp.example.org/sso?SAMLRequest="));
    assert_eq!(query(&url)["RelayState"], "state / & =");
    assert_eq!(query(&url).len(), 2);
    let text = xml(&url);
    let document = roxmltree::Document::parse(&text).unwrap();
    let root = document.root_element();
    assert!(root.has_tag_name(("urn:oasis:names:tc:SAML:2.0:protocol", "AuthnRequest")));
    for (name, value) in [
        ("ID", id),
        ("Version", "2.0"),
        ("IssueInstant", "2026-03-01T12:00:00Z"),
        ("Destination", "https://idp.example.org/sso"),
        ("AssertionConsumerServiceURL", ACS),
        (
            "ProtocolBinding",
            "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST",
        ),
    ] {
        assert_eq!(root.attribute(name), Some(value));
    }
    assert_eq!(root.attribute("ForceAuthn"), None);
    assert_eq!(root.first_element_child().unwrap().text(), Some(AUDIENCE));
    let policy = root.last_element_child().unwrap();
    assert_eq!(
        (policy.attribute("AllowCreate"), policy.attribute("Format")),
        (Some("true"), None)
    );
}

#[test]
fn a_request_may_ask_for_more() {
    let request = AuthnRequest {
        destination: "https://idp.example.org/sso?idpid=C01&x=y",
        entity_id: "urn:<&\">",
        name_id_format: Some("urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"),
        force_authn: true,
        ..request("_1")
    };
    let url = request.url("s", None).unwrap();
    assert_eq!(query(&url)["idpid"], "C01");
    let text = xml(&url);
    let document = roxmltree::Document::parse(&text).unwrap();
    let root = document.root_element();
    assert_eq!(root.attribute("ForceAuthn"), Some("true"));
    assert_eq!(root.attribute("Destination"), Some(request.destination));
    assert_eq!(
        root.first_element_child().unwrap().text(),
        Some("urn:<&\">")
    );
    let policy = root.last_element_child().unwrap();
    assert_eq!(policy.attribute("Format"), request.name_id_format);
}

#[test]
fn the_signature_of_a_request_is_of_its_query() {
    let sign = |message: &[u8]| {
        let pair = RsaKeyPair::from_pkcs8(&pem("idp.key")).unwrap();
        let mut signature = vec![0; pair.public().modulus_len()];
        let random = SystemRandom::new();
        pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
            .unwrap();
        Ok(signature)
    };
    let url = request("_1").url("state", Some(&sign)).unwrap();
    let signed = url.split_once('?').unwrap().1;
    let (signed, _) = signed.split_once("&Signature=").unwrap();
    let signature = STANDARD.decode(&query(&url)["Signature"]).unwrap();
    let key = certificate("idp").key().clone();
    assert!(key.verifies(SignatureAlgorithm::Rs256, signed.as_bytes(), &signature));
    let names: Vec<&str> = signed
        .split('&')
        .map(|it| it.split('=').next().unwrap())
        .collect();
    assert_eq!(
        names,
        ["SAMLRequest", "RelayState", "SigAlg"],
        "in the order of the binding"
    );
}

#[test]
fn our_metadata_is_what_an_identity_provider_takes() {
    let certificate = pem("idp.cert");
    for (certificate, signs_requests, uses) in [
        (None, false, &[][..]),
        (Some(&certificate), false, &["encryption"]),
        (Some(&certificate), true, &["signing", "encryption"]),
    ] {
        let metadata = ServiceProvider {
            entity_id: "https://rollcall.example.org/a?b&c",
            acs_url: ACS,
            certificate: certificate.map(Vec::as_slice),
            signs_requests,
        }
        .metadata();
        let document = roxmltree::Document::parse(&metadata).unwrap();
        let root = document.root_element();
        assert_eq!(
            root.attribute("entityID"),
            Some("https://rollcall.example.org/a?b&c")
        );
        let role = root.first_element_child().unwrap();
        let signs = role.attribute("AuthnRequestsSigned").unwrap();
        assert_eq!(signs, signs_requests.to_string());
        assert_eq!(role.attribute("WantAssertionsSigned"), Some("true"));
        assert_eq!(
            role.last_element_child().unwrap().attribute("Location"),
            Some(ACS)
        );
        let named = |name: &'static str| {
            let nodes = document.descendants();
            nodes.filter(move |it| it.tag_name().name() == name)
        };
        let told: Vec<&str> = named("KeyDescriptor")
            .map(|it| it.attribute("use").unwrap())
            .collect();
        assert_eq!(told, uses);
        for key in named("X509Certificate") {
            let der = STANDARD.decode(key.text().unwrap()).unwrap();
            assert_eq!(Some(&der), certificate);
        }
        let methods: Vec<&str> = named("EncryptionMethod")
            .map(|it| it.attribute("Algorithm").unwrap())
            .collect();
        let taken = [GCM_128, GCM_256, CBC_128, CBC_256, OAEP_MGF1P, OAEP];
        match certificate {
            Some(_) => assert_eq!(methods, taken),
            None => assert!(methods.is_empty()),
        }
    }
}

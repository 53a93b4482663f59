//! An identity provider of the tests, which signs whatever a test has it say. It writes its documents in their
//! canonical form, so that it needs no canonicalization.

use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, SHA384, SHA512};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RsaEncoding, RsaKeyPair,
};
use rollcall::crypto::certificate::Certificate;
use rollcall::crypto::federation_keys::FederationKeys;
use rollcall::crypto::public_key::PublicKey;
use rollcall::domain::diagnosis::Steps;
use rollcall::saml::expected::Expected;
use rollcall::saml::response::verify;

use super::peers::{Judgement, moment};

pub const ACS: &str = "https://rollcall.example.org/v1/sso/saml/1/acs";
pub const AUDIENCE: &str = "https://rollcall.example.org/v1/sso/saml/1/metadata";
pub const ISSUER: &str = "https://idp.example.org/metadata";
pub const REQUEST: &str = "_f00d";
pub const NOW: &str = "2026-03-01T12:00:00Z";

/// The key of the installations of the tests.
pub static FEDERATION: LazyLock<FederationKeys> = LazyLock::new(|| {
    let file = Path::new("tests/fixtures/saml/keys/other.key.pem");
    FederationKeys::load(file, false).unwrap()
});

/// The algorithms of a signature: URIs, and the key that makes it.
#[derive(Clone, Copy)]
pub struct Algorithms {
    pub method: &'static str,
    pub digest: &'static str,
    pub key: &'static str,
}

pub const RSA_SHA256: Algorithms = Algorithms {
    method: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    digest: "http://www.w3.org/2001/04/xmlenc#sha256",
    key: "idp",
};

pub fn pem(file: &str) -> Vec<u8> {
    let text = std::fs::read_to_string(format!("tests/fixtures/saml/keys/{file}.pem")).unwrap();
    let body: String = text.lines().filter(|it| !it.starts_with('-')).collect();
    STANDARD.decode(body).unwrap()
}

pub fn certificate(name: &str) -> Certificate {
    Certificate::from_der(&pem(&format!("{name}.cert"))).unwrap()
}

/// An assertion in its canonical form, unsigned.
pub fn assertion() -> String {
    assertion_of("_a55e", "ada@example.org")
}

pub fn assertion_of(id: &str, name: &str) -> String {
    format!(
        r#"<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="{id}" IssueInstant="2026-03-01T11:59:58Z" Version="2.0"><saml:Issuer>{ISSUER}</saml:Issuer><saml:Subject><saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">{name}</saml:NameID><saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData InResponseTo="{REQUEST}" NotOnOrAfter="2026-03-01T12:05:00Z" Recipient="{ACS}"></saml:SubjectConfirmationData></saml:SubjectConfirmation></saml:Subject><saml:Conditions NotBefore="2026-03-01T11:59:58Z" NotOnOrAfter="2026-03-01T12:05:00Z"><saml:AudienceRestriction><saml:Audience>{AUDIENCE}</saml:Audience></saml:AudienceRestriction></saml:Conditions><saml:AuthnStatement AuthnInstant="2026-03-01T09:00:00Z" SessionIndex="_5e55" SessionNotOnOrAfter="2026-03-01T20:00:00Z"><saml:AuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement><saml:AttributeStatement><saml:Attribute FriendlyName="mail" Name="urn:oid:0.9.2342.19200300.100.1.3"><saml:AttributeValue>{name}</saml:AttributeValue></saml:Attribute></saml:AttributeStatement></saml:Assertion>"#
    )
}

/// A response around an assertion, in its canonical form.
pub fn response(assertion: &str) -> String {
    response_of("_4e5b", assertion)
}

pub fn response_of(id: &str, assertion: &str) -> String {
    format!(
        r#"<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" Destination="{ACS}" ID="{id}" InResponseTo="{REQUEST}" IssueInstant="2026-03-01T11:59:58Z" Version="2.0"><saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">{ISSUER}</saml:Issuer><samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"></samlp:StatusCode></samlp:Status>{assertion}</samlp:Response>"#
    )
}

/// Signs an element in its canonical form: the signature stands behind the first issuer.
pub fn sign(element: &str) -> String {
    sign_by(element, RSA_SHA256)
}

pub fn sign_by(element: &str, algorithms: Algorithms) -> String {
    insert(element, &signature(element, algorithms, |info| info))
}

/// Signs an element by a signature whose `SignedInfo` is changed before it is signed.
pub fn sign_oddly(element: &str, change: impl FnOnce(String) -> String) -> String {
    insert(element, &signature(element, RSA_SHA256, change))
}

pub fn insert(element: &str, signature: &str) -> String {
    element.replacen("</saml:Issuer>", &format!("</saml:Issuer>{signature}"), 1)
}

/// The value of an element's own attribute `ID`.
fn id_of(element: &str) -> &str {
    let value = element.split_once(" ID=\"").unwrap().1;
    value.split_once('"').unwrap().0
}

pub fn signature(
    element: &str,
    algorithms: Algorithms,
    change: impl FnOnce(String) -> String,
) -> String {
    let Algorithms {
        method,
        digest,
        key,
    } = algorithms;
    let hash = match digest.rsplit(['a', '#']).next().unwrap() {
        "384" => &SHA384,
        "512" => &SHA512,
        _ => &SHA256,
    };
    let value = STANDARD.encode(ring::digest::digest(hash, element.as_bytes()));
    let id = id_of(element);
    let info = change(format!(
        r##"<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:CanonicalizationMethod><ds:SignatureMethod Algorithm="{method}"></ds:SignatureMethod><ds:Reference URI="#{id}"><ds:Transforms><ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"></ds:Transform><ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:Transform></ds:Transforms><ds:DigestMethod Algorithm="{digest}"></ds:DigestMethod><ds:DigestValue>{value}</ds:DigestValue></ds:Reference>"##
    ));
    let namespace = r#"xmlns:ds="http://www.w3.org/2000/09/xmldsig#""#;
    let message = format!("<ds:SignedInfo {namespace}>{info}</ds:SignedInfo>");
    let value = STANDARD.encode(sign_bytes(message.as_bytes(), method, key));
    format!(
        "<ds:Signature {namespace}><ds:SignedInfo>{info}</ds:SignedInfo><ds:SignatureValue>{value}</ds:SignatureValue></ds:Signature>"
    )
}

fn sign_bytes(message: &[u8], method: &str, key: &str) -> Vec<u8> {
    let key = pem(&format!("{key}.key"));
    let random = SystemRandom::new();
    let curve = match method.rsplit('#').next().unwrap() {
        "ecdsa-sha256" => &ECDSA_P256_SHA256_FIXED_SIGNING,
        "ecdsa-sha384" => &ECDSA_P384_SHA384_FIXED_SIGNING,
        other => return sign_rsa(message, other, &key),
    };
    let pair = EcdsaKeyPair::from_pkcs8(curve, &key, &random).unwrap();
    pair.sign(&random, message).unwrap().as_ref().to_vec()
}

fn sign_rsa(message: &[u8], method: &str, key: &[u8]) -> Vec<u8> {
    let encoding: &dyn RsaEncoding = match method {
        "rsa-sha384" => &RSA_PKCS1_SHA384,
        "rsa-sha512" => &RSA_PKCS1_SHA512,
        _ => &RSA_PKCS1_SHA256,
    };
    let pair = RsaKeyPair::from_pkcs8(key).unwrap();
    let mut signature = vec![0; pair.public().modulus_len()];
    let random = SystemRandom::new();
    pair.sign(encoding, &random, message, &mut signature)
        .unwrap();
    signature
}

/// Judges a document as the connection would that knows the certificate `idp`.
pub fn judge(document: &str) -> Judgement {
    judge_at(document, NOW, "idp")
}

pub fn judge_at(document: &str, now: &str, key: &str) -> Judgement {
    judge_field(&STANDARD.encode(document), now, key)
}

/// The same by an installation with these federation keys.
pub fn judge_with(document: &str, federation_keys: Option<&FederationKeys>) -> Judgement {
    let keys = [certificate("idp").key().clone()];
    judge_as(&STANDARD.encode(document), NOW, (&keys, federation_keys))
}

pub fn judge_field(field: &str, now: &str, key: &str) -> Judgement {
    let keys = [certificate(key).key().clone()];
    judge_as(field, now, (&keys, Some(&FEDERATION)))
}

fn judge_as(
    field: &str,
    now: &str,
    (keys, federation_keys): (&[PublicKey], Option<&FederationKeys>),
) -> Judgement {
    let expected = Expected {
        keys,
        issuer: ISSUER,
        acs_url: ACS,
        audience: AUDIENCE,
        request_id: REQUEST,
        federation_keys,
        now: moment(now),
        skew: Duration::from_secs(180),
    };
    let mut steps = Steps::default();
    (verify(field, &expected, &mut steps), steps)
}

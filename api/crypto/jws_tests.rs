//! Tokens of foreign systems, and what does not pass for one.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512,
    RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding,
};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::{Value, json};

use super::federation_keys;
use super::json_web_key::{JsonWebKey, UnusableKey};
use super::jws::{JwsError, MAX_LENGTH, SignatureError, UnverifiedJws};
use super::public_key::SignatureAlgorithm;

static RSA: LazyLock<[ring::rsa::KeyPair; 2]> = LazyLock::new(|| {
    [(); 2].map(|()| {
        let pem = federation_keys::make().unwrap();
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).unwrap();
        ring::rsa::KeyPair::from_pkcs8(der.secret_pkcs8_der()).unwrap()
    })
});

fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn rsa_jwk(place: usize) -> Value {
    let parts: ring::rsa::PublicKeyComponents<Vec<u8>> = RSA[place].public().into();
    json!({ "kty": "RSA", "kid": format!("r{place}"), "n": b64(parts.n), "e": b64(parts.e) })
}

fn signed_by_rsa(place: usize, encoding: &'static dyn RsaEncoding, text: &str) -> Vec<u8> {
    let mut signature = vec![0; RSA[place].public().modulus_len()];
    let random = SystemRandom::new();
    RSA[place]
        .sign(encoding, &random, text.as_bytes(), &mut signature)
        .unwrap();
    signature
}

fn with(mut jwk: Value, name: &str, value: impl Into<Value>) -> Value {
    jwk[name] = value.into();
    jwk
}

fn key(jwk: &Value) -> JsonWebKey {
    JsonWebKey::read(jwk).unwrap()
}

fn head(header: &Value) -> String {
    format!("{}.{}", b64(header.to_string()), b64("{\"sub\":\"ada\"}"))
}

/// A token of an RSA key.
fn token(header: &Value, place: usize) -> String {
    let signed = head(header);
    let signature = signed_by_rsa(place, &RSA_PKCS1_SHA256, &signed);
    format!("{signed}.{}", b64(signature))
}

fn verified(token: &str, keys: &[JsonWebKey]) -> Result<Vec<u8>, SignatureError> {
    let parsed = UnverifiedJws::parse(token).unwrap();
    parsed
        .verify(keys)
        .map(|payload| payload.as_bytes().to_vec())
}

fn error_of(token: &str) -> JwsError {
    UnverifiedJws::parse(token).err().unwrap()
}

/// A key pair of a curve, with its public key.
fn curve(algorithm: &'static EcdsaSigningAlgorithm, name: &str) -> (EcdsaKeyPair, Value) {
    let random = SystemRandom::new();
    let der = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, der.as_ref(), &random).unwrap();
    let point = &pair.public_key().as_ref()[1..];
    let (x, y) = point.split_at(point.len() / 2);
    let jwk = json!({ "kty": "EC", "crv": name, "kid": name, "x": b64(x), "y": b64(y) });
    (pair, jwk)
}

#[test]
fn every_algorithm_verifies_with_its_kind_of_key_only() {
    let of_rsa: [(&str, &'static dyn RsaEncoding); 6] = [
        ("RS256", &RSA_PKCS1_SHA256),
        ("RS384", &RSA_PKCS1_SHA384),
        ("RS512", &RSA_PKCS1_SHA512),
        ("PS256", &RSA_PSS_SHA256),
        ("PS384", &RSA_PSS_SHA384),
        ("PS512", &RSA_PSS_SHA512),
    ];
    let mut tokens = Vec::new();
    for (name, encoding) in of_rsa {
        let signed = head(&json!({ "alg": name }));
        let signature = signed_by_rsa(0, encoding, &signed);
        tokens.push((
            name,
            format!("{signed}.{}", b64(signature)),
            key(&rsa_jwk(0)),
        ));
    }
    for (name, curve_name, algorithm) in [
        ("ES256", "P-256", &ECDSA_P256_SHA256_FIXED_SIGNING),
        ("ES384", "P-384", &ECDSA_P384_SHA384_FIXED_SIGNING),
    ] {
        let (pair, jwk) = curve(algorithm, curve_name);
        let signed = head(&json!({ "alg": name }));
        let signature = pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        tokens.push((name, format!("{signed}.{}", b64(signature)), key(&jwk)));
    }
    assert_eq!(tokens.len(), SignatureAlgorithm::ALL.len());
    for (name, token, own) in &tokens {
        let payload = verified(token, std::slice::from_ref(own)).unwrap();
        assert_eq!(payload, b"{\"sub\":\"ada\"}", "{name}");
        for (other, _, key) in &tokens {
            let of_kind =
                [&name[..2], &other[..2]].map(|it| if it == "ES" { *name } else { "RSA" });
            if of_kind[0] != of_kind[1] || (name.starts_with("ES") && name != other) {
                let refused = verified(token, std::slice::from_ref(key));
                assert_eq!(refused, Err(SignatureError::KeyForOther), "{name} {other}");
            }
        }
        // The same signature under another algorithm of the key.
        let (_, rest) = token.split_once('.').unwrap();
        for (other, _, key) in tokens.iter().filter(|(other, ..)| other != name) {
            let relabelled = format!("{}.{rest}", b64(json!({ "alg": other }).to_string()));
            assert!(verified(&relabelled, std::slice::from_ref(key)).is_err());
        }
    }
}

#[test]
fn no_algorithm_without_a_key_pair_is_taken() {
    for name in [
        "none", "None", "", "HS256", "HS512", "RS1", "ES512", "EdDSA", "rs256",
    ] {
        let unsigned = format!("{}.", head(&json!({ "alg": name })));
        assert_eq!(error_of(&unsigned), JwsError::Algorithm(name.to_owned()));
    }
}

#[test]
fn a_text_of_another_form_is_no_token() {
    let good = token(&json!({ "alg": "RS256" }), 0);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    for other in [
        String::new(),
        "..".to_owned(),
        signed.to_owned(),
        format!("{good}."),
        format!("{good}.x.y"),
        format!("{good}="),
        format!("{signed}.{}", signature.replace(['-', '_'], "+")) + "/",
        format!(" {good}"),
        format!("{good}\n"),
        format!("{}.e30.AA", b64("{\"alg\":\"RS256\",\"alg\":\"RS256\"}")),
        format!("{}.e30.AA", b64("[]")),
        "x".repeat(MAX_LENGTH + 1),
    ] {
        assert!(matches!(error_of(&other), JwsError::Form(_)), "{other:.40}");
    }
    let critical = token(&json!({ "alg": "RS256", "crit": ["b64"], "b64": false }), 0);
    assert_eq!(error_of(&critical), JwsError::Critical("b64".to_owned()));
    let empty = token(&json!({ "alg": "RS256", "crit": [] }), 0);
    assert!(matches!(error_of(&empty), JwsError::Critical(_)));
}

#[test]
fn a_signature_is_of_the_whole_and_of_the_named_key() {
    let keys = [key(&rsa_jwk(0)), key(&rsa_jwk(1))];
    let good = token(&json!({ "alg": "RS256", "kid": "r0" }), 0);
    verified(&good, &keys).unwrap();
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (header, _) = signed.split_once('.').unwrap();
    for changed in [
        format!("{header}.{}.{signature}", b64("{\"sub\":\"eve\"}")),
        format!("{signed}."),
        format!("{signed}.{}", b64([0_u8; 256])),
        token(&json!({ "alg": "RS256", "kid": "r1" }), 0),
    ] {
        assert_eq!(verified(&changed, &keys), Err(SignatureError::Wrong));
    }
    let key_id = Some("r9".to_owned());
    let unknown = token(&json!({ "alg": "RS256", "kid": "r9" }), 0);
    assert_eq!(
        verified(&unknown, &keys),
        Err(SignatureError::KeyUnknown { key_id })
    );
    assert!(!UnverifiedJws::parse(&unknown).unwrap().knows_key(&keys));
    let key_id = None;
    let nameless = token(&json!({ "alg": "RS256" }), 1);
    verified(&nameless, &keys).unwrap();
    assert_eq!(
        verified(&nameless, &[]),
        Err(SignatureError::KeyUnknown { key_id })
    );
}

#[test]
fn keys_with_one_id_are_tried_in_turn_and_those_without_where_none_has_one() {
    let same = |place| key(&with(rsa_jwk(place), "kid", "same"));
    let named = token(&json!({ "alg": "RS256", "kid": "same" }), 1);
    verified(&named, &[same(0), same(1)]).unwrap();
    let without = |place| key(&with(rsa_jwk(place), "kid", Value::Null));
    verified(&named, &[without(0), without(1)]).unwrap();
    let mixed = [same(0), without(1)];
    assert_eq!(verified(&named, &mixed), Err(SignatureError::Wrong));
}

#[test]
fn a_key_is_used_for_what_it_is() {
    let refused = |jwk: Value| JsonWebKey::read(&jwk).err();
    let rsa = || rsa_jwk(0);
    for (jwk, why) in [
        (with(rsa(), "use", "enc"), UnusableKey::OtherUse),
        (
            with(rsa(), "key_ops", json!(["sign"])),
            UnusableKey::OtherUse,
        ),
        (with(rsa(), "alg", "RSA-OAEP"), UnusableKey::OtherKind),
        (with(rsa(), "alg", "HS256"), UnusableKey::OtherKind),
        (with(rsa(), "n", b64([0xFF_u8; 128])), UnusableKey::Size),
        (
            with(rsa(), "n", b64([&[0x7F_u8][..], &[0xFF; 255]].concat())),
            UnusableKey::Size,
        ),
        (with(rsa(), "n", b64([0xFF_u8; 1025])), UnusableKey::Size),
        (with(rsa(), "n", "!"), UnusableKey::Broken),
        (with(rsa(), "e", Value::Null), UnusableKey::Broken),
        (with(rsa(), "e", "AAAA"), UnusableKey::Broken),
        (with(rsa(), "kty", "oct"), UnusableKey::OtherKind),
        (
            json!({ "kty": "OKP", "crv": "Ed25519", "x": "AA" }),
            UnusableKey::OtherKind,
        ),
        (
            json!({ "kty": "EC", "crv": "P-521", "x": "AA", "y": "AA" }),
            UnusableKey::OtherKind,
        ),
        (
            json!({ "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA" }),
            UnusableKey::Broken,
        ),
        (json!({ "n": "AA" }), UnusableKey::Broken),
        (json!("key"), UnusableKey::Broken),
    ] {
        assert_eq!(refused(jwk.clone()), Some(why), "{jwk}");
    }
    // Some write a zero before the modulus.
    let n = URL_SAFE_NO_PAD
        .decode(rsa()["n"].as_str().unwrap())
        .unwrap();
    let padded = key(&with(rsa(), "n", b64([&[0][..], &n].concat())));
    let named = token(&json!({ "alg": "RS256", "kid": "r0" }), 0);
    verified(&named, &[padded]).unwrap();
    let of_other = key(&with(rsa(), "alg", "PS256"));
    assert_eq!(
        verified(&named, &[of_other]),
        Err(SignatureError::KeyForOther)
    );
    let off_curve = json!({ "kty": "EC", "crv": "P-256", "kid": "e", "x": b64([1_u8; 32]), "y": b64([1_u8; 32]) });
    let signed = head(&json!({ "alg": "ES256", "kid": "e" }));
    let by_nobody = format!("{signed}.{}", b64([1_u8; 64]));
    assert_eq!(
        verified(&by_nobody, &[key(&off_curve)]),
        Err(SignatureError::Wrong)
    );
}

#[test]
fn federation_keys_sign_what_others_verify() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("federation.pem");
    let refused = federation_keys::FederationKeys::load(&file, false).err();
    assert!(refused.unwrap().to_string().contains("does not exist"));
    let keys = federation_keys::FederationKeys::load(&file, true).unwrap();
    let again = federation_keys::FederationKeys::load(&file, false).unwrap();
    assert_eq!(keys.ids(), again.ids());
    let published = serde_json::to_value(keys.public()).unwrap();
    let public = key(&published["keys"][0]);
    assert_eq!(public.id(), keys.ids().first().copied());
    let token = keys.sign_token(&json!({ "iss": "us" })).unwrap();
    assert_eq!(verified(&token, &[public]).unwrap(), b"{\"iss\":\"us\"}");
    std::fs::write(&file, "nothing").unwrap();
    let refused = federation_keys::FederationKeys::load(&file, true).err();
    assert!(refused.unwrap().to_string().contains("RSA keys"));
}

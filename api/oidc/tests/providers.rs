//! Providers, as they describe themselves.

use super::super::presets::IssuerError;
use super::*;
use crate::domain::connections::ClientAuthentication;

#[test]
fn a_provider_is_what_its_document_says() {
    let provider = provider();
    assert_eq!(provider.jwks_uri.as_str(), "https://keys.example/jwks");
    assert!(provider.sends_issuer);
    let ways = [
        ClientAuthentication::ClientSecretPost,
        ClientAuthentication::PrivateKeyJwt,
    ];
    assert_eq!(provider.client_authentication, ways);
    for issuer in [ISSUER, "https://idp.example/"] {
        let url = discovery::document_url(issuer).unwrap();
        assert_eq!(
            url.as_str(),
            "https://idp.example/.well-known/openid-configuration"
        );
    }
}

#[test]
fn a_document_of_another_issuer_or_without_what_is_needed_is_refused() {
    for (name, value) in [
        ("issuer", json!("https://idp.example/")),
        ("issuer", json!("https://IDP.example")),
        ("issuer", json!("https://accounts.google.com")),
        ("issuer", Value::Null),
        (
            "authorization_endpoint",
            json!("http://idp.example/authorize"),
        ),
        ("authorization_endpoint", json!("javascript:alert(1)")),
        ("token_endpoint", json!("http://127.0.0.1/token")),
        ("token_endpoint", json!("https://a:b@idp.example/token")),
        ("token_endpoint", Value::Null),
        ("jwks_uri", json!("/jwks")),
        ("userinfo_endpoint", json!("ftp://idp.example/")),
        ("response_types_supported", json!(["id_token"])),
        (
            "id_token_signing_alg_values_supported",
            json!(["none", "HS256"]),
        ),
    ] {
        let mut document = document();
        document[name] = value;
        let (read, steps) = discovered(&document, ISSUER);
        assert!(read.is_err(), "{document}");
        assert_told(&steps, StepName::Discovery);
    }
    let mut steps = Steps::default();
    assert!(discovery::read(b"<html>", ISSUER, &mut steps).is_err());
    assert_told(steps.as_slice(), StepName::Discovery);
}

#[test]
fn a_document_is_taken_that_leaves_out_what_has_a_default() {
    let mut without_pkce = document();
    without_pkce["code_challenge_methods_supported"] = json!(["plain"]);
    let (read, steps) = discovered(&without_pkce, ISSUER);
    assert!(read.is_ok());
    assert_eq!(steps.last().unwrap().result, StepResult::Warning);
    let mut short = document();
    let all = short.as_object_mut().unwrap();
    all.retain(|name, _| !name.ends_with("_supported"));
    let provider = discovered(&short, ISSUER).0.unwrap();
    let ways = [ClientAuthentication::ClientSecretBasic];
    assert_eq!(provider.client_authentication, ways);
    // One that the operator allows may speak http, then its endpoints may too.
    let inside = "http://10.0.0.1";
    let mut plain = document();
    plain["issuer"] = json!(inside);
    plain["token_endpoint"] = json!("http://10.0.0.1/token");
    assert!(discovered(&plain, inside).0.is_ok());
}

#[test]
fn a_set_of_keys_has_some_and_not_too_many() {
    let key = serde_json::to_value(KEYS.public()).unwrap()["keys"][0].clone();
    let read = |set: Value| {
        let mut steps = Steps::default();
        let read = jwks::read(set.to_string().as_bytes(), &mut steps);
        (read.map(|keys| keys.len()), steps.into_vec())
    };
    let others = [
        json!({ "kty": "oct", "k": "AA" }),
        json!(7),
        json!({ "kty": "RSA", "use": "enc" }),
    ];
    let mixed = [&[key.clone()][..], &others].concat();
    let (count, steps) = read(json!({ "keys": mixed }));
    assert_eq!(count, Ok(1));
    assert!(steps[0].received.as_ref().unwrap().contains("1 of 4"));
    for set in [
        json!({ "keys": vec![key; 101] }),
        json!({ "keys": [] }),
        json!({ "keys": others }),
        json!([]),
    ] {
        let (count, steps) = read(set);
        assert!(count.is_err());
        assert_told(&steps, StepName::Keys);
    }
}

#[test]
fn a_preset_names_one_issuer() {
    let in_capitals = TENANT.to_uppercase();
    let entra = |tenant| Preset::Entra.issuer(None, Some(tenant));
    let of_tenant = format!("https://login.microsoftonline.com/{TENANT}/v2.0");
    assert_eq!(entra(&in_capitals), Ok(of_tenant.clone()));
    for all in [
        "common",
        "Organizations",
        "consumers",
        "9188040d-6c67-4c5b-b112-36a304b66dad",
    ] {
        assert_eq!(entra(all), Err(IssuerError::TenantOfAll));
    }
    let without_hyphens = TENANT.replace('-', "");
    for other in ["school.example", "", &without_hyphens, "../x"] {
        assert_eq!(entra(other), Err(IssuerError::TenantForm), "{other}");
    }
    let google = |issuer| Preset::Google.issuer(issuer, None);
    assert_eq!(google(None).as_deref(), Ok("https://accounts.google.com"));
    assert_eq!(google(Some(ISSUER)), Err(IssuerError::IssuerGiven));
    let classlink = Preset::ClassLink.issuer(None, Some("2"));
    assert_eq!(classlink.as_deref(), Ok("https://launchpad.classlink.com"));
    let okta = Preset::Okta.issuer(None, None);
    assert_eq!(okta, Err(IssuerError::IssuerMissing));
    let generic = |issuer| Preset::Generic.issuer(Some(issuer), None);
    for good in [
        ISSUER,
        "https://idp.example/",
        "https://idp.example/realms/a",
        "http://10.0.0.1:8080",
    ] {
        assert_eq!(generic(good).as_deref(), Ok(good));
    }
    for bad in [
        "idp.example",
        "ftp://idp.example",
        "https://u@idp.example",
        "https://idp.example?x",
        "https://idp.example#x",
    ] {
        assert_eq!(generic(bad), Err(IssuerError::IssuerForm), "{bad}");
    }
    for (issuer, preset) in [
        (of_tenant.as_str(), Preset::Entra),
        ("https://accounts.google.com", Preset::Google),
        ("https://clever.com", Preset::Clever),
    ] {
        assert_eq!(generic(issuer), Err(IssuerError::OfPreset(preset)));
    }
    for document in [
        "https://idp.example/realms/a/.well-known/openid-configuration",
        "https://idp.example/.well-known/openid-configuration/",
    ] {
        assert_eq!(generic(document), Err(IssuerError::IssuerOfDocument));
    }
    let admins = Preset::Okta.issuer(Some("https://school-admin.okta.com"), None);
    assert_eq!(admins, Err(IssuerError::IssuerOfAdmins));
    assert!(generic("https://school-admin.example").is_ok());
    let of_all = generic("https://login.microsoftonline.com/common/v2.0");
    assert_eq!(of_all, Err(IssuerError::TenantOfAll));
}

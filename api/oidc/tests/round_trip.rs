//! The way to a provider and back.

use url::{Url, form_urlencoded};

use super::super::authorization::{self, AuthorizationRequest, PkceVerifier};
use super::super::callback::{AuthorizationCode, Callback};
use super::super::presets::SCOPE;
use super::super::registration::Registration;
use super::super::token::{self, AuthenticatedClient, ClientProof, Exchange, Tokens};
use super::*;
use crate::outbound::{BUSY_ADVICE, OutboundRequest};

fn find(pairs: &[(String, String)], name: &str) -> String {
    let values = pairs.iter().filter(|(own, _)| own == name);
    let values: Vec<&str> = values.map(|(_, value)| value.as_str()).collect();
    values.join("|")
}

const OWN: Registration<'_> = Registration {
    jwks_uri: None,
    is_app: false,
};
const REDIRECT_URI: &str = "https://api.example/v1/sso/callback/7?a=b";

#[test]
fn the_way_to_a_provider_carries_what_was_asked_once() {
    let pkce = PkceVerifier::kept("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned());
    // RFC 7636, appendix B.
    let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    assert_eq!(pkce.challenge(), challenge);
    let endpoint: Url = "https://idp.example/authorize?p=signin&state=fixed"
        .parse()
        .unwrap();
    let request = AuthorizationRequest {
        client_id: "us",
        redirect_uri: REDIRECT_URI,
        scope: SCOPE,
        state: "s t&",
        nonce: "n",
        pkce: &pkce,
        login_hint: Some("ada@school.example"),
        prompt: None,
    };
    let url = authorization::url(&endpoint, &request);
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    for (name, value) in [
        ("p", "signin"),
        ("state", "s t&"),
        ("nonce", "n"),
        ("response_type", "code"),
        ("code_challenge", challenge),
        ("code_challenge_method", "S256"),
        ("redirect_uri", REDIRECT_URI),
        ("scope", "openid profile email"),
        ("login_hint", "ada@school.example"),
        ("prompt", ""),
    ] {
        assert_eq!(find(&pairs, name), value, "{name}");
    }
    let new = || PkceVerifier::generate().unwrap();
    assert!(new().reveal().len() == 43 && new().reveal() != new().reveal());
}

fn come_back(query: &str) -> (Result<AuthorizationCode, Refused>, Vec<Step>) {
    let mut steps = Steps::default();
    let code = Callback::read(query)
        .unwrap()
        .code((&provider(), REDIRECT_URI), &OWN, &mut steps);
    (code, steps.into_vec())
}

const FROM_IT: &str = "iss=https%3A%2F%2Fidp.example";
const FROM_OTHER: &str = "iss=https%3A%2F%2Fevil.example";

#[test]
fn who_comes_back_brings_a_code_of_the_provider_that_was_asked() {
    let (code, _) = come_back(&format!("code=c%2Fd&state=s&{FROM_IT}&session_state=x"));
    assert_eq!(code.unwrap().reveal(), "c/d");
    let state = Callback::read("state=s").unwrap().state;
    assert_eq!(state.as_deref(), Some("s"));
    for (query, name) in [
        (format!("code=c&{FROM_OTHER}"), StepName::IssuerParameter),
        (format!("error=x&{FROM_OTHER}"), StepName::IssuerParameter),
        ("code=c".to_owned(), StepName::IssuerParameter),
        (FROM_IT.to_owned(), StepName::Authorization),
        (format!("code=&{FROM_IT}"), StepName::Authorization),
        (
            format!("code=c&error=access_denied&{FROM_IT}"),
            StepName::Authorization,
        ),
    ] {
        let (code, steps) = come_back(&query);
        assert!(code.is_err(), "{query}");
        assert_told(&steps, name);
    }
    // One that does not announce it may still leave it out, and not write another.
    let silent = Provider {
        sends_issuer: false,
        ..provider()
    };
    let code = |query| {
        let callback = Callback::read(query).unwrap();
        callback.code((&silent, REDIRECT_URI), &OWN, &mut Steps::default())
    };
    assert!(code("code=c").is_ok() && code("code=c&iss=x").is_err());
}

#[test]
fn what_comes_twice_or_without_end_is_not_read() {
    for twice in [
        "code=a&code=b",
        "state=a&state=a",
        "iss=a&iss=b",
        "error=a&error=b",
    ] {
        assert!(Callback::read(twice).is_none());
    }
    let long = format!("code={}", "x".repeat(20_000));
    assert!(Callback::read(&long).is_none());
}

fn exchange(proof: ClientProof<'_>) -> (OutboundRequest, Vec<(String, String)>) {
    let code = come_back(&format!("code=c&{FROM_IT}")).0.unwrap();
    let pkce = PkceVerifier::kept("v".to_owned());
    let exchange = Exchange {
        code: &code,
        pkce: &pkce,
        redirect_uri: "https://api.example/cb",
        now: now(),
    };
    let client = AuthenticatedClient { id: "u:s", proof };
    let endpoint = "https://idp.example/token".parse().unwrap();
    let request = token::request(&endpoint, &client, &exchange).unwrap();
    let form = form_urlencoded::parse(request.body())
        .into_owned()
        .collect();
    (request, form)
}

#[test]
fn a_client_proves_who_it_is() {
    let (request, form) = exchange(ClientProof::SecretBasic("p+w d%"));
    // u%3As:p%2Bw+d%25
    let basic = "Basic dSUzQXM6cCUyQncrZCUyNQ==";
    assert_eq!(request.header("authorization"), Some(basic));
    assert_eq!(find(&form, "code_verifier"), "v");
    assert_eq!(find(&form, "client_secret"), "");
    let (request, form) = exchange(ClientProof::SecretPost("pw"));
    assert_eq!(request.header("authorization"), None);
    assert_eq!(find(&form, "client_secret"), "pw");
    let (_, form) = exchange(ClientProof::PrivateKey {
        keys: &KEYS,
        audience: ISSUER,
    });
    let assertion = find(&form, "client_assertion");
    let expected = Expected {
        issuer: "u:s",
        client_id: ISSUER,
        ..expecting(Preset::Generic, &[])
    };
    let mut steps = Steps::default();
    // It holds in every respect but the nonce, which it has not.
    assert!(id_token::verify(&assertion, &public(), &expected, &mut steps).is_err());
    assert_told(steps.as_slice(), StepName::Nonce);
    let endpoint: Url = "https://idp.example/token".parse().unwrap();
    let audience = |preset| token::assertion_audience(preset, ISSUER, &endpoint).to_owned();
    assert_eq!(audience(Preset::Generic), ISSUER);
    assert_eq!(audience(Preset::Entra), endpoint.as_str());
}

fn tokens(
    answered: &Result<OutboundResponse, OutboundError>,
) -> (Result<Tokens, Refused>, Vec<Step>) {
    tokens_of(OWN, answered)
}

fn tokens_of(
    registration: Registration<'_>,
    answered: &Result<OutboundResponse, OutboundError>,
) -> (Result<Tokens, Refused>, Vec<Step>) {
    let mut steps = Steps::default();
    let asked = token::Asked {
        endpoint: &"https://idp.example/token".parse().unwrap(),
        redirect_uri: REDIRECT_URI,
        secrets: &["hunter"],
        registration,
    };
    let read = token::read(answered, &asked, &mut steps);
    (read, steps.into_vec())
}

#[test]
fn an_answer_without_a_token_is_told_in_words() {
    let good = answered(200, r#"{"id_token":"t","access_token":"a"}"#);
    let read = tokens(&good).0.map(|tokens| tokens.id_token);
    assert_eq!(read, Ok("t".to_owned()));
    let secret = "Zx8Q~0123456789abcdefghijklmnop";
    let echoing =
        format!(r#"{{"error":"invalid_grant","error_description":"code {secret} is used"}}"#);
    let expired = r#"{"error":"invalid_client","error_description":"AADSTS7000222: expired"}"#;
    for (status, body, words) in [
        (200, "{}", "openid"),
        (200, r#"{"id_token":7}"#, "token endpoint"),
        (200, "<html>", "a proxy"),
        (500, "<html>", "log"),
        (400, r#"{"error":"invalid_client"}"#, "client id and secret"),
        (401, expired, "has expired"),
        (400, echoing.as_str(), "redirect URI"),
    ] {
        let (read, steps) = tokens(&answered(status, body));
        assert!(read.is_err());
        let told = assert_told(&steps, StepName::TokenRequest);
        let advice = told.advice.clone().unwrap();
        assert!(advice.contains(words), "{told:?}");
        assert!(!format!("{told:?}").contains(secret));
    }
    let within = std::time::Duration::from_secs(10);
    let (_, steps) = tokens(&Err(OutboundError::TimedOut { within }));
    assert_told(&steps, StepName::TokenRequest);
    let (_, steps) = tokens(&Err(OutboundError::Busy));
    let told = assert_told(&steps, StepName::TokenRequest);
    assert_eq!(told.advice.as_deref(), Some(BUSY_ADVICE));
}

#[test]
fn a_refused_client_is_told_to_who_can_mend_it() {
    let expired = r#"{"error":"invalid_client","error_description":"AADSTS7000222: expired"}"#;
    let by_key = Registration {
        jwks_uri: Some("https://rollcall.example/v1/lti/jwks"),
        is_app: false,
    };
    let app = Registration {
        jwks_uri: None,
        is_app: true,
    };
    let advice = |registration| {
        let (_, steps) = tokens_of(registration, &answered(401, expired));
        assert_told(&steps, StepName::TokenRequest).advice.clone()
    };
    let (key, app) = (advice(by_key).unwrap(), advice(app).unwrap());
    assert!(
        key.contains("https://rollcall.example/v1/lti/jwks"),
        "{key}"
    );
    assert!(!key.contains("secret"), "{key}");
    assert!(
        app.starts_with("This connection uses an app of this installation's operators: they alone")
    );
}

//! Providers as they are, and as they should not be.

mod id_tokens;
mod people;
mod providers;
mod round_trip;

use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Value, json};

use super::discovery::{self, Provider};
use super::id_token::{self, Expected, Unverified, VerifiedIdToken};
use super::jwks;
use crate::crypto::federation_keys::FederationKeys;
use crate::crypto::json_web_key::JsonWebKey;
use crate::domain::connections::Preset;
use crate::domain::diagnosis::{Refused, Step, StepName, StepResult, Steps};
use crate::domain::timestamp::Timestamp;
use crate::outbound::{OutboundError, OutboundResponse};

const ISSUER: &str = "https://idp.example";
const TENANT: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";

static KEYS: LazyLock<FederationKeys> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    FederationKeys::load(&folder.path().join("keys.pem"), true).unwrap()
});

fn now() -> Timestamp {
    Timestamp::parse_time_or_day("2027-03-01").unwrap()
}

fn public() -> Vec<JsonWebKey> {
    let set = serde_json::to_vec(&KEYS.public()).unwrap();
    jwks::read(&set, &mut Steps::default()).unwrap()
}

fn claims() -> Value {
    let now = now().as_seconds();
    json!({ "iss": ISSUER, "sub": "ada", "aud": "us", "iat": now, "exp": now + 300, "nonce": "n" })
}

/// The claims with others; `null` takes one away.
fn with(changes: Value) -> Value {
    let mut claims = claims();
    let all = claims.as_object_mut().unwrap();
    all.extend(changes.as_object().unwrap().clone());
    all.retain(|_, value| !value.is_null());
    claims
}

fn expecting(preset: Preset, tenants: &[String]) -> Expected<'_> {
    Expected {
        issuer: ISSUER,
        client_id: "us",
        nonce: "n",
        preset,
        tenants,
        now: now(),
        skew: Duration::from_secs(180),
    }
}

fn verify(
    claims: &Value,
    expected: &Expected<'_>,
) -> (Result<VerifiedIdToken, Unverified>, Vec<Step>) {
    let token = KEYS.sign_token(claims).unwrap();
    let mut steps = Steps::default();
    let verified = id_token::verify(&token, &public(), expected, &mut steps);
    (verified, steps.into_vec())
}

#[track_caller]
fn assert_refused_at(claims: &Value, expected: &Expected<'_>, name: StepName) -> Step {
    let (verified, steps) = verify(claims, expected);
    assert!(verified.is_err(), "{claims}");
    assert_told(&steps, name)
}

/// The last step is the one that failed, and says what to do.
#[track_caller]
fn assert_told(steps: &[Step], name: StepName) -> Step {
    let last = steps.last().unwrap().clone();
    let ended = (last.name, last.result);
    assert_eq!(ended, (name, StepResult::Failed), "{last:?}");
    assert!(last.expected.is_some() && last.received.is_some() && last.advice.is_some());
    let failed = steps
        .iter()
        .filter(|step| step.result == StepResult::Failed);
    assert_eq!(failed.count(), 1);
    last
}

fn document() -> Value {
    json!({
        "issuer": ISSUER,
        "authorization_endpoint": "https://idp.example/authorize",
        "token_endpoint": "https://idp.example/token",
        "jwks_uri": "https://keys.example/jwks",
        "response_types_supported": ["code", "id_token"],
        "id_token_signing_alg_values_supported": ["HS256", "RS256"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "tls_client_auth", "private_key_jwt"],
        "authorization_response_iss_parameter_supported": true,
    })
}

fn discovered(document: &Value, issuer: &str) -> (Result<Provider, Refused>, Vec<Step>) {
    let mut steps = Steps::default();
    let read = discovery::read(document.to_string().as_bytes(), issuer, &mut steps);
    (read, steps.into_vec())
}

fn provider() -> Provider {
    discovered(&document(), ISSUER).0.unwrap()
}

fn answered(status: u16, body: &str) -> Result<OutboundResponse, OutboundError> {
    Ok(OutboundResponse::of_test(status, body))
}

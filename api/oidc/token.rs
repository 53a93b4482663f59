//! The exchange of a code for an ID token, and how Rollcall proves to a provider that it is the client.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use url::{Url, form_urlencoded};

use super::authorization::{PkceVerifier, random_text};
use super::callback::AuthorizationCode;
use super::registration::Registration;
use crate::crypto::federation_keys::FederationKeys;
use crate::domain::connections::Preset;
use crate::domain::diagnosis::{Refused, Step, StepName, Steps};
use crate::domain::shown;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::outbound::{BUSY_ADVICE, OutboundError, OutboundRequest, OutboundResponse};

/// What a client proves it with.
#[derive(Clone, Copy)]
pub enum ClientProof<'a> {
    SecretBasic(&'a str),
    SecretPost(&'a str),
    PrivateKey {
        keys: &'a FederationKeys,
        audience: &'a str,
    },
}

/// Rollcall at a provider.
#[derive(Clone, Copy)]
pub struct AuthenticatedClient<'a> {
    pub id: &'a str,
    pub proof: ClientProof<'a>,
}

/// What is exchanged.
#[derive(Clone, Copy)]
pub struct Exchange<'a> {
    pub code: &'a AuthorizationCode,
    pub pkce: &'a PkceVerifier,
    pub redirect_uri: &'a str,
    pub now: Timestamp,
}

/// What was asked at which address, to tell of it: where people come back to, the secrets that were sent, and as whom.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    pub endpoint: &'a Url,
    pub redirect_uri: &'a str,
    pub secrets: &'a [&'a str],
    pub registration: Registration<'a>,
}

/// What a provider gives for a code. Nothing of it is verified yet.
pub struct Tokens {
    pub id_token: String,
    /// With which more can be asked of the provider (`userinfo`).
    pub access_token: Option<String>,
}

/// How long an assertion is good for.
const ASSERTION: Duration = Duration::from_secs(60);

/// Whom the assertion of `private_key_jwt` is for. The issuer, which nobody but that provider has, is what the
/// corrections of RFC 7523 ask for; Entra and Okta take only the address that it is sent to.
pub fn assertion_audience<'a>(preset: Preset, issuer: &'a str, token_endpoint: &'a Url) -> &'a str {
    match preset {
        Preset::Entra | Preset::Okta => token_endpoint.as_str(),
        Preset::Google | Preset::Clever | Preset::ClassLink | Preset::Generic => issuer,
    }
}

#[derive(Serialize)]
struct Assertion<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    jti: String,
    iat: i64,
    exp: i64,
}

/// The request that exchanges a code.
///
/// # Errors
/// `internal` where the system has no randomness to give.
pub fn request(
    endpoint: &Url,
    client: &AuthenticatedClient<'_>,
    exchange: &Exchange<'_>,
) -> Result<OutboundRequest> {
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("code", exchange.code.reveal()),
        ("redirect_uri", exchange.redirect_uri),
        ("code_verifier", exchange.pkce.reveal()),
    ];
    let post = |form: &[(&str, &str)]| {
        let request = OutboundRequest::post_form(endpoint.clone(), form);
        request.with_header("accept", "application/json")
    };
    match client.proof {
        ClientProof::SecretBasic(secret) => {
            // RFC 6749, 2.3.1: both are encoded as in a form first.
            let encoded = |text: &str| -> String {
                form_urlencoded::byte_serialize(text.as_bytes()).collect()
            };
            let pair = format!("{}:{}", encoded(client.id), encoded(secret));
            let value = format!("Basic {}", STANDARD.encode(pair));
            Ok(post(&form).with_header("authorization", value))
        }
        ClientProof::SecretPost(secret) => {
            form.extend([("client_id", client.id), ("client_secret", secret)]);
            Ok(post(&form))
        }
        ClientProof::PrivateKey { keys, audience } => {
            let assertion = keys.sign_token(&Assertion {
                iss: client.id,
                sub: client.id,
                aud: audience,
                jti: random_text()?,
                iat: exchange.now.as_seconds(),
                exp: exchange.now.plus(ASSERTION).as_seconds(),
            })?;
            form.extend([
                ("client_id", client.id),
                (
                    "client_assertion_type",
                    "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                ),
                ("client_assertion", assertion.as_str()),
            ]);
            Ok(post(&form))
        }
    }
}

#[derive(Deserialize)]
struct Answer {
    id_token: Option<String>,
    access_token: Option<String>,
}

#[derive(Deserialize)]
struct Problem {
    error: String,
    #[serde(default)]
    error_description: String,
}

/// Reads what the provider answers at its token endpoint to a code.
///
/// # Errors
/// Where it does not answer, refuses, or gives no ID token.
pub fn read(
    answered: &Result<OutboundResponse, OutboundError>,
    asked: &Asked<'_>,
    steps: &mut Steps,
) -> Result<Tokens, Refused> {
    let response = match answered {
        Ok(response) => response,
        Err(busy @ OutboundError::Busy) => {
            return steps.refuse(failed(busy.to_string(), BUSY_ADVICE));
        }
        Err(error) => {
            let endpoint = asked.endpoint;
            let advice = format!(
                "See that the provider's token endpoint can be reached from where Rollcall runs: {endpoint}"
            );
            return steps.refuse(failed(error.to_string(), &advice));
        }
    };
    if !response.is_success() {
        return steps.refuse(refusal(response, asked));
    }
    let Ok(answer) = serde_json::from_slice::<Answer>(&response.body) else {
        return steps.refuse(of_another_server(response, asked.endpoint));
    };
    let Some(id_token) = answer.id_token else {
        let advice = "Allow the scope openid for the application at the provider.";
        return steps.refuse(failed("an answer without an ID token", advice));
    };
    steps.add(Step::ok(StepName::TokenRequest, "an ID token"));
    Ok(Tokens {
        id_token,
        access_token: answer.access_token,
    })
}

/// An answer that no token endpoint gives.
fn of_another_server(response: &OutboundResponse, endpoint: &Url) -> Step {
    let received = if shown::is_web_page(&response.body) {
        "a web page (HTML)"
    } else {
        "an answer that is no JSON of a token endpoint"
    };
    let advice = format!(
        "A page, a portal or a proxy answers in place of the provider's token endpoint: check what is between Rollcall and \
         {endpoint}, and that the provider's document of discovery names the right address."
    );
    failed(received, &advice)
}

fn failed(received: impl Into<String>, advice: &str) -> Step {
    Step::failed(StepName::TokenRequest, "an ID token", received, advice)
}

fn refusal(response: &OutboundResponse, asked: &Asked<'_>) -> Step {
    let (endpoint, redirect_uri) = (asked.endpoint, asked.redirect_uri);
    let status = response.status;
    let Ok(problem) = serde_json::from_slice::<Problem>(&response.body) else {
        let advice = format!(
            "The provider's token endpoint has a problem of its own, or its address is another one than {endpoint}: look \
             at the provider's log."
        );
        return failed(format!("status {status}"), &advice);
    };
    let advice = match problem.error.as_str() {
        "invalid_client" => refused_client(&problem.error_description, asked.registration.jwks_uri),
        "invalid_grant" | "redirect_uri_mismatch" => format!(
            "The code was used before, has expired, or is for another redirect URI: try again. Where it stays so, \
             register exactly this redirect URI at the provider: {redirect_uri}"
        ),
        "unauthorized_client" | "unsupported_grant_type" => {
            "Allow the authorization code flow for the application at the provider.".to_owned()
        }
        _ => "Look this error up in the documentation or the log of the provider.".to_owned(),
    };
    let advice = asked.registration.to_its_owner(&advice);
    let words = format!("{} {}", problem.error, problem.error_description);
    let words = shown::sentence_without(asked.secrets, &words);
    failed(format!("status {status}, {words}"), &advice)
}

/// What to do where the provider does not take the client's secret, or the key that stands at an address.
fn refused_client(description: &str, jwks_uri: Option<&str>) -> String {
    if let Some(jwks_uri) = jwks_uri {
        return format!(
            "The provider does not take Rollcall's key (`private_key_jwt`): register the address of its public keys, \
             {jwks_uri}, for the application, or the keys that are there; see that the provider reaches it, and that the \
             client id is the application's."
        );
    }
    if description.contains("AADSTS7000222") {
        return "The client secret has expired: make a new one in the Entra admin center, and send it here as \
                `client_secret`."
            .to_owned();
    }
    "The provider does not take the client's secret: send the current client id and secret (of Entra the secret's value, \
     not its id), and have the application authenticate by the same way as here (`client_authentication`)."
        .to_owned()
}

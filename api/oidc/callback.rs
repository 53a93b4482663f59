//! The way back from a provider: what somebody's browser brings.

use url::form_urlencoded;

use super::discovery::Provider;
use super::registration::Registration;
use crate::domain::diagnosis::{Refused, Step, StepName, Steps};
use crate::domain::shown;

/// How long the parameters may be together.
const MAX_LENGTH: usize = 16 * 1024;

/// The parameters that a browser brings from a provider. Nothing of it is believed yet.
#[derive(Default)]
pub struct Callback {
    /// By which the flow is found.
    pub state: Option<String>,
    code: Option<String>,
    issuer: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

/// A code that a provider gave for a flow, to be exchanged once.
pub struct AuthorizationCode(String);

impl AuthorizationCode {
    /// The code itself, to be sent to the provider.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl Callback {
    /// Reads the parameters of a query. `None` where they are too long, or one that counts comes twice.
    pub fn read(query: &str) -> Option<Self> {
        if query.len() > MAX_LENGTH {
            return None;
        }
        let mut callback = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let place = match &*name {
                "state" => &mut callback.state,
                "code" => &mut callback.code,
                "iss" => &mut callback.issuer,
                "error" => &mut callback.error,
                "error_description" => &mut callback.error_description,
                _ => continue,
            };
            if place.replace(value.into_owned()).is_some() {
                return None;
            }
        }
        Some(callback)
    }

    /// The code, where this provider gave one for this redirect URI.
    ///
    /// # Errors
    /// Where another provider answers, or this one refuses.
    pub fn code(
        self,
        (provider, redirect_uri): (&Provider, &str),
        registration: &Registration<'_>,
        steps: &mut Steps,
    ) -> Result<AuthorizationCode, Refused> {
        self.require_issuer(provider, steps)?;
        match (self.error, self.code) {
            (Some(error), _) => {
                let description = self.error_description.unwrap_or_default();
                let step = refusal((&error, &description), (redirect_uri, registration));
                steps.refuse(step)
            }
            (None, Some(code)) if !code.is_empty() => {
                steps.add(Step::ok(StepName::Authorization, "a code"));
                Ok(AuthorizationCode(code))
            }
            (None, _) => steps.refuse(Step::failed(
                StepName::Authorization,
                "a code or an error",
                "neither",
                "Set the application at the provider to the authorization code flow, with the answer in the query.",
            )),
        }
    }

    /// Who answers says so, where it can (RFC 9207): else a provider could pass on the answer of another one.
    fn require_issuer(&self, provider: &Provider, steps: &mut Steps) -> Result<(), Refused> {
        let (received, advice) = match &self.issuer {
            None if provider.sends_issuer => (
                "nothing".to_owned(),
                "The provider's document of discovery says that it sends `iss` beside the code, and it did not \
                 (`authorization_response_iss_parameter_supported`). Have it send `iss`, or no longer say so; or a proxy on \
                 the way takes it out of the address.",
            ),
            None => return Ok(()),
            Some(issuer) if *issuer == provider.issuer => {
                steps.add(Step::ok(StepName::IssuerParameter, shown::value(issuer)));
                return Ok(());
            }
            Some(other) => (
                shown::value(other),
                "The answer comes from another provider than the one that was asked. Try again; where it stays so, see \
                 whether the other provider has this redirect URI registered, and take it out there.",
            ),
        };
        steps.refuse(Step::failed(
            StepName::IssuerParameter,
            shown::value(&provider.issuer),
            received,
            advice,
        ))
    }
}

/// So much is shown of what the browser brings: nobody has signed it, and anybody can write there what they like.
const MAX_ERROR: usize = 40;
const MAX_WORDS: usize = 80;

fn shortened(words: &str, most: usize) -> String {
    let words = shown::sentence(words);
    match words.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", words.get(..end).unwrap_or_default()),
        None => words,
    }
}

fn refusal(
    (error, description): (&str, &str),
    (redirect_uri, registration): (&str, &Registration<'_>),
) -> Step {
    let of_application = |advice: &str| registration.to_its_owner(advice);
    let advice = match error {
        "invalid_request" | "invalid_redirect_uri" | "redirect_uri_mismatch" => {
            of_application(&format!(
                "Register exactly this redirect URI for the application at the provider, if another one stands there: \
                 {redirect_uri}"
            ))
        }
        "invalid_scope" => of_application(
            "Allow the scopes openid, profile and email for the application at the provider.",
        ),
        "invalid_client" | "unauthorized_client" => of_application(
            "Check that the connection has the client id of this application, and allow it the authorization code flow at \
             the provider.",
        ),
        "unsupported_response_type" => {
            of_application("Allow the authorization code flow for the application at the provider.")
        }
        other => at_the_provider(other).to_owned(),
    };
    let error = shortened(error, MAX_ERROR);
    let received = match description {
        "" => format!("the error {error}, as the browser has it"),
        words => format!(
            "the error {error}, as the browser has it, with the words “{}”",
            shortened(words, MAX_WORDS)
        ),
    };
    Step::failed(StepName::Authorization, "a code", received, &advice)
}

/// What to do about an error that no application causes.
fn at_the_provider(error: &str) -> &'static str {
    match error {
        "access_denied" => {
            "The person, or a rule of the provider, has refused. Check that they are assigned to the application."
        }
        "login_required" | "interaction_required" | "account_selection_required" => {
            "The person has to sign in at the provider: start again."
        }
        "consent_required" => {
            "Have an administrator of the provider consent to the application for everybody."
        }
        "temporarily_unavailable" | "server_error" => {
            "The provider has a problem of its own: try again, and look at its log where it stays so."
        }
        _ => "Look this error up in the documentation or the log of the provider.",
    }
}

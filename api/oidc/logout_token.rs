//! Logout tokens (OpenID Connect Back-Channel Logout 1.0, 2.6): a provider says that sessions there have ended.

use serde_json::Value;

use super::id_token::{Check, Expected, verified_claims};
use crate::crypto::json_web_key::JsonWebKey;
use crate::domain::diagnosis::{Refused, Step, StepName, Steps};
use crate::domain::shown;

/// The event that makes a token one of logout.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// What has ended at the provider. Only [`verify`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndedThere {
    /// The session of this name (`sid`).
    Session(String),
    /// All sessions of this subject.
    Subject(String),
}

/// Verifies a token. A `nonce` is refused, so that no ID token is taken for one. Its `jti` is not kept: a token that
/// comes again ends what has ended already.
///
/// # Errors
/// Where it is none, its signature does not hold, or it says anything else than it has to.
pub fn verify(
    token: &str,
    keys: &[JsonWebKey],
    expected: &Expected<'_>,
    steps: &mut Steps,
) -> Result<EndedThere, Refused> {
    let claims = verified_claims(token, keys, steps)?;
    let check = Check {
        claims: &claims,
        expected,
    };
    check.issuer(steps)?;
    check.audience(steps)?;
    check.time(steps)?;
    let is_logout = claims
        .get("events")
        .and_then(|events| events.get(EVENT))
        .is_some_and(Value::is_object);
    if !is_logout {
        return steps.refuse(Step::failed(
            StepName::Shape,
            format!("{EVENT} among the events"),
            shown::claim(claims.get("events")),
            "Send a logout token to this address, and nothing else.",
        ));
    }
    if claims.get("nonce").is_some() {
        return steps.refuse(Step::failed(
            StepName::Nonce,
            "no nonce",
            "one",
            "Send a logout token to this address: one with a nonce may be an ID token.",
        ));
    }
    let subject = || claims.text(expected.preset.subject_claim());
    if let Some(session) = claims.text("sid") {
        return Ok(EndedThere::Session(session.to_owned()));
    }
    match subject() {
        Some(subject) => Ok(EndedThere::Subject(subject.to_owned())),
        None => steps.refuse(Step::failed(
            StepName::Subject,
            "sid or sub",
            "neither",
            "Name the session that has ended (sid), or its owner (sub).",
        )),
    }
}

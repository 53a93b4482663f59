//! What a provider says of a person beside the ID token (OpenID Connect Core 1.0, 5.3): some send name and address
//! only there.

use serde_json::{Map, Value};
use url::Url;

use super::claims::{Claims, denials};
use super::id_token::VerifiedIdToken;
use crate::domain::diagnosis::{Refused, Step, StepName, Steps};
use crate::domain::shown;
use crate::outbound::{BUSY_ADVICE, OutboundError, OutboundRequest, OutboundResponse};

/// The request for it.
pub fn request(endpoint: &Url, access_token: &str) -> OutboundRequest {
    OutboundRequest::get(endpoint.clone())
        .with_header("authorization", format!("Bearer {access_token}"))
        .with_header("accept", "application/json")
}

/// The claims of a token with those of the answer that it has not itself.
///
/// # Errors
/// Where there is no answer that can be read, or it is about somebody else.
pub fn merge(
    token: &VerifiedIdToken,
    answered: &Result<OutboundResponse, OutboundError>,
    steps: &mut Steps,
) -> Result<Claims, Refused> {
    let response = match answered {
        Ok(response) if response.is_success() => response,
        Ok(response) => {
            let received = format!("status {}", response.status);
            return steps.refuse(failed("what the provider says of the person", received));
        }
        Err(busy @ OutboundError::Busy) => {
            let advice = Some(BUSY_ADVICE.to_owned());
            let step = failed("what the provider says of the person", busy.to_string());
            return steps.refuse(Step { advice, ..step });
        }
        Err(error) => {
            let received = error.to_string();
            return steps.refuse(failed("what the provider says of the person", received));
        }
    };
    let Ok(more) = serde_json::from_slice::<Map<String, Value>>(&response.body) else {
        return steps.refuse(failed(
            "claims in JSON",
            "what is none, or is signed".to_owned(),
        ));
    };
    if more.get("sub").and_then(Value::as_str) != Some(token.sub()) {
        let received = format!("sub {}", shown::claim(more.get("sub")));
        return steps.refuse(failed("the person of the ID token (sub)", received));
    }
    let denials = denials(&more);
    let mut claims = more;
    // What was signed goes before; but an address that is denied in either place is denied.
    claims.extend(token.claims().as_map().clone());
    claims.extend(denials);
    Ok(Claims(claims))
}

fn failed(expected: &str, received: String) -> Step {
    let advice = "Check the userinfo_endpoint of the provider, or have it send name and address in the ID token.";
    Step::failed(StepName::Subject, expected, received, advice)
}

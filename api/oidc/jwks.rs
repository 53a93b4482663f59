//! The keys of a provider.

use serde::Deserialize;
use serde_json::Value;

use crate::crypto::json_web_key::JsonWebKey;
use crate::domain::diagnosis::{Refused, Step, StepName, Steps};
use crate::domain::shown;

/// How many keys a set may have.
const MAX_KEYS: usize = 100;

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

/// Reads a JSON Web Key Set. Keys that are for something else, or of another kind, are left out.
///
/// # Errors
/// Where it cannot be read, has too many keys, or none that verifies signatures.
pub fn read(body: &[u8], steps: &mut Steps) -> Result<Vec<JsonWebKey>, Refused> {
    let set: KeySet = match serde_json::from_slice(body) {
        Ok(set) => set,
        Err(problem) => {
            return steps.refuse(failed(
                "a JSON Web Key Set",
                format!(
                    "what cannot be read as one: {}",
                    shown::sentence(&problem.to_string())
                ),
                "Check the jwks_uri in the provider's document of discovery.",
            ));
        }
    };
    let count = set.keys.len();
    if count > MAX_KEYS {
        let advice = "Have the provider publish the keys only that it signs with.";
        return steps.refuse(failed(
            format!("at most {MAX_KEYS} keys"),
            format!("{count} keys"),
            advice,
        ));
    }
    if count == 0 {
        return steps.refuse(failed(
            "a key for signatures",
            "a set without keys",
            "Have the provider publish the keys that it signs ID tokens with: a signing key may be missing or switched off \
             there, or the jwks_uri in its document of discovery leads to another set.",
        ));
    }
    let read: Vec<_> = set.keys.iter().map(JsonWebKey::read).collect();
    let mut unusable: Vec<String> = read
        .iter()
        .filter_map(|key| key.as_ref().err().map(ToString::to_string))
        .collect();
    let keys: Vec<JsonWebKey> = read.into_iter().flatten().collect();
    if keys.is_empty() {
        unusable.dedup();
        return steps.refuse(failed(
            "a key for signatures: RSA of 2048 to 8192 bits, P-256 or P-384",
            format!("{count} keys, of which none is: {}", unusable.join("; ")),
            "Have the provider sign ID tokens with such a key.",
        ));
    }
    let told = format!("{} of {count} keys are for signatures", keys.len());
    steps.add(Step::ok(StepName::Keys, told));
    Ok(keys)
}

fn failed(expected: impl Into<String>, received: impl Into<String>, advice: &str) -> Step {
    Step::failed(StepName::Keys, expected, received, advice)
}

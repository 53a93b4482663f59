//! The secrets of mailed links and sessions as clients send them.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// The most characters that any of them has.
const MAX_TOKEN: usize = 200;

/// Reads one; stands at a `String`.
///
/// # Errors
/// Where it is longer than any.
pub fn token<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let token = String::deserialize(deserializer)?;
    if token.chars().count() > MAX_TOKEN {
        let detail = format!("Expected a token: it has at most {MAX_TOKEN} characters.");
        return Err(D::Error::custom(detail));
    }
    Ok(token)
}

/// As [`token`] for one that may be absent; stands with `default` at an `Option`.
///
/// # Errors
/// Where it is longer than any.
pub fn optional_token<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    struct Token(#[serde(deserialize_with = "token")] String);
    Ok(Option::<Token>::deserialize(deserializer)?.map(|Token(token)| token))
}

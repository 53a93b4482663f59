//! What a `PATCH` leaves out and what it sets to `null` are two things.

use serde::{Deserialize, Deserializer};

/// Reads a field that may be absent (`None`), `null` (`Some(None)`), or a value. For
/// `#[serde(default, deserialize_with = "present")]`.
///
/// # Errors
/// The value's own.
pub fn present<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

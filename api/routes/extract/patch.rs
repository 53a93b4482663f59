//! Fields of a `PATCH`: absent ones stay, `null` takes away.

use serde::{Deserialize, Deserializer};

/// Tells `null` from an absent field; stands with `default` at an `Option<Option<T>>`.
///
/// # Errors
/// The value's own.
pub fn nullable<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

//! Who comes back from an identity provider, and what their trip carried.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::domain::timestamp::Timestamp;

/// Who came, as the identity provider said it. The signature is checked; nothing is compared with what is here yet.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Arrival {
    pub subject: String,
    /// An address that the provider asserts, and does not call unverified.
    pub email: Option<String>,
    pub name: Option<String>,
    /// A guest of the tenant, who stands outside of the domains that the organization has proven.
    pub guest: bool,
    /// When a session has to end that follows from this, where the provider says so.
    pub session_ends_at: Option<Timestamp>,
    /// The session at the identity provider.
    pub provider_session: Option<String>,
    pub claims: Map<String, Value>,
}

/// What a trip carries for its way back.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Carried {
    /// A path of the single-page app.
    pub return_to: Option<String>,
    /// An invite code to join by.
    pub invite_code: Option<String>,
    /// The secret of an invitation's mail.
    pub invitation_token: Option<String>,
}

/// The longest path to return to.
const MAX_RETURN_TO: usize = 2_000;

/// Whether a text is a path of the single-page app, and can be nothing else for any browser.
pub fn is_path_of_spa(path: &str) -> bool {
    let begins_as_path = path.starts_with('/') && !path.starts_with("//");
    begins_as_path
        && path.len() <= MAX_RETURN_TO
        && path
            .chars()
            .all(|c| !c.is_control() && !c.is_whitespace() && c != '\\')
}

#[cfg(test)]
mod tests {
    use super::is_path_of_spa;

    #[test]
    fn one_returns_to_paths_of_the_app_only() {
        for path in [
            "/",
            "/groups/7a",
            "/?tab=1#end",
            "/a//b",
            "/%2F%2Fevil.example",
        ] {
            assert!(is_path_of_spa(path), "{path}");
        }
        let long = format!("/{}", "a".repeat(2_000));
        for path in [
            "",
            "groups",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            "/\t/evil.example",
            "/\n/evil.example",
            " /groups",
            "/a b",
            "/\u{a0}",
            &long,
        ] {
            assert!(!is_path_of_spa(path), "{path:?}");
        }
    }
}

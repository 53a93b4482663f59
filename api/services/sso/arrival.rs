//! Who comes back from an identity provider, and what their flow carried.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;

use crate::domain::shown::is_hidden;
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
    /// When the provider says so, by its own clock; nothing where a browser may have waited since.
    pub issued_at: Option<Timestamp>,
    pub claims: Map<String, Value>,
}

/// A session at the identity provider by which it may end ours: one that can be looked for. No provider of note names
/// one longer.
pub fn kept_session(name: Option<&str>) -> Option<String> {
    const MAX_LENGTH: usize = 255;

    let is_kept = |it: &&str| it.len() <= MAX_LENGTH && !it.contains(char::is_control);
    name.filter(is_kept).map(str::to_owned)
}

/// What a flow carries for its way back.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct FlowPayload {
    /// A path of the single-page app.
    pub return_to: Option<String>,
    /// An invite code to join by.
    pub invite_code: Option<String>,
    /// The secret of an invitation's mail.
    pub invitation_token: Option<String>,
}

/// The longest hint for the identity provider: an address.
pub const MAX_LOGIN_HINT: usize = 254;

/// The longest path to return to.
const MAX_RETURN_TO: usize = 2_000;

/// Whether a text is a path of the single-page app, and can be nothing else for any browser, nor look like another.
pub fn is_path_of_spa(path: &str) -> bool {
    let is_odd = |c: char| c.is_control() || c.is_whitespace() || c == '\\' || is_hidden(c);
    path.len() <= MAX_RETURN_TO && !path.contains(is_odd) && stays_in_spa(path)
}

/// Whether a text leads to no other host, also once its dot segments are taken away (`/.//other.example`).
fn stays_in_spa(path: &str) -> bool {
    let begins_as_path = |path: &str| path.starts_with('/') && !path.starts_with("//");
    let resolved = Url::parse(&format!("https://spa.invalid{path}"));
    begins_as_path(path) && resolved.is_ok_and(|url| begins_as_path(url.path()))
}

#[cfg(test)]
mod tests {
    use super::{is_path_of_spa, kept_session};

    #[test]
    fn a_session_of_the_provider_is_kept_where_it_can_be_looked_for() {
        let longest = "s".repeat(255);
        for name in ["_5e55", &longest] {
            assert_eq!(kept_session(Some(name)).as_deref(), Some(name));
        }
        let long = "s".repeat(256);
        for name in [None, Some("s\0"), Some("s\n"), Some(long.as_str())] {
            assert_eq!(kept_session(name), None);
        }
    }

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
            "/.//evil.example",
            "/..//evil.example",
            "/a/..//evil.example",
            "/%2e//evil.example",
            "/.%2E//evil.example",
            "/\u{202e}elpmaxe",
            "/a\u{200b}b",
            "/a\u{ad}b",
            "/a\u{2066}b",
            &long,
        ] {
            assert!(!is_path_of_spa(path), "{path:?}");
        }
    }
}

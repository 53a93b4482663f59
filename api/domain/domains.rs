//! The vocabulary of the email domains that organizations prove (`docs/domains.md`).

use super::email_domain::EmailDomain;
use super::string_enum::string_enum;

string_enum! {
    /// Whether a domain is known to be its organization's.
    DomainStatus {
        /// Nobody has shown it yet.
        Pending = "pending",
        /// Its record was seen, or an operator vouches for it.
        Proven = "proven",
        /// It was proven, and its record has been gone for a week.
        Lapsed = "lapsed",
    }
}

string_enum! {
    /// How people join whose verified address is in a proven domain.
    Joining {
        /// Not by their address.
        Closed = "closed",
        /// They ask, and an admin decides.
        Request = "request",
        /// They join at once.
        Open = "open",
    }
}

/// The number of characters of a challenge.
pub const CHALLENGE_CHARS: usize = 32;

/// The name of the TXT record that proves a domain.
pub fn record_name(domain: &EmailDomain) -> String {
    format!("_rollcall.{domain}")
}

/// What the record has to hold.
pub fn record_value(challenge: &str) -> String {
    format!("rollcall-domain={challenge}")
}

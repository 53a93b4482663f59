//! The vocabulary of requests to join an organization (`docs/domains.md`).

use super::string_enum::string_enum;

string_enum! {
    /// How a request to join stands.
    JoinRequestStatus {
        /// Nobody has decided it yet.
        Open = "open",
        /// The account has become a member.
        Approved = "approved",
        /// An admin has declined it.
        Declined = "declined",
        /// Whoever asked has taken it back.
        Withdrawn = "withdrawn",
    }
}

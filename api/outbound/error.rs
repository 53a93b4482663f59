//! Why a foreign system gave no answer, in words for whoever runs it or named it.

use std::path::PathBuf;
use std::time::Duration;

/// Why a foreign system gave no answer. No variant holds what was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutboundError {
    #[error("The address is no https:// URL with a host and without a user name.")]
    NoUrl,
    #[error("{host} is called by https only: begin its URL with https://.")]
    HttpsRequired { host: String },
    /// `address_not_allowed`. The address itself is not told: names of an internal network stay its own.
    #[error(
        "{host} has no public address. Where it is meant, whoever runs Rollcall allows the range of its address \
         (ROLLCALL_OUTBOUND_ALLOW)."
    )]
    AddressNotAllowed { host: String },
    #[error("The name {host} is not known to the domain name system: check how it is spelled.")]
    NameUnknown { host: String },
    #[error("{host} cannot be reached: {problem}.")]
    Unreachable { host: String, problem: String },
    #[error("{host} cannot be reached through the proxy: {problem}.")]
    Proxy { host: String, problem: String },
    #[error("The certificate of {host} is refused: {problem}.")]
    Certificate { host: String, problem: String },
    #[error("No connection by TLS 1.2 or 1.3 to {host}: {problem}.")]
    Tls { host: String, problem: String },
    #[error(
        "The answer is a redirect ({status}) to {location}, which is not followed: name that address itself."
    )]
    Redirected { status: u16, location: String },
    #[error("The answer has more than {limit} bytes.")]
    TooLarge { limit: u64 },
    #[error("The answer is no HTTP that can be read: {problem}.")]
    Unreadable { problem: String },
    #[error("There was no whole answer within {} s.", .within.as_secs())]
    TimedOut { within: Duration },
    #[error(
        "Too many calls to this provider are under way or wait before this one: none was made."
    )]
    Busy,
}

/// What to do where there was no place for a call ([`OutboundError::Busy`]).
pub const BUSY_ADVICE: &str = "Many people came at the same moment, or the provider takes long to answer. Nothing in the \
                               connection has to change for it: try again in a minute.";

/// Why nobody can be called as configured.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    #[error("ROLLCALL_OUTBOUND_CA_FILE names the file {path}, which {problem}")]
    Roots { path: PathBuf, problem: String },
    #[error(
        "ROLLCALL_OUTBOUND_PROXY is no URL of a proxy; an example: http://proxy.school.example:3128"
    )]
    Proxy,
}

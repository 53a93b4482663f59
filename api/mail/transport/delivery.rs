//! What a transport delivers, and why it may not.

use crate::domain::email_address::EmailAddress;

/// A mail, ready to leave.
pub struct RenderedMail {
    /// What a folder calls it; the same whenever it is sent.
    pub name: String,
    pub from: EmailAddress,
    pub to: EmailAddress,
    /// Headers and parts (RFC 5322).
    pub text: Vec<u8>,
}

/// Why a mail did not leave, in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliveryError {
    /// This mail may leave later.
    Transient(String),
    /// No mail can leave for now: the way to the server, or the server itself, is at fault.
    Unavailable(String),
    /// This mail can never leave.
    Permanent(String),
}

impl DeliveryError {
    /// What went wrong.
    pub fn reason(&self) -> &str {
        match self {
            Self::Transient(reason) | Self::Unavailable(reason) | Self::Permanent(reason) => reason,
        }
    }
}

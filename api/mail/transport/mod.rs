//! How mail leaves: to a mail server, or into a folder.

mod folder;

use crate::config::Config;
use crate::domain::email_address::EmailAddress;

pub use folder::Folder;

/// Where mail goes.
pub enum Transport {
    /// Into a folder of `.eml` files.
    Folder(Folder),
}

/// A mail, ready to leave.
pub struct Parcel {
    /// What a folder calls it; the same whenever it is sent.
    pub name: String,
    pub from: EmailAddress,
    pub to: EmailAddress,
    /// Headers and parts (RFC 5322).
    pub text: Vec<u8>,
}

/// Why a mail did not leave, in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setback {
    /// This mail may leave later.
    Passing(String),
    /// No mail can leave for now: the way to the server, or the server itself, is at fault.
    Outage(String),
    /// This mail can never leave.
    Final(String),
}

impl Setback {
    /// What went wrong.
    pub fn reason(&self) -> &str {
        match self {
            Self::Passing(reason) | Self::Outage(reason) | Self::Final(reason) => reason,
        }
    }
}

impl Transport {
    /// The one that the configuration asks for.
    pub fn configured(config: &Config) -> Self {
        Self::Folder(Folder::at(config.data_dir.join("mail")))
    }
}

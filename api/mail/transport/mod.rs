//! How mail leaves: to a mail server, or into a folder.

mod folder;
mod smtp;

use std::time::Duration;

use crate::config::Config;
use crate::domain::email_address::EmailAddress;

pub use folder::Folder;
pub use smtp::{Smtp, SmtpSession, Timeouts};

/// Where mail goes.
pub enum Transport {
    /// Into a folder of `.eml` files.
    Folder(Folder),
    /// To a mail server.
    Smtp(Smtp),
}

/// The longest that a server may take for one step: it is slow, or somebody holds it up.
const LONGEST_STEP: Duration = Duration::from_secs(30);

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

impl Transport {
    /// The one that the configuration asks for.
    pub fn configured(config: &Config) -> Self {
        let Some(url) = &config.smtp_url else {
            return Self::Folder(Folder::at(config.data_dir.join("mail")));
        };
        // The text's ends before the lease does; a mail that comes that far late is not handed over.
        let timeouts = Timeouts {
            step: LONGEST_STEP.min(config.mail_lease / 2),
            text: config.mail_lease * 4 / 5,
        };
        let name = config.mail_from.address().domain();
        Self::Smtp(Smtp::at(url.clone(), name, timeouts))
    }

    /// Sends one mail by itself.
    ///
    /// # Errors
    /// Why it did not leave.
    pub fn send(&self, mail: &RenderedMail) -> Result<(), DeliveryError> {
        match self {
            Self::Folder(folder) => folder.deliver(mail),
            Self::Smtp(smtp) => {
                let mut line = None;
                let sent = smtp
                    .offer(&mut line, mail)
                    .and_then(|()| smtp.hand_over(&mut line, mail));
                if let Some(line) = line {
                    line.close();
                }
                sent
            }
        }
    }
}

//! How mail leaves: to a mail server, or into a folder.

mod delivery;
mod folder;
mod smtp;
mod smtp_errors;

use std::time::Duration;

use crate::config::Config;

pub use delivery::{DeliveryError, Reason, RenderedMail};
pub use folder::Folder;
pub use smtp::{Smtp, SmtpSession, Timeouts};

/// Where mail goes.
pub enum Transport {
    /// Into a folder of `.eml` files.
    Folder(Folder),
    /// To a mail server.
    Smtp(Smtp),
}

/// The longest that a server may take for one step.
const LONGEST_STEP: Duration = Duration::from_secs(30);

impl Transport {
    /// The transport that the configuration asks for.
    pub fn configured(config: &Config) -> Self {
        let Some(url) = &config.smtp_url else {
            return Self::Folder(Folder::at(config.data_dir.join("mail")));
        };
        // Ends before the lease does: a mail that is that late is not handed over.
        let timeouts = Timeouts {
            step: LONGEST_STEP.min(config.mail_lease / 2),
            text: config.mail_lease * 4 / 5,
        };
        let name = config.mail_from.address().domain();
        Self::Smtp(Smtp::at(url.clone(), name, timeouts))
    }

    /// Tries the way to the mail server: a session with all that the configuration asks for, and no mail.
    ///
    /// # Errors
    /// Why no mail would leave.
    pub fn try_session(&self) -> Result<(), DeliveryError> {
        match self {
            Self::Folder(_) => Ok(()),
            Self::Smtp(smtp) => smtp.try_session(),
        }
    }

    /// Sends one mail by itself.
    ///
    /// # Errors
    /// Why it did not leave.
    pub fn send(&self, mail: &RenderedMail) -> Result<(), DeliveryError> {
        match self {
            Self::Folder(folder) => folder.deliver(mail),
            Self::Smtp(smtp) => {
                let mut session = None;
                let sent = smtp
                    .offer(&mut session, mail)
                    .and_then(|()| smtp.hand_over(&mut session, mail));
                if let Some(session) = session {
                    session.close();
                }
                sent
            }
        }
    }
}

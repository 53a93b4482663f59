//! What mail is about, its status, and who it is from (`docs/mail.md`).

use std::fmt;
use std::str::FromStr;

use super::email_address::EmailAddress;
use super::jobs::Priority;
use super::string_enum::string_enum;

string_enum! {
    /// The status of a mail.
    MailStatus {
        /// Waits to be sent.
        Queued = "queued",
        /// The mail server has it.
        Sent = "sent",
        /// Could not be sent for now and is tried again.
        Deferred = "deferred",
        /// Is given up.
        Failed = "failed",
    }
}

string_enum! {
    /// What a mail is about: the name of its entry in the catalogues.
    MailKind {
        VerifyEmail = "verify_email",
        SignInInstructions = "sign_in_instructions",
        JoinLink = "join_link",
        PasswordReset = "password_reset",
        PasswordChanged = "password_changed",
        AccountReplaced = "account_replaced",
        LinkCode = "link_code",
        SetupLink = "setup_link",
        ImportFinished = "import_finished",
        DomainRecordMissing = "domain_record_missing",
        DomainLapsed = "domain_lapsed",
        ConnectionEnds = "connection_ends",
        ConnectionWarning = "connection_warning",
        ConnectionSetUp = "connection_set_up",
        AppSecretEnds = "app_secret_ends",
        JoinRequestsWaiting = "join_requests_waiting",
        JoinRequestApproved = "join_request_approved",
        JoinRequestDeclined = "join_request_declined",
    }
}

impl MailKind {
    /// Mail that a person waits for goes before mail that an organization sends to many.
    pub const fn priority(self) -> Priority {
        match self {
            Self::VerifyEmail | Self::PasswordReset | Self::PasswordChanged | Self::LinkCode => {
                Priority::Urgent
            }
            Self::SignInInstructions
            | Self::JoinLink
            | Self::AccountReplaced
            | Self::SetupLink
            | Self::ImportFinished
            | Self::DomainRecordMissing
            | Self::DomainLapsed
            | Self::ConnectionEnds
            | Self::ConnectionWarning
            | Self::ConnectionSetUp
            | Self::AppSecretEnds
            | Self::JoinRequestsWaiting
            | Self::JoinRequestApproved
            | Self::JoinRequestDeclined => Priority::Bulk,
        }
    }
}

/// The mailbox that mail is from (RFC 5322, 3.4): an address, and the name that people see beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox {
    name: String,
    address: EmailAddress,
}

/// The longest name of a mailbox, in characters.
const MAX_NAME_CHARS: usize = 100;

impl Mailbox {
    /// The name that people see.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The address that mail is sent from.
    pub const fn address(&self) -> &EmailAddress {
        &self.address
    }
}

impl FromStr for Mailbox {
    type Err = String;

    /// `Hill Road School <no-reply@school.example>`, or the address alone, whose name is then
    /// Rollcall.
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, address) = match text.trim().strip_suffix('>') {
            Some(text) => text.rsplit_once('<').ok_or("has a > without a <")?,
            None => ("", text),
        };
        let name = name.trim().trim_matches('"').trim();
        if name.contains(char::is_control) || name.chars().count() > MAX_NAME_CHARS {
            return Err("has a name that is no short line".to_owned());
        }
        let address = EmailAddress::parse(address).map_err(|error| format!("is none: {error}"))?;
        let name = if name.is_empty() { "Rollcall" } else { name };
        Ok(Self {
            name: name.to_owned(),
            address,
        })
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} <{}>", self.name, self.address.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_is_an_address_with_or_without_a_name() {
        for (text, expected) in [
            (
                "no-reply@school.example",
                "Rollcall <no-reply@school.example>",
            ),
            (
                "<no-reply@school.example>",
                "Rollcall <no-reply@school.example>",
            ),
            (
                "Hill Road School <No-Reply@school.example>",
                "Hill Road School <no-reply@school.example>",
            ),
            (
                "\"School, Hill Road\" <a@b.example>",
                "School, Hill Road <a@b.example>",
            ),
        ] {
            assert_eq!(text.parse::<Mailbox>().unwrap().to_string(), expected);
        }
        for bad in [
            "",
            "School",
            "School no-reply@x.org>",
            "A\r\nBcc: b <a@x.org>",
        ] {
            assert!(bad.parse::<Mailbox>().is_err(), "{bad}");
        }
    }
}

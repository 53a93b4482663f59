//! What each mail says: its fields, its kind, and how long its link works.
//!
//! A new mail is a variant here, a sample, an entry in each catalogue of `templates/languages`, and the service
//! that queues it. Everything else follows from the names of the fields, as they are serialized:
//!
//! | field | where it appears |
//! |---|---|
//! | `by` | whoever did it: chooses the sentences that end in `_by` |
//! | `note`, `login`, `facts` | blocks of the layout |
//! | `link` | the button; the sign-in page where there is none |
//! | `aside_link` | the link below the `aside`, as the words of `aside_button` |
//! | `date` | `{{ date }}`, as people write it |
//! | any other text | the sentences that name it, as `{{ organization }}` |
//!
//! Contents are stored sealed, because links open accounts.

use serde::{Deserialize, Serialize};

use crate::domain::connections::{ConnectionStatus, ConnectionWarningCode};
use crate::domain::email_address::EmailAddress;
use crate::domain::mail::MailKind;
use crate::domain::timestamp::Timestamp;

/// Who a mail goes to.
pub struct Recipient<'a> {
    /// None where no account is known.
    pub name: Option<&'a str>,
    pub address: &'a EmailAddress,
}

/// A mail's fields.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum MailContent {
    VerifyEmail {
        link: String,
        /// For somebody who has not registered.
        aside_link: String,
        #[serde(rename = "date")]
        expires_at: Timestamp,
    },

    /// To a new account: the login address and a link to choose a password, or to sign in by a connection.
    SignInInstructions {
        organization: String,
        /// The person who invites, if one does.
        #[serde(rename = "by")]
        invited_by: Option<String>,
        note: Option<String>,
        /// The address to sign in with.
        login: String,
        /// By what alone one signs in there, by name; empty where the organization requires no single sign-on.
        connections: String,
        /// Where a password is chosen, or one of these connections begins.
        link: String,
        #[serde(rename = "date")]
        expires_at: Timestamp,
    },

    /// To an existing account: a link to join an organization.
    JoinLink {
        organization: String,
        #[serde(rename = "by")]
        invited_by: Option<String>,
        note: Option<String>,
        /// As of sign-in instructions.
        connections: String,
        link: String,
        #[serde(rename = "date")]
        expires_at: Timestamp,
    },

    PasswordReset {
        link: String,
        #[serde(rename = "date")]
        expires_at: Timestamp,
    },

    PasswordChanged {
        login: String,
        /// The organization whose staff did it; none where the owner did.
        #[serde(rename = "by")]
        by_organization: Option<String>,
        /// As of sign-in instructions, of this organization.
        connections: String,
        #[serde(rename = "date")]
        at: Timestamp,
    },

    /// To the address of an account that nobody had verified, and that another account has replaced.
    AccountReplaced {
        login: String,
        /// The organization that created the new account; none where somebody registered it.
        #[serde(rename = "by")]
        by_organization: Option<String>,
        /// As of sign-in instructions, of this organization.
        connections: String,
        /// When the account was registered that is gone.
        #[serde(rename = "date")]
        registered_at: Timestamp,
    },

    /// To an existing account whose address a central system has named: a code that shows whose it is.
    LinkCode {
        organization: String,
        code: String,
        #[serde(rename = "date")]
        expires_at: Timestamp,
    },

    /// To whoever runs an identity provider, who needs no account: a link to set a connection up.
    SetupLink {
        organization: String,
        link: String,
        #[serde(rename = "date")]
        expires_at: Timestamp,
    },

    ImportFinished {
        organization: String,
        /// Numbers of rows, each with the name of its label in the catalogues.
        facts: Vec<(String, i64)>,
        /// Until when the passwords can be downloaded.
        #[serde(rename = "date")]
        results_expire_at: Timestamp,
    },

    /// To admins: the record that proves a domain is gone.
    DomainRecordMissing {
        organization: String,
        domain: String,
        #[serde(rename = "date")]
        lapses_at: Timestamp,
    },

    /// To admins: a domain has lapsed.
    DomainLapsed {
        organization: String,
        domain: String,
    },

    /// To admins: a secret or a certificate of a connection ends, or has ended.
    ConnectionEnds {
        organization: String,
        connection: String,
        problem: ConnectionWarningCode,
        #[serde(rename = "date")]
        at: Timestamp,
    },

    /// To admins: something is the matter with a connection.
    ConnectionWarning {
        organization: String,
        connection: String,
        problem: ConnectionWarningCode,
    },

    /// To admins: whoever has a setup link has activated a connection, or given an active one another identity
    /// provider or another source of the subject.
    ConnectionSetUp {
        organization: String,
        connection: String,
        /// The link, by its name.
        setup_link: String,
        status: ConnectionStatus,
        #[serde(rename = "date")]
        at: Timestamp,
    },

    /// To operators: the client secret of an app ends, or has ended.
    AppSecretEnds {
        app: String,
        #[serde(rename = "date")]
        at: Timestamp,
    },

    /// To admins: people ask to join.
    JoinRequestsWaiting {
        organization: String,
        /// How many are open, with the name of its label in the catalogues.
        facts: Vec<(String, i64)>,
    },

    /// To whoever asked to join: they are a member.
    JoinRequestApproved {
        organization: String,
        /// As of sign-in instructions.
        connections: String,
    },

    /// To whoever asked to join: they are not let in.
    JoinRequestDeclined { organization: String },
}

impl MailContent {
    /// What it is about.
    pub const fn kind(&self) -> MailKind {
        match self {
            Self::VerifyEmail { .. } => MailKind::VerifyEmail,
            Self::SignInInstructions { .. } => MailKind::SignInInstructions,
            Self::JoinLink { .. } => MailKind::JoinLink,
            Self::PasswordReset { .. } => MailKind::PasswordReset,
            Self::PasswordChanged { .. } => MailKind::PasswordChanged,
            Self::AccountReplaced { .. } => MailKind::AccountReplaced,
            Self::LinkCode { .. } => MailKind::LinkCode,
            Self::SetupLink { .. } => MailKind::SetupLink,
            Self::ImportFinished { .. } => MailKind::ImportFinished,
            Self::DomainRecordMissing { .. } => MailKind::DomainRecordMissing,
            Self::DomainLapsed { .. } => MailKind::DomainLapsed,
            Self::ConnectionEnds { .. } => MailKind::ConnectionEnds,
            Self::ConnectionWarning { .. } => MailKind::ConnectionWarning,
            Self::ConnectionSetUp { .. } => MailKind::ConnectionSetUp,
            Self::AppSecretEnds { .. } => MailKind::AppSecretEnds,
            Self::JoinRequestsWaiting { .. } => MailKind::JoinRequestsWaiting,
            Self::JoinRequestApproved { .. } => MailKind::JoinRequestApproved,
            Self::JoinRequestDeclined { .. } => MailKind::JoinRequestDeclined,
        }
    }
}

impl MailContent {
    /// Until when its link works; none where it opens nothing by itself.
    pub const fn link_holds_until(&self) -> Option<Timestamp> {
        match self {
            Self::VerifyEmail { expires_at, .. }
            | Self::SignInInstructions { expires_at, .. }
            | Self::JoinLink { expires_at, .. }
            | Self::PasswordReset { expires_at, .. }
            | Self::LinkCode { expires_at, .. }
            | Self::SetupLink { expires_at, .. } => Some(*expires_at),
            Self::PasswordChanged { .. }
            | Self::AccountReplaced { .. }
            | Self::ImportFinished { .. }
            | Self::DomainRecordMissing { .. }
            | Self::DomainLapsed { .. }
            | Self::ConnectionEnds { .. }
            | Self::ConnectionWarning { .. }
            | Self::ConnectionSetUp { .. }
            | Self::AppSecretEnds { .. }
            | Self::JoinRequestsWaiting { .. }
            | Self::JoinRequestApproved { .. }
            | Self::JoinRequestDeclined { .. } => None,
        }
    }
}

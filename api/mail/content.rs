//! What a mail tells: the values of its template. They are kept sealed, since links open accounts.

use serde::{Deserialize, Serialize};

use crate::domain::mail::MailKind;
use crate::domain::timestamp::Timestamp;

/// What is told, and what the template needs for it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum MailContent {
    VerifyEmail {
        link: String,
        expires_at: Timestamp,
    },
    SignInInstructions {
        organization: String,
        /// The person who invites, if one does.
        invited_by: Option<String>,
        note: Option<String>,
        /// The address to sign in with.
        login: String,
        /// Where a password is chosen.
        link: String,
        expires_at: Timestamp,
    },
    JoinLink {
        organization: String,
        invited_by: Option<String>,
        note: Option<String>,
        link: String,
        expires_at: Timestamp,
    },
    PasswordReset {
        link: String,
        expires_at: Timestamp,
    },
    PasswordChanged {
        login: String,
        /// The organization whose staff did it; the owner did where there is none.
        by_organization: Option<String>,
        at: Timestamp,
    },
    ImportFinished {
        organization: String,
        rows: i64,
        created: i64,
        failed: i64,
        /// Rows that were cancelled before their turn.
        cancelled: i64,
        /// Until when the passwords can be downloaded.
        results_expire_at: Timestamp,
    },
}

impl MailContent {
    /// Its template.
    pub const fn kind(&self) -> MailKind {
        match self {
            Self::VerifyEmail { .. } => MailKind::VerifyEmail,
            Self::SignInInstructions { .. } => MailKind::SignInInstructions,
            Self::JoinLink { .. } => MailKind::JoinLink,
            Self::PasswordReset { .. } => MailKind::PasswordReset,
            Self::PasswordChanged { .. } => MailKind::PasswordChanged,
            Self::ImportFinished { .. } => MailKind::ImportFinished,
        }
    }

    /// Until when its link opens anything; none where it opens nothing by itself.
    pub const fn link_holds_until(&self) -> Option<Timestamp> {
        match self {
            Self::VerifyEmail { expires_at, .. }
            | Self::SignInInstructions { expires_at, .. }
            | Self::JoinLink { expires_at, .. }
            | Self::PasswordReset { expires_at, .. } => Some(*expires_at),
            Self::PasswordChanged { .. } | Self::ImportFinished { .. } => None,
        }
    }
}

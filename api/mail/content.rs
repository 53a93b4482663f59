//! What each mail says: its fields, its kind, how long its link works, and its samples.
//!
//! A new mail is a variant here, an entry in each catalogue of `templates/languages`, and the service
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

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::links::Links;
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

/// Named samples of every kind, with people and numbers that are made up.
pub fn samples(links: &Links, to: &Recipient<'_>, now: Timestamp) -> Vec<(String, MailContent)> {
    let sample = Sample { links, to, now };
    let named = |kind: &MailKind| {
        let kind = *kind;
        let samples = sample.of(kind).into_iter();
        samples.map(move |(suffix, content)| (format!("{kind}{suffix}"), content))
    };
    MailKind::ALL.iter().flat_map(named).collect()
}

struct Sample<'a> {
    links: &'a Links,
    to: &'a Recipient<'a>,
    now: Timestamp,
}

const HOUR: Duration = Duration::from_secs(60 * 60);
const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

impl Sample<'_> {
    /// A sample of a kind, and one with a suffix for each case that has other sentences.
    fn of(&self, kind: MailKind) -> Vec<(&'static str, MailContent)> {
        let expires_at = self.now.plus(WEEK);
        match kind {
            MailKind::VerifyEmail => vec![(
                "",
                MailContent::VerifyEmail {
                    link: self.link("verify-email"),
                    aside_link: self.link("not-me"),
                    expires_at,
                },
            )],
            MailKind::SignInInstructions => vec![
                ("", self.instructions(Some(author()), Some(note()))),
                ("_without_author", self.instructions(None, None)),
                ("_by_connection", self.instructions_by_connection()),
            ],
            MailKind::JoinLink => vec![
                ("", self.join_link(String::new())),
                ("_by_connection", self.join_link(connection())),
            ],
            MailKind::PasswordReset => vec![(
                "",
                MailContent::PasswordReset {
                    link: self.link("set-password"),
                    expires_at: self.now.plus(HOUR),
                },
            )],
            MailKind::PasswordChanged => vec![
                ("", self.password_changed(None, String::new())),
                (
                    "_by_staff",
                    self.password_changed(Some(organization()), String::new()),
                ),
                (
                    "_by_connection",
                    self.password_changed(Some(organization()), connection()),
                ),
            ],
            MailKind::AccountReplaced => vec![
                ("", self.account_replaced(None, String::new())),
                (
                    "_by_organization",
                    self.account_replaced(Some(organization()), String::new()),
                ),
                (
                    "_by_connection",
                    self.account_replaced(Some(organization()), connection()),
                ),
            ],
            MailKind::LinkCode => vec![(
                "",
                MailContent::LinkCode {
                    organization: organization(),
                    code: "K7QF-2MPD".to_owned(),
                    expires_at: self.now.plus(HOUR),
                },
            )],
            MailKind::SetupLink => vec![(
                "",
                MailContent::SetupLink {
                    organization: organization(),
                    link: self.links.setup_of("sample"),
                    expires_at,
                },
            )],
            MailKind::ImportFinished => vec![
                ("", self.import_finished(231, 9)),
                ("_without_errors", self.import_finished(240, 0)),
                ("_without_accounts", self.import_finished(0, 240)),
            ],
            MailKind::DomainRecordMissing => vec![(
                "",
                MailContent::DomainRecordMissing {
                    organization: organization(),
                    domain: domain(),
                    lapses_at: expires_at,
                },
            )],
            MailKind::DomainLapsed => vec![(
                "",
                MailContent::DomainLapsed {
                    organization: organization(),
                    domain: domain(),
                },
            )],
            MailKind::ConnectionEnds => self.connection_ends(),
            MailKind::ConnectionWarning => connection_warnings(),
            MailKind::ConnectionSetUp => self.connection_set_up(),
            MailKind::AppSecretEnds => vec![(
                "",
                MailContent::AppSecretEnds {
                    app: "Microsoft for schools".to_owned(),
                    at: expires_at,
                },
            )],
            MailKind::JoinRequestsWaiting => vec![(
                "",
                MailContent::JoinRequestsWaiting {
                    organization: organization(),
                    facts: vec![("requests".to_owned(), 3)],
                },
            )],
            MailKind::JoinRequestApproved => vec![
                ("", approved(String::new())),
                ("_by_connection", approved(connection())),
            ],
            MailKind::JoinRequestDeclined => {
                let organization = organization();
                vec![("", MailContent::JoinRequestDeclined { organization })]
            }
        }
    }

    fn connection_ends(&self) -> Vec<(&'static str, MailContent)> {
        let ends = |problem| MailContent::ConnectionEnds {
            organization: organization(),
            connection: connection(),
            problem,
            at: self.now.plus(WEEK),
        };
        vec![
            ("", ends(ConnectionWarningCode::SecretExpires)),
            (
                "_of_certificate",
                ends(ConnectionWarningCode::CertificateExpires),
            ),
        ]
    }

    fn connection_set_up(&self) -> Vec<(&'static str, MailContent)> {
        let set_up = |status| MailContent::ConnectionSetUp {
            organization: organization(),
            connection: connection(),
            setup_link: "it@school.example".to_owned(),
            status,
            at: self.now,
        };
        vec![
            ("", set_up(ConnectionStatus::Active)),
            ("_anew", set_up(ConnectionStatus::Draft)),
        ]
    }

    fn instructions(&self, invited_by: Option<String>, note: Option<String>) -> MailContent {
        MailContent::SignInInstructions {
            organization: organization(),
            invited_by,
            note,
            login: self.login(),
            connections: String::new(),
            link: self.link("set-password"),
            expires_at: self.now.plus(WEEK),
        }
    }

    fn instructions_by_connection(&self) -> MailContent {
        MailContent::SignInInstructions {
            organization: organization(),
            invited_by: Some(author()),
            note: None,
            login: self.login(),
            connections: connection(),
            link: self.links.start_as(Uuid::nil().into(), &self.login()),
            expires_at: self.now.plus(WEEK),
        }
    }

    fn join_link(&self, connections: String) -> MailContent {
        MailContent::JoinLink {
            organization: organization(),
            invited_by: Some(author()),
            note: Some(note()),
            connections,
            link: self.link("invitation"),
            expires_at: self.now.plus(WEEK),
        }
    }

    fn password_changed(
        &self,
        by_organization: Option<String>,
        connections: String,
    ) -> MailContent {
        MailContent::PasswordChanged {
            login: self.login(),
            by_organization,
            connections,
            at: self.now,
        }
    }

    fn account_replaced(
        &self,
        by_organization: Option<String>,
        connections: String,
    ) -> MailContent {
        MailContent::AccountReplaced {
            login: self.login(),
            by_organization,
            connections,
            registered_at: self.now,
        }
    }

    fn import_finished(&self, created: i64, failed: i64) -> MailContent {
        let facts = [
            ("rows", created + failed),
            ("created", created),
            ("failed", failed),
            ("cancelled", 0),
        ];
        MailContent::ImportFinished {
            organization: organization(),
            facts: facts.map(|(name, count)| (name.to_owned(), count)).into(),
            results_expire_at: self.now.plus(24 * HOUR),
        }
    }

    fn login(&self) -> String {
        self.to.address.to_string()
    }

    fn link(&self, page: &str) -> String {
        let token = "rcx_Example0Example1Example2Example3Example4Exa";
        self.links.sample(page, token)
    }
}

fn organization() -> String {
    "Hill Road School".to_owned()
}

fn domain() -> String {
    "school.example".to_owned()
}

fn connection() -> String {
    "School accounts".to_owned()
}

fn approved(connections: String) -> MailContent {
    MailContent::JoinRequestApproved {
        organization: organization(),
        connections,
    }
}

fn connection_warnings() -> Vec<(&'static str, MailContent)> {
    let warning = |problem| MailContent::ConnectionWarning {
        organization: organization(),
        connection: connection(),
        problem,
    };
    vec![
        ("", warning(ConnectionWarningCode::MetadataUnreachable)),
        ("_of_keys", warning(ConnectionWarningCode::KeysUnreachable)),
        ("_of_clock", warning(ConnectionWarningCode::ClockOff)),
        ("_of_silence", warning(ConnectionWarningCode::Silent)),
    ]
}

fn author() -> String {
    "Ada Head".to_owned()
}

fn note() -> String {
    "Welcome to 7A!\nYour books are in the library, shelf 4. See you on Monday.".to_owned()
}

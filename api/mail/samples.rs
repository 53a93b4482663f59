//! A sample of each mail, and one for each case that has other sentences: what the preview shows and tests read.

use std::time::Duration;

use uuid::Uuid;

use super::content::{MailContent, Recipient};
use super::links::Links;
use crate::domain::connections::{ConnectionStatus, ConnectionWarningCode};
use crate::domain::mail::MailKind;
use crate::domain::timestamp::Timestamp;

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

//! Every mail in every language, for whoever wants to see them, and one that tries the way.

use std::time::Duration;

use super::content::MailContent;
use super::links::Links;
use super::message::{MailHeaders, Recipient, compose};
use super::templates::{self, Written};
use super::transport::{DeliveryError, RenderedMail};
use crate::clock::new_id;
use crate::domain::email_address::EmailAddress;
use crate::domain::ids::MailId;
use crate::domain::language::Language;
use crate::domain::mail::Sender;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};

/// A mail that is not sent.
pub struct Preview {
    /// What it is about, by which files are named.
    pub name: &'static str,
    pub language: Language,
    pub written: Written,
    /// As it would travel.
    pub mail: RenderedMail,
}

/// Every mail in every language, with people and numbers that are made up.
///
/// # Errors
/// Where the example's address is none; a test says that it is one.
pub fn all(from: &Sender, links: &Links, now: Timestamp) -> Result<Vec<Preview>> {
    let address = EmailAddress::parse("ana.silva@hill-road.example").map_err(Error::internal)?;
    let to = Recipient {
        name: "Ana Silva",
        address: &address,
    };
    let mut previews = Vec::new();
    for language in Language::ALL {
        for (name, content) in samples(links, &to, now) {
            let written = templates::write(&content, *language, &to, from, links)?;
            let headers = MailHeaders {
                id: new_id::<MailId>(),
                language: *language,
                created_at: now,
            };
            let mail = compose(&headers, &written, from, &to)?
                .map_err(|delivery_error| Error::internal(delivery_error.reason().to_owned()))?;
            previews.push(Preview {
                name,
                language: *language,
                written,
                mail,
            });
        }
    }
    Ok(previews)
}

/// A content of each kind, and a second one where a kind has other words for another case.
pub fn samples(
    links: &Links,
    to: &Recipient<'_>,
    now: Timestamp,
) -> Vec<(&'static str, MailContent)> {
    const HOUR: Duration = Duration::from_secs(60 * 60);
    const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);
    let link = |page: &str| {
        let sample = "rcx_Example0Example1Example2Example3Example4Exa";
        links.sample(page, sample)
    };
    let organization = || "Hill Road School".to_owned();
    let login = || to.address.as_str().to_owned();
    let instructions =
        |invited_by: Option<&str>, note: Option<&str>| MailContent::SignInInstructions {
            organization: organization(),
            invited_by: invited_by.map(str::to_owned),
            note: note.map(str::to_owned),
            login: login(),
            link: link("set-password"),
            expires_at: now.plus(WEEK),
        };
    let note = "Welcome to 7A!\nYour invariants are in the library, shelf 4. See you on Monday.";
    vec![
        (
            "verify_email",
            MailContent::VerifyEmail {
                link: link("verify-email"),
                expires_at: now.plus(WEEK),
            },
        ),
        (
            "sign_in_instructions",
            instructions(Some("Ada Head"), Some(note)),
        ),
        (
            "sign_in_instructions_without_author",
            instructions(None, None),
        ),
        (
            "join_link",
            MailContent::JoinLink {
                organization: organization(),
                invited_by: Some("Ada Head".to_owned()),
                note: Some(note.to_owned()),
                link: link("invitation"),
                expires_at: now.plus(WEEK),
            },
        ),
        (
            "password_reset",
            MailContent::PasswordReset {
                link: link("set-password"),
                expires_at: now.plus(HOUR),
            },
        ),
        (
            "password_changed",
            MailContent::PasswordChanged {
                login: login(),
                by_organization: None,
                at: now,
            },
        ),
        (
            "password_changed_by_staff",
            MailContent::PasswordChanged {
                login: login(),
                by_organization: Some(organization()),
                at: now,
            },
        ),
        (
            "import_finished",
            MailContent::ImportFinished {
                organization: organization(),
                rows: 240,
                created: 231,
                failed: 9,
                cancelled: 0,
                results_expire_at: now.plus(24 * HOUR),
            },
        ),
    ]
}

/// A mail that only shows that mail arrives.
///
/// # Errors
/// A [`DeliveryError`] where the address has no notation in a header.
pub fn trial(
    from: &Sender,
    to: &EmailAddress,
    now: Timestamp,
) -> Result<std::result::Result<RenderedMail, DeliveryError>> {
    let text = format!(
        "This mail was sent by `rollcall mail test`.\n\nWhere you can read it, mail from {} leaves and \
         arrives as it is configured.\n",
        from.address().as_str()
    );
    let written = Written {
        subject: format!("Test mail from {}", from.name()),
        html: format!("<!DOCTYPE html>\n<html lang=\"en\"><body><pre>{text}</pre></body></html>\n"),
        text,
    };
    let headers = MailHeaders {
        id: new_id::<MailId>(),
        language: Language::English,
        created_at: now,
    };
    let to = Recipient {
        name: "",
        address: to,
    };
    compose(&headers, &written, from, &to)
}

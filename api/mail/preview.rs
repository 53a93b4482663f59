//! Every mail in every language, for whoever wants to see them, and one that tests the delivery.

use super::content::Recipient;
use super::links::Links;
use super::message::{MailHeaders, compose};
use super::samples::samples;
use super::templates::{self, Origin, Written};
use super::transport::{DeliveryError, RenderedMail};
use crate::clock::new_id;
use crate::domain::email_address::EmailAddress;
use crate::domain::ids::MailId;
use crate::domain::language::Language;
use crate::domain::mail::Mailbox;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};

/// A mail that is not sent.
pub struct Preview {
    /// The name of its files.
    pub name: String,
    pub language: Language,
    pub written: Written,
    /// As it would travel.
    pub mail: RenderedMail,
}

/// Renders every mail in every language, with people and numbers that are made up.
///
/// # Errors
/// `internal` where a catalogue lacks a sentence, which a test rules out.
pub fn all(from: &Mailbox, links: &Links, now: Timestamp) -> Result<Vec<Preview>> {
    let address = EmailAddress::parse("ana.silva@hill-road.example").map_err(Error::internal)?;
    let to = Recipient {
        name: Some("Ana Silva"),
        address: &address,
    };
    let origin = Origin { from, links };
    let mut previews = Vec::new();
    for language in Language::ALL {
        for (name, content) in samples(links, &to, now) {
            let written = templates::write(&content, *language, &to, &origin)?;
            let headers = MailHeaders {
                id: new_id::<MailId>(),
                language: *language,
                created_at: now,
            };
            let mail = compose(&headers, &written, from, &to)?.map_err(|delivery_error| {
                Error::internal(delivery_error.reason().text().to_owned())
            })?;
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

/// Renders a mail that only shows that mail arrives.
///
/// # Errors
/// A [`DeliveryError`] where the address has no notation in a header.
pub fn trial(
    from: &Mailbox,
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
        name: None,
        address: to,
    };
    compose(&headers, &written, from, &to)
}

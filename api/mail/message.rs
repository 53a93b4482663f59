//! A mail's text as it travels: headers and parts (RFC 5322, RFC 2045).

use std::time::{Duration, SystemTime};

use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{MultiPart, MultiPartKind, SinglePart};
use lettre::{Address, Message, message};

use super::content::Recipient;
use super::templates::Written;
use super::transport::{DeliveryError, Reason, RenderedMail};
use crate::domain::email_address::EmailAddress;
use crate::domain::ids::MailId;
use crate::domain::language::Language;
use crate::domain::mail::Mailbox;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};

/// What the headers of a mail are made from.
#[derive(Clone, Copy, Debug)]
pub struct MailHeaders {
    pub id: MailId,
    pub language: Language,
    pub created_at: Timestamp,
}

/// Composes the mail, ready to leave. The result is the same each time: date, id and boundary come from
/// the stored mail.
///
/// # Errors
/// A [`DeliveryError`] where the address has no notation in a header; `internal` where the text of the
/// mail cannot be written as a message.
pub fn compose(
    headers: &MailHeaders,
    written: &Written,
    from: &Mailbox,
    to: &Recipient<'_>,
) -> Result<std::result::Result<RenderedMail, DeliveryError>> {
    let Some(sender) = address(from.address()) else {
        let reason = "the address of ROLLCALL_MAIL_FROM cannot be written in a mail's header";
        return Ok(Err(DeliveryError::Unavailable(Reason::own(reason))));
    };
    let Some(receiver) = address(to.address) else {
        let reason = "the address cannot be written in a mail's header";
        return Ok(Err(DeliveryError::Permanent(Reason::own(reason))));
    };
    let mut builder = Message::builder()
        .from(message::Mailbox::new(Some(one_line(from.name())), sender))
        .to(message::Mailbox::new(name_of(to), receiver))
        .subject(one_line(&written.subject))
        .date(date_of(headers))
        .message_id(Some(format!(
            "<{}@{}>",
            headers.id,
            from.address().domain()
        )));
    for (name, value) in [
        // Suppresses vacation notices and other automatic replies (RFC 3834).
        ("Auto-Submitted", "auto-generated"),
        ("Content-Language", headers.language.as_str()),
    ] {
        let name = HeaderName::new_from_ascii(name.to_owned()).map_err(Error::internal)?;
        builder = builder.raw_header(HeaderValue::new(name, value.to_owned()));
    }
    let composed = builder
        .multipart(parts(headers, written))
        .map_err(Error::internal)?;
    Ok(Ok(RenderedMail {
        name: file_name(headers),
        from: from.address().clone(),
        to: to.address.clone(),
        text: composed.formatted(),
    }))
}

fn name_of(to: &Recipient<'_>) -> Option<String> {
    to.name.map(one_line).filter(|name| !name.is_empty())
}

fn parts(headers: &MailHeaders, written: &Written) -> MultiPart {
    MultiPart::builder()
        .kind(MultiPartKind::Alternative)
        .boundary(format!("rollcall-{}", headers.id))
        .build()
        .singlepart(part(ContentType::TEXT_PLAIN, &written.text))
        .singlepart(part(ContentType::TEXT_HTML, &written.html))
}

fn part(kind: ContentType, body: &str) -> SinglePart {
    SinglePart::builder().header(kind).body(body.to_owned())
}

fn address(address: &EmailAddress) -> Option<Address> {
    Address::new(address.local_part(), address.domain()).ok()
}

/// Joins a text into one line, so that nothing that a person wrote begins another header.
fn one_line(text: &str) -> String {
    let line: String = text
        .chars()
        .map(|c| {
            if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') {
                ' '
            } else {
                c
            }
        })
        .collect();
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn date_of(headers: &MailHeaders) -> SystemTime {
    let seconds = u64::try_from(headers.created_at.as_seconds()).unwrap_or(0);
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// A name by which files sort in the order in which they were queued.
fn file_name(headers: &MailHeaders) -> String {
    let digits = |c: &char| c.is_ascii_digit() || *c == 'T';
    let moment = headers.created_at.to_string();
    let moment: String = moment.chars().take(19).filter(digits).collect();
    format!("{moment}Z-{}", headers.id)
}

//! What the replies of a mail server, and its silence, mean for a mail and for the session.

use lettre::transport::smtp::Error;

use super::delivery::{DeliveryError, Reason};

/// Whether a session is over with this error: the server closes it, or is not heard any more.
pub(super) fn is_ending(error: &Error) -> bool {
    match error.status() {
        Some(code) => u16::from(code) == 421,
        // The library's own refusals are made without the server.
        None => !error.is_client(),
    }
}

/// What a refusal means for a mail. Some replies are about the whole session, wherever they come: it is
/// closing, out of order, or wants a password.
pub(super) fn of_mail(error: &Error) -> DeliveryError {
    const OF_THE_SESSION: [u16; 7] = [421, 500, 502, 503, 530, 535, 538];
    match error.status().map(u16::from) {
        Some(code) if !OF_THE_SESSION.contains(&code) && code >= 500 => {
            DeliveryError::Permanent(reason(error))
        }
        Some(code) if !OF_THE_SESSION.contains(&code) => DeliveryError::Transient(reason(error)),
        _ => DeliveryError::Unavailable(reason(error)),
    }
}

pub(super) fn outage(error: &Error) -> DeliveryError {
    DeliveryError::Unavailable(reason(error))
}

pub(super) fn no_starttls() -> DeliveryError {
    DeliveryError::Unavailable(Reason::own(
        "the mail server offers no STARTTLS, without which no mail is sent; ROLLCALL_SMTP_URL can say \
         otherwise",
    ))
}

/// The server's reply, or what is wrong with the session.
fn reason(error: &Error) -> Reason {
    let source = std::error::Error::source(error);
    let told = source.map_or_else(String::new, ToString::to_string);
    match error.status() {
        Some(code) => Reason::of_reply(code.into(), &told),
        None if is_timeout(source) => Reason::own("the mail server does not answer"),
        None if told == "incomplete response" => {
            Reason::own("the mail server ended the connection")
        }
        None if error.is_response() => Reason::unreadable(&told),
        None => Reason::own(format!("the mail server cannot be used: {error}")),
    }
}

fn is_timeout(source: Option<&(dyn std::error::Error + 'static)>) -> bool {
    use std::io::{Error, ErrorKind};
    let error = source.and_then(|source| source.downcast_ref::<Error>());
    error.is_some_and(|error| matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock))
}

//! A mail server (RFC 5321), with STARTTLS (RFC 3207) or TLS from the start (RFC 8314), and AUTH
//! (RFC 4954).
//!
//! A mail takes two steps, so that the hand-over can be recorded between them: naming sender and
//! recipient can be repeated, giving the text cannot.

use std::sync::OnceLock;
use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{SmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};

use super::delivery::{DeliveryError, RenderedMail};
use crate::domain::email_address::EmailAddress;
use crate::domain::smtp_url::{Security, SmtpUrl};

/// A mail server, and how to reach it.
pub struct Smtp {
    url: SmtpUrl,
    ehlo: ClientId,
    /// The system's certificates are read once, when they are first needed.
    tls: OnceLock<TlsParameters>,
    timeouts: Timeouts,
}

/// How long a server may take.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// For each step.
    pub step: Duration,
    /// To take a whole mail: longer, since a mail that was taken and not acknowledged arrives twice.
    pub text: Duration,
}

/// A session with the server, kept for a run of mails.
pub struct SmtpSession {
    connection: SmtpConnection,
    mails: u32,
}

/// Servers commonly end a connection after a hundred mails.
const MAILS_PER_SESSION: u32 = 100;

/// How long the server may take to answer QUIT.
const FAREWELL: Duration = Duration::from_secs(1);

type Attempt<T> = Result<T, DeliveryError>;

impl Smtp {
    /// The server at this URL; `name` is how we call ourselves unless the URL says otherwise.
    pub fn at(url: SmtpUrl, name: &str, timeouts: Timeouts) -> Self {
        let ehlo = ClientId::Domain(url.ehlo.clone().unwrap_or_else(|| name.to_owned()));
        Self {
            url,
            ehlo,
            tls: OnceLock::new(),
            timeouts,
        }
    }

    /// Names sender and recipient, in the given session or in a new one, until the server asks for the
    /// text.
    ///
    /// # Errors
    /// Where the server cannot be reached or does not take the mail.
    pub fn offer(&self, session: &mut Option<SmtpSession>, mail: &RenderedMail) -> Attempt<()> {
        let kept = session
            .take()
            .filter(|session| session.mails < MAILS_PER_SESSION);
        let (mut current, sender) = match kept {
            // A server may end a connection between two mails whenever it likes.
            Some(mut kept) => match self.name_sender(&mut kept, mail) {
                Err(Named::Broken(_)) => self.begin(mail)?,
                named => (kept, named),
            },
            None => self.begin(mail)?,
        };
        let offered = sender
            .map_err(Named::into_delivery_error)
            .and_then(|()| name_recipient(&mut current, &mail.to))
            .and_then(|()| ask_to_send(&mut current));
        self.keep_unless_broken(session, current, offered.as_ref().err());
        offered
    }

    fn begin(&self, mail: &RenderedMail) -> Attempt<(SmtpSession, Result<(), Named>)> {
        let mut session = SmtpSession {
            connection: self.connect().map_err(|error| outage(&error))?,
            mails: 0,
        };
        let named = self.name_sender(&mut session, mail);
        Ok((session, named))
    }

    /// Gives the text, and waits for the server to take it.
    ///
    /// # Errors
    /// Where it does not: whatever it is, the mail was not acknowledged (RFC 5321, 4.2.5).
    pub fn hand_over(&self, session: &mut Option<SmtpSession>, mail: &RenderedMail) -> Attempt<()> {
        let Some(mut current) = session.take() else {
            return Err(DeliveryError::Unavailable("the session is gone".to_owned()));
        };
        let taken = current
            .patiently(self.timeouts.text, |connection| {
                connection.message(&mail.text)
            })
            .map(drop)
            .map_err(|error| of_mail(&error));
        current.mails += 1;
        let still_patient = current.connection.set_timeout(Some(self.timeouts.step));
        if still_patient.is_ok() {
            self.keep_unless_broken(session, current, taken.as_ref().err());
        }
        taken
    }

    /// Keeps the session usable after a refused mail, once the server has reset it.
    fn keep_unless_broken(
        &self,
        session: &mut Option<SmtpSession>,
        mut current: SmtpSession,
        delivery_error: Option<&DeliveryError>,
    ) {
        let usable = match delivery_error {
            None => true,
            Some(DeliveryError::Unavailable(_)) => false,
            Some(_) => current.connection.command(Rset).is_ok(),
        };
        *session = usable.then_some(current);
    }

    fn connect(&self) -> Result<SmtpConnection, Refused> {
        let address = (self.url.host.as_str(), self.url.port);
        let implicit = match self.url.security {
            Security::Implicit => Some(self.tls()?),
            _ => None,
        };
        let mut connection = SmtpConnection::connect(
            address,
            Some(self.timeouts.step),
            &self.ehlo,
            implicit,
            None,
        )?;
        let offered = connection.can_starttls();
        match self.url.security {
            Security::Required if !offered => return Err(Refused::Unencrypted),
            Security::Required | Security::Optional if offered => {
                connection.starttls(self.tls()?, &self.ehlo)?;
            }
            _ => {}
        }
        self.sign_in(&mut connection)?;
        Ok(connection)
    }

    fn sign_in(&self, connection: &mut SmtpConnection) -> Result<(), Refused> {
        let Some(credentials) = &self.url.credentials else {
            return Ok(());
        };
        let credentials = Credentials::new(credentials.user.clone(), credentials.password.clone());
        connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials)?;
        Ok(())
    }

    fn tls(&self) -> Result<&TlsParameters, Error> {
        if let Some(tls) = self.tls.get() {
            return Ok(tls);
        }
        let tls = TlsParameters::new(self.url.host.clone())?;
        Ok(self.tls.get_or_init(|| tls))
    }

    fn name_sender(&self, session: &mut SmtpSession, mail: &RenderedMail) -> Result<(), Named> {
        let mut parameters = Vec::new();
        if !mail.to.as_str().is_ascii() || !mail.from.as_str().is_ascii() {
            if !session
                .connection
                .server_info()
                .supports_feature(Extension::SmtpUtfEight)
            {
                let reason = "the mail server takes no addresses with letters beyond ASCII";
                return Err(Named::DeliveryError(DeliveryError::Permanent(
                    reason.to_owned(),
                )));
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        let from = address(&mail.from).map_err(Named::DeliveryError)?;
        match session
            .connection
            .command(Mail::new(Some(from), parameters))
        {
            Ok(_) => Ok(()),
            Err(error) if is_ending(&error) => Err(Named::Broken(outage(&error.into()))),
            // A server that refuses the sender refuses all mail.
            Err(error) => Err(Named::DeliveryError(outage(&error.into()))),
        }
    }
}

impl SmtpSession {
    fn patiently<T>(
        &mut self,
        timeouts: Duration,
        work: impl FnOnce(&mut SmtpConnection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        // Where the timeout cannot be set, the former one holds.
        drop(self.connection.set_timeout(Some(timeouts)));
        work(&mut self.connection)
    }

    /// Ends the session with QUIT.
    pub fn close(mut self) {
        drop(self.patiently(FAREWELL, SmtpConnection::quit));
    }
}

/// Why a session could not be opened.
enum Refused {
    Smtp(Error),
    Unencrypted,
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Smtp(error)
    }
}

/// Why the sender could not be named.
enum Named {
    /// The session has ended, maybe since the last mail.
    Broken(DeliveryError),
    DeliveryError(DeliveryError),
}

impl Named {
    fn into_delivery_error(self) -> DeliveryError {
        match self {
            Self::Broken(delivery_error) | Self::DeliveryError(delivery_error) => delivery_error,
        }
    }
}

fn name_recipient(session: &mut SmtpSession, to: &EmailAddress) -> Attempt<()> {
    let to = address(to)?;
    let named = session.connection.command(Rcpt::new(to, Vec::new()));
    named.map(drop).map_err(|error| of_mail(&error))
}

fn ask_to_send(session: &mut SmtpSession) -> Attempt<()> {
    let asked = session.connection.command(Data);
    asked.map(drop).map_err(|error| of_mail(&error))
}

fn address(address: &EmailAddress) -> Attempt<Address> {
    Address::new(address.local_part(), address.domain()).map_err(|error| {
        DeliveryError::Permanent(format!("the address cannot be mailed to: {error}"))
    })
}

/// What a refusal means for a mail. Some replies are about the whole session, wherever they come: it is
/// closing, out of order, or wants a password.
fn of_mail(error: &Error) -> DeliveryError {
    const OF_THE_SESSION: [u16; 7] = [421, 500, 502, 503, 530, 535, 538];
    match error.status().map(u16::from) {
        Some(code) if !OF_THE_SESSION.contains(&code) && code >= 500 => {
            DeliveryError::Permanent(words(error))
        }
        Some(code) if !OF_THE_SESSION.contains(&code) => DeliveryError::Transient(words(error)),
        _ => DeliveryError::Unavailable(words(error)),
    }
}

fn outage(refused: &Refused) -> DeliveryError {
    DeliveryError::Unavailable(match refused {
        Refused::Smtp(error) => words(error),
        Refused::Unencrypted => {
            "the mail server offers no STARTTLS, without which no mail is sent; \
                                 ROLLCALL_SMTP_URL can say otherwise"
                .to_owned()
        }
    })
}

fn is_ending(error: &Error) -> bool {
    error.status().is_none_or(|code| u16::from(code) == 421)
}

/// The server's reply, or what is wrong with the session, in one short line.
fn words(error: &Error) -> String {
    const LONGEST: usize = 500;
    let source = std::error::Error::source(error);
    let told = source.map_or_else(String::new, ToString::to_string);
    let words = match error.status() {
        Some(code) => format!("{code} {told}"),
        None if is_timeout(source) => "the mail server does not answer".to_owned(),
        None if told == "incomplete response" => "the mail server ended the connection".to_owned(),
        None => format!("the mail server cannot be used: {error}"),
    };
    let line: Vec<&str> = words.split_whitespace().collect();
    line.join(" ")
        .chars()
        .filter(|c| !c.is_control())
        .take(LONGEST)
        .collect()
}

fn is_timeout(source: Option<&(dyn std::error::Error + 'static)>) -> bool {
    use std::io::{Error, ErrorKind};
    let error = source.and_then(|source| source.downcast_ref::<Error>());
    error.is_some_and(|error| matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock))
}

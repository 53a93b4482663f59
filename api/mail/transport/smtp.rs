//! A mail server (RFC 5321), with STARTTLS (RFC 3207) or TLS from the start (RFC 8314), and AUTH
//! (RFC 4954).
//!
//! A mail takes two steps, so that the hand-over can be recorded between them: naming sender and
//! recipient can be repeated, giving the text cannot.

use std::fmt::Display;
use std::sync::OnceLock;
use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{SmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use lettre::transport::smtp::response::Response;

use super::delivery::{DeliveryError, Reason, RenderedMail};
use super::smtp_errors::{is_ending, no_starttls, of_mail, outage};
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
    /// Whether the server has ended it, or the connection broke: then QUIT would reach nobody.
    has_ended: bool,
}

/// Servers commonly end a connection after a hundred mails.
const MAILS_PER_SESSION: u32 = 100;

/// How long the server may take to answer QUIT.
const QUIT_TIMEOUT: Duration = Duration::from_secs(1);

type SmtpResult<T> = Result<T, DeliveryError>;

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
    pub fn offer(&self, session: &mut Option<SmtpSession>, mail: &RenderedMail) -> SmtpResult<()> {
        let kept = session.take().and_then(SmtpSession::for_another_mail);
        let (mut current, sender_named) = match kept {
            Some(mut kept) => {
                let named = name_sender(&mut kept, mail);
                // A server may end a connection between two mails whenever it likes.
                if kept.has_ended {
                    self.begin(mail)?
                } else {
                    (kept, named)
                }
            }
            None => self.begin(mail)?,
        };
        let offered = sender_named
            .and_then(|()| name_recipient(&mut current, &mail.to))
            .and_then(|()| ask_to_send(&mut current));
        *session = current.kept_after(&offered);
        offered
    }

    fn begin(&self, mail: &RenderedMail) -> SmtpResult<(SmtpSession, SmtpResult<()>)> {
        let mut session = self.connect()?;
        let named = name_sender(&mut session, mail);
        Ok((session, named))
    }

    /// Gives the text, and waits for the server to take it.
    ///
    /// # Errors
    /// Where it does not: whatever it is, the mail was not acknowledged (RFC 5321, 4.2.5).
    pub fn hand_over(
        &self,
        session: &mut Option<SmtpSession>,
        mail: &RenderedMail,
    ) -> SmtpResult<()> {
        let Some(mut current) = session.take() else {
            let reason = Reason::own("the session is gone");
            return Err(DeliveryError::Unavailable(reason));
        };
        let taken = current
            .give_text(&mail.text, self.timeouts)
            .map_err(|error| of_mail(&error));
        *session = current.kept_after(&taken);
        taken
    }

    /// Begins a session and ends it.
    ///
    /// # Errors
    /// Where none can be had.
    pub fn try_session(&self) -> SmtpResult<()> {
        self.connect().map(SmtpSession::close)
    }

    fn connect(&self) -> SmtpResult<SmtpSession> {
        let mut session = self.open().map_err(|error| outage(&error))?;
        match self
            .encrypt(&mut session)
            .and_then(|()| self.sign_in(&mut session))
        {
            Ok(()) => Ok(session),
            Err(refused) => {
                session.close();
                Err(refused)
            }
        }
    }

    fn open(&self) -> Result<SmtpSession, Error> {
        let implicit = match self.url.security {
            Security::Implicit => Some(self.tls()?),
            Security::Required | Security::Optional | Security::Never => None,
        };
        let address = (self.url.host.as_str(), self.url.port);
        let timeout = Some(self.timeouts.step);
        let connection = SmtpConnection::connect(address, timeout, &self.ehlo, implicit, None)?;
        Ok(SmtpSession {
            connection,
            mails: 0,
            has_ended: false,
        })
    }

    /// Encrypts the session by STARTTLS, where the URL asks for it.
    fn encrypt(&self, session: &mut SmtpSession) -> SmtpResult<()> {
        let is_offered = session.connection.can_starttls();
        let starts_tls = match self.url.security {
            Security::Required if !is_offered => return Err(no_starttls()),
            Security::Required => true,
            Security::Optional => is_offered,
            Security::Implicit | Security::Never => false,
        };
        if !starts_tls {
            return Ok(());
        }
        let started = self
            .tls()
            .and_then(|tls| session.connection.starttls(tls, &self.ehlo));
        started.map_err(|error| {
            // The library has said QUIT to a server that refused; a failed handshake leaves nobody.
            session.has_ended = true;
            outage(&error)
        })
    }

    fn sign_in(&self, session: &mut SmtpSession) -> SmtpResult<()> {
        let Some(credentials) = &self.url.credentials else {
            return Ok(());
        };
        let credentials = Credentials::new(credentials.user.clone(), credentials.password.clone());
        let reply = session
            .connection
            .auth(&[Mechanism::Plain, Mechanism::Login], &credentials);
        session.watched(reply).map_err(|error| outage(&error))
    }

    fn tls(&self) -> Result<&TlsParameters, Error> {
        if let Some(tls) = self.tls.get() {
            return Ok(tls);
        }
        let tls = TlsParameters::new(self.url.host.clone())?;
        Ok(self.tls.get_or_init(|| tls))
    }
}

impl SmtpSession {
    /// This session, if the server is likely to take another mail in it.
    fn for_another_mail(self) -> Option<Self> {
        if self.mails < MAILS_PER_SESSION {
            return Some(self);
        }
        self.close();
        None
    }

    /// This session after a mail, unless it is of no more use: then it is closed. After a refused mail
    /// the server resets it.
    fn kept_after(mut self, attempt: &SmtpResult<()>) -> Option<Self> {
        let is_usable = match attempt {
            Ok(()) => true,
            Err(DeliveryError::Unavailable(_)) => false,
            Err(DeliveryError::Transient(_) | DeliveryError::Permanent(_)) => {
                self.command(Rset).is_ok()
            }
        };
        if is_usable && !self.has_ended {
            return Some(self);
        }
        self.close();
        None
    }

    fn command(&mut self, command: impl Display) -> Result<(), Error> {
        let reply = self.connection.command(command);
        self.watched(reply)
    }

    fn give_text(&mut self, text: &[u8], timeouts: Timeouts) -> Result<(), Error> {
        self.mails += 1;
        self.set_timeout(timeouts.text);
        let reply = self.connection.message(text);
        self.set_timeout(timeouts.step);
        self.watched(reply)
    }

    /// A connection that takes no timeout has ended.
    fn set_timeout(&mut self, timeout: Duration) {
        self.has_ended |= self.connection.set_timeout(Some(timeout)).is_err();
    }

    fn watched(&mut self, reply: Result<Response, Error>) -> Result<(), Error> {
        self.has_ended |= reply.as_ref().is_err_and(is_ending);
        reply.map(drop)
    }

    /// Ends the session with QUIT (RFC 5321, 4.1.1.10), unless it has ended.
    pub fn close(mut self) {
        self.set_timeout(QUIT_TIMEOUT);
        if !self.has_ended && !self.connection.has_broken() {
            // What the server answers changes nothing.
            drop(self.connection.quit());
        }
    }
}

/// Names the sender. Whatever is wrong with it concerns all mail.
fn name_sender(session: &mut SmtpSession, mail: &RenderedMail) -> SmtpResult<()> {
    let from = address(&mail.from).map_err(DeliveryError::Unavailable)?;
    let parameters = parameters(session, mail)?;
    let named = session.command(Mail::new(Some(from), parameters));
    named.map_err(|error| outage(&error))
}

/// The parameters of MAIL: addresses beyond ASCII need SMTPUTF8 (RFC 6531).
fn parameters(session: &SmtpSession, mail: &RenderedMail) -> SmtpResult<Vec<MailParameter>> {
    let from_is_ascii = mail.from.as_str().is_ascii();
    if from_is_ascii && mail.to.as_str().is_ascii() {
        return Ok(Vec::new());
    }
    let server = session.connection.server_info();
    if server.supports_feature(Extension::SmtpUtfEight) {
        return Ok(vec![MailParameter::SmtpUtfEight]);
    }
    Err(if from_is_ascii {
        DeliveryError::Permanent(Reason::own(
            "the mail server takes no addresses with letters beyond ASCII",
        ))
    } else {
        DeliveryError::Unavailable(Reason::own(
            "the address of ROLLCALL_MAIL_FROM has letters beyond ASCII, which the mail server does \
             not take (no SMTPUTF8)",
        ))
    })
}

fn name_recipient(session: &mut SmtpSession, to: &EmailAddress) -> SmtpResult<()> {
    let to = address(to).map_err(DeliveryError::Permanent)?;
    let named = session.command(Rcpt::new(to, Vec::new()));
    named.map_err(|error| of_mail(&error))
}

fn ask_to_send(session: &mut SmtpSession) -> SmtpResult<()> {
    session.command(Data).map_err(|error| of_mail(&error))
}

fn address(address: &EmailAddress) -> Result<Address, Reason> {
    Address::new(address.local_part(), address.domain())
        .map_err(|error| Reason::own(format!("the address cannot be mailed to: {error}")))
}

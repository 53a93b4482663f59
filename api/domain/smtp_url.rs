//! Which mail server, and how the connection to it is encrypted.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use url::{Host, Url};

/// A mail server, as `ROLLCALL_SMTP_URL` names it: `smtps://user:password@host:port`, or
/// `smtp://…` with `?starttls=required`, `optional` or `never`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmtpUrl {
    pub host: String,
    pub port: u16,
    pub security: Security,
    pub credentials: Option<Credentials>,
    /// The name that Rollcall gives itself in EHLO (`?ehlo=`).
    pub ehlo: Option<String>,
}

/// How the connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// From the first byte on (`smtps`).
    Implicit,
    /// By STARTTLS, or no mail is sent.
    Required,
    /// By STARTTLS where the server offers it.
    Optional,
    /// Not at all.
    Never,
}

/// User and password for AUTH.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub user: String,
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

/// Where a client hands mail in: with TLS from the start (RFC 8314), and without (RFC 6409).
const IMPLICIT_TLS_PORT: u16 = 465;
const SUBMISSION_PORT: u16 = 587;

const NOT_ENCRYPTED: &str =
    "would send a password unencrypted: leave starttls out, or take smtps://";

impl FromStr for SmtpUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url: Url = text.parse().map_err(|_| "is no URL")?;
        let implicit = match url.scheme() {
            "smtps" => true,
            "smtp" => false,
            _ => return Err("begins with neither smtp:// nor smtps://"),
        };
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err(
                "goes on behind the host: write a / ? # or @ of a password as %2F %3F %23 %40",
            );
        }
        let (host, is_loopback) = host_of(&url)?;
        let credentials = credentials_of(&url)?;
        let parameters = Parameters::of(&url)?;
        let security = parameters.security(implicit, is_loopback, credentials.is_some())?;
        let port = if implicit {
            IMPLICIT_TLS_PORT
        } else {
            SUBMISSION_PORT
        };
        Ok(Self {
            host,
            port: url.port().unwrap_or(port),
            security,
            credentials,
            ehlo: parameters.ehlo,
        })
    }
}

/// The host, and whether it is a loopback one: a connection to it cannot be eavesdropped.
fn host_of(url: &Url) -> Result<(String, bool), &'static str> {
    let host = url
        .host_str()
        .filter(|host| !host.is_empty())
        .ok_or("names no host")?;
    match Host::parse(host).map_err(|_| "names a host that is none")? {
        Host::Domain(name) => {
            let is_loopback = name == "localhost" || name.ends_with(".localhost");
            Ok((name, is_loopback))
        }
        Host::Ipv4(address) => Ok((address.to_string(), address.is_loopback())),
        Host::Ipv6(address) => Ok((IpAddr::from(address).to_string(), address.is_loopback())),
    }
}

fn credentials_of(url: &Url) -> Result<Option<Credentials>, &'static str> {
    let decoded = |text| {
        let decoded = percent_decode_str(text).decode_utf8();
        decoded
            .map(String::from)
            .map_err(|_| "has a user or a password that is no UTF-8")
    };
    match (url.username(), url.password()) {
        ("", None) => Ok(None),
        (user, Some(password)) if !user.is_empty() => Ok(Some(Credentials {
            user: decoded(user)?,
            password: decoded(password)?,
        })),
        _ => Err("has a user without a password, or the other way round"),
    }
}

#[derive(Default)]
struct Parameters {
    starttls: Option<Security>,
    ehlo: Option<String>,
}

impl Parameters {
    fn of(url: &Url) -> Result<Self, &'static str> {
        let mut parameters = Self::default();
        for (name, value) in url.query_pairs() {
            match (&*name, &*value) {
                ("starttls", "required") => parameters.starttls = Some(Security::Required),
                ("starttls", "optional") => parameters.starttls = Some(Security::Optional),
                ("starttls", "never") => parameters.starttls = Some(Security::Never),
                ("starttls", _) => {
                    return Err("has a starttls that is none of required, optional, never");
                }
                ("ehlo", name) if is_ehlo_name(name) => parameters.ehlo = Some(name.to_owned()),
                ("ehlo", _) => return Err("has an ehlo that is no host's name"),
                _ => return Err("has a parameter that is neither starttls nor ehlo"),
            }
        }
        Ok(parameters)
    }

    /// Mail is encrypted unless it stays on this machine or somebody says otherwise. A password leaves
    /// this machine encrypted only: with `optional` an attacker in between could suppress STARTTLS.
    fn security(
        &self,
        implicit: bool,
        is_loopback: bool,
        has_password: bool,
    ) -> Result<Security, &'static str> {
        match (implicit, self.starttls) {
            (true, None) => Ok(Security::Implicit),
            (true, Some(_)) => Err("has starttls with smtps://, which is encrypted from the start"),
            (false, Some(Security::Required)) => Ok(Security::Required),
            (false, Some(_)) if has_password && !is_loopback => Err(NOT_ENCRYPTED),
            (false, Some(security)) => Ok(security),
            (false, None) if is_loopback && !has_password => Ok(Security::Optional),
            (false, None) => Ok(Security::Required),
        }
    }
}

fn is_ehlo_name(name: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    !name.is_empty() && name.len() <= 255 && name.chars().all(is_letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> Result<SmtpUrl, &'static str> {
        url.parse()
    }

    #[test]
    fn the_scheme_and_starttls_say_how_the_connection_is_encrypted() {
        for (url, port, security) in [
            ("smtps://mail.example", 465, Security::Implicit),
            ("smtp://mail.example", 587, Security::Required),
            (
                "smtp://mail.example:25?starttls=optional",
                25,
                Security::Optional,
            ),
            ("smtp://mail.example:25?starttls=never", 25, Security::Never),
            ("smtp://u:p@mail.example", 587, Security::Required),
            ("smtp://localhost:1025", 1025, Security::Optional),
            ("smtp://127.0.0.1:1025", 1025, Security::Optional),
            ("smtp://[::1]:1025", 1025, Security::Optional),
            ("smtp://u:p@localhost", 587, Security::Required),
            ("smtp://u:p@localhost?starttls=never", 587, Security::Never),
        ] {
            let url = parsed(url).unwrap_or_else(|error| panic!("{url} {error}"));
            assert_eq!((url.port, url.security), (port, security));
        }
    }

    #[test]
    fn a_password_never_leaves_this_machine_in_the_clear() {
        for mode in ["optional", "never"] {
            let url = format!("smtp://u:p@mail.example?starttls={mode}");
            assert_eq!(parsed(&url), Err(NOT_ENCRYPTED));
        }
    }

    #[test]
    fn users_and_passwords_are_decoded_and_hidden() {
        let url =
            parsed("smtps://me%40x.org:a%2Fb%3Ac%20%C3%A4+@mail.example:4650?ehlo=me.example")
                .unwrap();
        let credentials = url.credentials.clone().unwrap();
        assert_eq!(
            (&*credentials.user, &*credentials.password),
            ("me@x.org", "a/b:c ä+")
        );
        assert_eq!(url.ehlo.as_deref(), Some("me.example"));
        assert!(!format!("{url:?}").contains("a/b"), "{url:?}");
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for url in [
            "mail.example:25",
            "http://mail.example",
            "smtp://",
            "smtp://mail.example/inbox",
            "smtp://u:pa#ss@mail.example",
            "smtp://u@mail.example",
            "smtp://:p@mail.example",
            "smtp://mail.example?tls=yes",
            "smtp://mail.example?starttls=maybe",
            "smtps://mail.example?starttls=required",
            "smtp://mail.example?ehlo=a%0d%0ab",
        ] {
            assert!(parsed(url).is_err(), "{url}");
        }
    }
}

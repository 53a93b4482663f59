//! Login addresses that Rollcall makes up for people who have none
//! (`docs/imports.md#names-without-addresses`). Nothing is ever mailed to them.

use std::fmt;
use std::str::FromStr;

use super::email_address::{
    EmailAddress, EmailAddressError, MAX_ADDRESS_BYTES, MAX_LOCAL_PART_BYTES,
};
use super::email_domain::EmailDomain;
use super::slug::{MAX_SLUG_BYTES, Slug, SlugFallback};
use super::username::Username;

/// The longest login domain, in bytes: an address has room for the longest name, an `@`, and the
/// longest slug with its dot.
const MAX_LOGIN_DOMAIN_BYTES: usize =
    MAX_ADDRESS_BYTES - MAX_LOCAL_PART_BYTES - 1 - MAX_SLUG_BYTES - 1;

/// The domain below which every made-up address stands, in its canonical form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginDomain(String);

/// Why a text is not a login domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoginDomainError {
    #[error("is no domain name")]
    NoDomain,
    #[error("has more than {MAX_LOGIN_DOMAIN_BYTES} bytes")]
    TooLong,
}

impl FromStr for LoginDomain {
    type Err = LoginDomainError;

    fn from_str(text: &str) -> Result<Self, LoginDomainError> {
        let probe = EmailAddress::parse(&format!("a@a.{}", text.trim()))
            .map_err(|_| LoginDomainError::NoDomain)?;
        let (_, domain) = probe
            .domain()
            .split_once('.')
            .ok_or(LoginDomainError::NoDomain)?;
        if domain.len() > MAX_LOGIN_DOMAIN_BYTES {
            return Err(LoginDomainError::TooLong);
        }
        Ok(Self(domain.to_owned()))
    }
}

impl fmt::Display for LoginDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl LoginDomain {
    /// What stands behind the `@` of an organization's made-up addresses.
    pub fn of_organization(&self, slug: &Slug) -> String {
        format!("{slug}.{self}")
    }

    /// Whether this is the login domain, or one below it.
    pub fn has(&self, domain: &EmailDomain) -> bool {
        is_within(domain.as_str(), self)
    }

    /// The address that `text` spells, unless it is one that only Rollcall may give out.
    ///
    /// # Errors
    /// As [`EmailAddress::parse`], and where it stands in this domain.
    pub fn parse_outside(&self, text: &str) -> Result<EmailAddress, EmailAddressError> {
        let email = EmailAddress::parse(text)?;
        if is_reserved(&email, self) {
            return Err(EmailAddressError::Invalid { reason: RESERVED });
        }
        Ok(email)
    }
}

/// What is said of an address that nobody but Rollcall may give out.
pub const RESERVED: &str =
    "Addresses of this domain are made up by Rollcall, and no mail reaches them. Use another one.";

/// Whether an address stands in the login domain or below it: nobody registers, imports or invites
/// it, or people could take an address before somebody gets it.
fn is_reserved(email: &EmailAddress, login_domain: &LoginDomain) -> bool {
    is_within(email.domain(), login_domain)
}

fn is_within(domain: &str, login_domain: &LoginDomain) -> bool {
    domain
        .strip_suffix(login_domain.0.as_str())
        .is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

/// What somebody's made-up address begins with, before the number that tells people of one name
/// apart.
pub fn base_of(username: &Username) -> Slug {
    Slug::from_name(username.as_str(), SlugFallback::Person)
}

/// The address with this number: the first has none, the second has `-2` behind its name.
///
/// # Errors
/// Never, for the domain of an organization.
pub fn numbered(base: &Slug, number: u32, domain: &str) -> Result<EmailAddress, EmailAddressError> {
    let name = match number {
        0 | 1 => base.clone(),
        number => base.numbered(number),
    };
    EmailAddress::parse(&format!("{name}@{domain}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domain(text: &str) -> LoginDomain {
        text.parse().unwrap()
    }

    fn address(text: &str) -> EmailAddress {
        EmailAddress::parse(text).unwrap()
    }

    #[test]
    fn names_of_any_script_have_an_address() {
        let domain = domain("login.invalid").of_organization(&Slug::parse("hill-road").unwrap());
        for (name, number, expected) in [
            ("Jane Doe", 1, "jane-doe@hill-road.login.invalid"),
            ("Jane Doe", 2, "jane-doe-2@hill-road.login.invalid"),
            ("Ääkkönen", 10, "aakkonen-10@hill-road.login.invalid"),
            ("李明", 1, "li-ming@hill-road.login.invalid"),
            ("?!", 3, "person-3@hill-road.login.invalid"),
        ] {
            let base = base_of(&Username::parse(name).unwrap());
            let made = numbered(&base, number, &domain).unwrap();
            assert_eq!(made.as_str(), expected);
        }
    }

    #[test]
    fn the_longest_of_everything_fits() {
        let login_domain = format!("{}.{}.example", "x".repeat(57), "y".repeat(59));
        assert_eq!(login_domain.len(), MAX_LOGIN_DOMAIN_BYTES);
        let slug = Slug::parse(&"s".repeat(MAX_SLUG_BYTES)).unwrap();
        let domain = domain(&login_domain).of_organization(&slug);
        let base = base_of(&Username::parse(&"w".repeat(100)).unwrap());
        assert!(numbered(&base, u32::MAX, &domain).is_ok());
        assert_eq!(
            format!("x{login_domain}").parse::<LoginDomain>(),
            Err(LoginDomainError::TooLong)
        );
    }

    #[test]
    fn the_domain_is_canonical_and_a_domain() {
        assert_eq!(
            domain(" Login.Schüle.example ").0,
            "login.xn--schle-mva.example"
        );
        assert_eq!(domain("school").0, "school");
        for text in [
            "",
            " ",
            ".",
            "@x.example",
            ".x.example",
            "x..y",
            "a b.example",
            "1.2",
            "x_y.z",
        ] {
            assert_eq!(
                text.parse::<LoginDomain>(),
                Err(LoginDomainError::NoDomain),
                "{text:?}"
            );
        }
    }

    #[test]
    fn what_stands_in_the_domain_or_below_is_reserved() {
        let login_domain = domain("login.example");
        for reserved in [
            "a@login.example",
            "A@Hill-Road.LOGIN.example",
            "a@b.c.login.example",
        ] {
            assert!(is_reserved(&address(reserved), &login_domain), "{reserved}");
            assert_eq!(
                login_domain.parse_outside(reserved),
                Err(EmailAddressError::Invalid { reason: RESERVED })
            );
        }
        for free in [
            "a@example.org",
            "a@mylogin.example",
            "login.example@x.org",
            "a@login.example.org",
        ] {
            assert_eq!(login_domain.parse_outside(free), Ok(address(free)));
        }
    }
}

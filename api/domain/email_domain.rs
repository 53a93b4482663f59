//! The part of an email address behind the `@`, as limits of invite codes name it (`docs/invite-codes.md`) and
//! organizations prove it (`docs/domains.md`).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::email_address::{EmailAddress, EmailAddressError, canonical_domain};

/// A domain name in the spelling that canonical addresses have: ASCII, lower case.
///
/// It stands for itself only, not for the domains below it: `school.example` is not
/// `mail.school.example`, which may be anybody's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EmailDomain(String);

impl EmailDomain {
    /// The domain that `text` spells, with or without an `@` in front.
    ///
    /// # Errors
    /// Where no address can have it.
    pub fn parse(text: &str) -> Result<Self, EmailAddressError> {
        let text = text.trim();
        let domain = text.strip_prefix('@').unwrap_or(text);
        // As tools of the domain name system print it.
        let domain = domain.strip_suffix('.').unwrap_or(domain);
        canonical_domain(domain).map(Self)
    }

    /// The domain of an address.
    pub fn of(email: &EmailAddress) -> Self {
        Self(email.domain().to_owned())
    }

    /// A domain as it was stored: it was parsed before.
    pub const fn from_stored(domain: String) -> Self {
        Self(domain)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the address is of this domain.
    pub fn has(&self, email: &EmailAddress) -> bool {
        email.domain() == self.0
    }
}

impl fmt::Display for EmailDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl utoipa::PartialSchema for EmailDomain {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some("What stands after the @ of an address."))
            .max_length(Some(254))
            .examples(["school.example"])
            .into()
    }
}

impl utoipa::ToSchema for EmailDomain {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_compared_as_addresses_have_them() {
        let email = EmailAddress::parse("Jane@Bücher.example").unwrap();
        for spelling in [
            "bücher.example",
            " @BÜCHER.example",
            "xn--bcher-kva.example",
        ] {
            assert!(
                EmailDomain::parse(spelling).unwrap().has(&email),
                "{spelling}"
            );
        }
        for other in ["example.org", "mail.bücher.example", "cher.example"] {
            assert!(!EmailDomain::parse(other).unwrap().has(&email), "{other}");
        }
    }

    #[test]
    fn what_no_address_has_is_no_domain() {
        for text in [
            "",
            "@",
            "school",
            "*.school.example",
            "jane@school.example",
            "10.0.0.1",
            "[::1]",
        ] {
            assert!(EmailDomain::parse(text).is_err(), "{text}");
        }
        let reason = |text: &str| EmailDomain::parse(text).unwrap_err().of_domain();
        let expected = "Expected a domain such as example.org.";
        assert_eq!(reason("school"), expected);
        assert_eq!(
            reason("anna–maria.org"),
            format!("A domain has no U+2013 (–). {expected}")
        );
    }
}

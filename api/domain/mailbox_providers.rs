//! Providers of mailboxes for everybody: no organization proves a domain of theirs (`docs/domains.md`).

use std::collections::HashSet;
use std::sync::LazyLock;

use super::email_domain::EmailDomain;

/// The domains of the providers; `NOTICE` says where they are from.
static PROVIDERS: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("mailbox_providers.txt").lines().collect());

/// Whether anybody can get a mailbox in this domain.
pub fn is_for_everybody(domain: &EmailDomain) -> bool {
    PROVIDERS.contains(domain.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_domain_as_addresses_have_it() {
        for line in PROVIDERS.iter() {
            let domain = EmailDomain::parse(line).map(|domain| domain.to_string());
            assert_eq!(domain.as_deref(), Ok(*line));
        }
    }

    #[test]
    fn well_known_providers_are_among_them_and_organizations_are_not() {
        let is_listed = |text: &str| is_for_everybody(&EmailDomain::parse(text).unwrap());
        for provider in [
            "gmail.com",
            "GoogleMail.com",
            "outlook.com",
            "hotmail.co.uk",
            "icloud.com",
            "yahoo.co.jp",
            "gmx.de",
            "web.de",
            "t-online.de",
            "laposte.net",
            "orange.fr",
            "luukku.com",
            "suomi24.fi",
            "spray.se",
            "seznam.cz",
            "proton.me",
            "fastmail.com",
            "mail.ru",
            "qq.com",
        ] {
            assert!(is_listed(provider), "{provider}");
        }
        for organization in [
            "microsoft.com",
            "google.com",
            "harvard.edu",
            "school.example",
            "gmail.school.example",
        ] {
            assert!(!is_listed(organization), "{organization}");
        }
    }
}

//! Domains that no organization proves, because everybody gets something in them (`docs/domains.md`).

use std::collections::HashSet;
use std::sync::LazyLock;

use super::email_domain::EmailDomain;

/// Providers of mailboxes for everybody; `NOTICE` says where they are from.
pub static MAILBOX_PROVIDERS: LazyLock<DomainList> =
    LazyLock::new(|| DomainList::read(include_str!("mailbox_providers.txt")));

/// Names below which a registry or a host gives names to everybody (`co.uk`, `onmicrosoft.com`); `NOTICE` says where they
/// are from.
pub static PUBLIC_SUFFIXES: LazyLock<DomainList> =
    LazyLock::new(|| DomainList::read(include_str!("public_suffixes.txt")));

/// A list of domains, each for itself: what is below one of them is not in it.
pub struct DomainList(HashSet<&'static str>);

impl DomainList {
    /// Reads a list of one domain a line.
    fn read(text: &'static str) -> Self {
        Self(text.lines().collect())
    }

    pub fn contains(&self, domain: &EmailDomain) -> bool {
        self.0.contains(domain.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_listed(list: &DomainList, names: &[&str], expected: bool) {
        for name in names {
            let domain = EmailDomain::parse(name).unwrap();
            assert_eq!(list.contains(&domain), expected, "{name}");
        }
    }

    #[test]
    fn every_line_is_a_domain_as_addresses_have_it() {
        for line in MAILBOX_PROVIDERS.0.iter().chain(&PUBLIC_SUFFIXES.0) {
            let domain = EmailDomain::parse(line).map(|domain| domain.to_string());
            assert_eq!(domain.as_deref(), Ok(*line));
        }
    }

    #[test]
    fn well_known_providers_are_among_them_and_organizations_are_not() {
        let providers = [
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
        ];
        assert_listed(&MAILBOX_PROVIDERS, &providers, true);
        let organizations = [
            "microsoft.com",
            "google.com",
            "harvard.edu",
            "school.example",
            "gmail.school.example",
        ];
        assert_listed(&MAILBOX_PROVIDERS, &organizations, false);
    }

    #[test]
    fn what_is_registered_below_a_suffix_is_none() {
        let suffixes = [
            "co.uk",
            "AC.uk",
            "com.au",
            "edu.au",
            "sch.uk",
            "k12.ca.us",
            "vic.edu.au",
            "ac.jp",
            "onmicrosoft.com",
        ];
        assert_listed(&PUBLIC_SUFFIXES, &suffixes, true);
        let registered = [
            "ox.ac.uk",
            "school.onmicrosoft.com",
            "school.example",
            "orf.at",
        ];
        assert_listed(&PUBLIC_SUFFIXES, &registered, false);
    }
}

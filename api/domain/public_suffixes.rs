//! Names below which a registry or a host gives names to everybody: no organization proves one (`docs/domains.md`).

use std::collections::HashSet;
use std::sync::LazyLock;

use super::email_domain::EmailDomain;

/// The names; `NOTICE` says where they are from.
static SUFFIXES: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("public_suffixes.txt").lines().collect());

/// Whether everybody gets names below this one (`co.uk`, `onmicrosoft.com`).
pub fn is_public_suffix(domain: &EmailDomain) -> bool {
    SUFFIXES.contains(domain.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_domain_as_addresses_have_it() {
        for line in SUFFIXES.iter() {
            let domain = EmailDomain::parse(line).map(|domain| domain.to_string());
            assert_eq!(domain.as_deref(), Ok(*line));
        }
    }

    #[test]
    fn what_is_registered_below_a_suffix_is_none() {
        let is_listed = |text: &str| is_public_suffix(&EmailDomain::parse(text).unwrap());
        for suffix in [
            "co.uk",
            "AC.uk",
            "com.au",
            "edu.au",
            "sch.uk",
            "k12.ca.us",
            "vic.edu.au",
            "ac.jp",
            "onmicrosoft.com",
        ] {
            assert!(is_listed(suffix), "{suffix}");
        }
        for registered in [
            "ox.ac.uk",
            "school.onmicrosoft.com",
            "school.example",
            "orf.at",
        ] {
            assert!(!is_listed(registered), "{registered}");
        }
    }
}
